// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/json"
	"strconv"
	"strings"
)

// structure reads the names and values inside a text, whatever its format: JSON by its
// grammar, everything else line by line.
func (s *scan) structure(r region) {
	if !s.spend(len(r.text)) {
		return
	}
	s.nesting++
	outer := s.labels
	first := len(s.found)
	s.labels = labelCount{}
	if !s.json(r) {
		s.lines(r)
	}
	if s.labels.labels() {
		kept := s.found[:first]
		for _, f := range s.found[first:] {
			if !f.label {
				kept = append(kept, f)
			}
		}
		s.found = kept
	}
	s.labels = outer
	s.nesting--
}

// inside reads a document that is the value of a name.
func (s *scan) inside(name string, r region) {
	outer := s.name
	s.name = name
	s.structure(r)
	s.name = outer
}

// lineReader is what has to be remembered from line to line.
type lineReader struct {
	s *scan
	r region
	// parents are the keys above the line, by indentation (YAML) or section (INI).
	parents []parent
	// block is a key whose value follows as an indented block, or a list of items.
	block    string
	blockAt  int
	listName string
	// attr is the value of a key called name, key or the like, whose partner (value)
	// may follow: name: DB_PASSWORD / value: hunter2.
	attr   string
	attrAt int
	// openTag is the last XML element that had no text of its own.
	openTag string
	// early is a value whose name may follow.
	early   [2]int
	earlyOK bool
	// userList: every line is "user" "password".
	userList bool
}

type parent struct {
	indent int
	name   string
}

const (
	maxParents = 12
	// pairReach is how far apart a name and its value may stand, in bytes.
	pairReach = 400
	// maxLine and lineOverlap cut long lines; wordReach is how far behind a key its
	// surroundings are looked at.
	maxLine     = 4 << 10
	lineOverlap = 512
	wordReach   = 64
	maxTag      = 512
)

func (s *scan) lines(r region) {
	l := lineReader{s: s, r: r, blockAt: -1, userList: userList(r.text)}
	for start := 0; start < len(r.text); {
		end := nextOf(r.text, start, '\n')
		l.pieces(start, strings.TrimRight(r.text[start:end], "\r"))
		start = end + 1
	}
}

// pieces reads a line, a very long one (a minified file) in overlapping pieces, so that
// looking around in a line never costs more than a piece.
func (l *lineReader) pieces(at int, line string) {
	for from := 0; ; from += maxLine - lineOverlap {
		to := min(len(line), from+maxLine)
		l.line(at+from, line[from:to])
		if to == len(line) {
			return
		}
	}
}

// line reads one line, which begins at offset at of the region.
func (l *lineReader) line(at int, line string) {
	indent, body, marker := bodyOf(line)
	if body >= len(line) {
		return
	}
	text := line[body:]
	where := bareInFile
	if comment(text) {
		where = inComment
	}
	if strings.HasPrefix(text, "---") && strings.HasPrefix(text, "-----BEGIN") {
		return
	}
	l.continueBlock(at, line, indent, body, marker)
	if marker && !namePair(text) {
		l.attr, l.earlyOK = "", false
	}
	if l.section(text) {
		return
	}
	l.head(line, indent, body, where)
	l.separators(at, line, body, where)
	if strings.IndexByte(text, ' ') >= 0 || strings.IndexByte(text, '\t') >= 0 {
		l.s.command(l.r.sub(at+body, at+len(line)), where)
	}
	l.s.passwordFile(l.r.sub(at+body, at+len(line)), l.userList)
}

// bodyOf returns the indentation of a line, the offset of its text behind list marks,
// and whether there was a list mark.
func bodyOf(line string) (indent, body int, marker bool) {
	i := blank.run(line, 0)
	indent = i
	for i+1 < len(line) && line[i] == '-' && blank.has(line[i+1]) {
		marker = true
		i = blank.run(line, i+1)
		indent = i
	}
	return indent, i, marker
}

func comment(text string) bool {
	return text[0] == '#' || text[0] == ';' || strings.HasPrefix(text, "//") || strings.HasPrefix(text, "<!--") || strings.HasPrefix(text, "* ")
}

// namePair tells whether the line itself begins with the name of a name and value.
func namePair(text string) bool {
	key, _, ok := strings.Cut(text, ":")
	return ok && nameKey(strings.Trim(key, `"' {`))
}

// section reads [section] of INI and TOML, which becomes the parent of what follows.
func (l *lineReader) section(text string) bool {
	if text[0] != '[' {
		return false
	}
	end := strings.IndexByte(text, ']')
	if end < 0 || strings.Trim(text[end:], "] \t\r#") != "" && text[len(text)-1] != ']' {
		return false
	}
	name := strings.Trim(text[:end], "[ \"'")
	if name == "" || strings.ContainsAny(name, ",{}=") {
		return false
	}
	l.parents = append(l.parents[:0], parent{indent: -1, name: name})
	return true
}

// continueBlock judges a line that is the value of a key further up: the text of a
// block scalar, or an item of a list.
func (l *lineReader) continueBlock(at int, line string, indent, body int, marker bool) {
	if l.block != "" {
		if indent > l.blockAt {
			l.s.judge(l.r, at+body, at+len(strings.TrimRight(line, " \t")), l.block, inQuotes)
		}
		l.block = ""
	}
	if l.listName == "" {
		return
	}
	if !marker || indent < l.blockAt {
		l.listName = ""
		return
	}
	start, end, quoted := trimQuotes(line, body, len(line))
	where := bareInFile
	if quoted {
		where = inQuotes
	}
	if strings.Contains(line[start:end], ": ") {
		return
	}
	l.s.judge(l.r, at+start, at+end, l.listName, where)
}

func trimQuotes(line string, start, end int) (int, int, bool) {
	for end > start && (blank.has(line[end-1]) || line[end-1] == ',' || line[end-1] == '\r') {
		end--
	}
	if end-start >= 2 && (line[start] == '"' || line[start] == '\'') && line[end-1] == line[start] {
		return start + 1, end - 1, true
	}
	return start, end, false
}

// head reads the key that begins the line, for what depends on lines: parents, blocks,
// values with spaces.
func (l *lineReader) head(line string, indent, body int, where place) {
	for len(l.parents) > 0 && l.parents[len(l.parents)-1].indent >= indent {
		l.parents = l.parents[:len(l.parents)-1]
	}
	if where == inComment {
		return
	}
	key, sep, ok := headKey(line, body)
	if !ok {
		return
	}
	rest := strings.TrimSpace(line[sep+1:])
	if line[sep] != ':' || len(rest) > 0 && rest[0] != '#' {
		l.s.labels.see(rest)
	}
	if line[sep] != ':' {
		return
	}
	rest, _, _ = strings.Cut(rest, " #")
	switch {
	case rest == "" || rest[0] == '#' || rest[0] == '&' || rest == "{" || rest == "[":
		l.listName, l.blockAt = l.path(key), indent
		l.push(indent, key)
	case blockScalar(rest):
		l.block, l.blockAt = l.path(key), indent
		l.push(indent, key)
	}
}

func (l *lineReader) push(indent int, key string) {
	if len(l.parents) < maxParents {
		l.parents = append(l.parents, parent{indent: indent, name: key})
	}
}

// path joins the nearest parents and the key to one name.
func (l *lineReader) path(key string) string {
	n := len(l.parents)
	switch n {
	case 0:
		return key
	case 1:
		return l.parents[0].name + "." + key
	}
	return l.parents[n-2].name + "." + l.parents[n-1].name + "." + key
}

func blockScalar(v string) bool {
	switch strings.TrimRight(v, "0123456789") {
	case "|", ">", "|-", ">-", "|+", ">+":
		return true
	}
	return false
}

// headKey returns the key at the head of a line and the offset of its separator.
func headKey(line string, body int) (key string, sep int, ok bool) {
	i := body
	for _, word := range []string{"export ", "set ", "ENV ", "ARG ", "env ", "declare -x ", "declare ", "local ", "const ", "let ", "var ", "val ", "final ", "static ", "readonly "} {
		if strings.HasPrefix(line[i:], word) {
			i += len(word)
			break
		}
	}
	const maxKey = 120
	if i < len(line) && (line[i] == '"' || line[i] == '\'') {
		j := strings.IndexByte(line[i+1:], line[i])
		if j < 0 || j > maxKey {
			return "", 0, false
		}
		key = line[i+1 : i+1+j]
		i += j + 2
	} else {
		j := i
		for j < len(line) && j-i < maxKey && (wordChar|dot|slash).has(line[j]) || j < len(line) && strings.IndexByte("[]$@ ", line[j]) >= 0 && j-i < maxKey {
			j++
		}
		key = strings.TrimSpace(line[i:j])
		i = j
	}
	i = blank.run(line, i)
	if key == "" || i >= len(line) || (line[i] != ':' && line[i] != '=') {
		return "", 0, false
	}
	if line[i] == ':' && i+1 < len(line) && !blank.has(line[i+1]) && line[i+1] != '\r' {
		return "", 0, false
	}
	return key, i, true
}

// separators judges the pairs of a line, wherever in it they stand.
func (l *lineReader) separators(at int, line string, body int, where place) {
	for i := body; i < len(line); i++ {
		switch line[i] {
		case '=', ':':
			if line[i] == ':' && (strings.HasPrefix(line[i:], "://") || i+1 < len(line) && line[i+1] == '=' || i+1 < len(line) && line[i+1] == ':') {
				continue
			}
			i = max(i, l.pair(at, line, body, i, where))
		case ',':
			l.call(at, line, i)
		case '>':
			if i == 0 || line[i-1] != '=' {
				l.element(at, line, i)
			}
		}
	}
}

// pair judges key SEP value, with the separator at i. It returns the end of what needs no second look.
func (l *lineReader) pair(at int, line string, body, i int, where place) int {
	k := keyBefore(line, body, i)
	if k.text == "" {
		return i
	}
	after := i + 1
	if after < len(line) && line[i] == '=' && (line[after] == '>' || line[after] == '=' || line[after] == '~') {
		after++
	}
	v := valueAfter(line, after, k, line[i])
	if v.start >= v.end {
		return i
	}
	name := k.text
	if k.head {
		name = l.path(k.text)
		if l.document(at, line, v, name) {
			return v.end
		}
	} else if k.prose || line[i] == ':' && !v.quoted && v.end < len(line) && line[v.end] == ' ' {
		where = inComment // words before or behind: a sentence, perhaps
	}
	if v.quoted && where == bareInFile {
		where = inQuotes
	}
	if where == bareInFile && exactSetting(line, k, i) {
		where = inSetting
	}
	l.partners(at, line, k, v, where)
	if line[v.start] == '(' {
		l.tuple(at, line, v.start, name)
		return i
	}
	if v.list {
		l.items(at, line, v, name)
		return i
	}
	if curlUser(line, k, i, v) {
		l.s.flag(l.r, at+v.start, at+v.end, flagValue{value: line[v.start:v.end], pair: true, name: "auth"})
		return i
	}
	l.value(at, line, v, name, where)
	l.fallback(at, line, v, name)
	return i
}

// document reads a value that is a JSON object of its own, in quotes with escapes or without, and tells whether it is.
func (l *lineReader) document(at int, line string, v span, name string) bool {
	text := line[v.start:v.end]
	if text[0] != '{' || text[len(text)-1] != '}' || l.s.nesting >= maxNesting {
		return false
	}
	r := l.r.sub(at+v.start, at+v.end)
	if v.quoted && strings.HasPrefix(text, `{\"`) {
		plain, err := strconv.Unquote(`"` + text + `"`)
		if err != nil {
			return false
		}
		r = l.r.decoded(plain, at+v.start, at+v.end)
	}
	if !json.Valid([]byte(r.text)) {
		return false
	}
	if l.attr != "" && valueKey(lastPart(name)) {
		name = l.attr
	}
	l.s.inside(name, r)
	return true
}

// curlUser tells user = "name:password", as curl's configuration has it, from the user and group of a container.
func curlUser(line string, k key, sep int, v span) bool {
	if line[sep] != '=' || !v.quoted || k.text != "user" && k.text != "proxy-user" {
		return false
	}
	pw, ok := pairPassword(line[v.start:v.end])
	return ok && (mixed(pw) || caseChanges(pw) > 0)
}

// fallbacks are operators between a value that comes from elsewhere and what stands in where it is missing.
var fallbacks = []string{"||", "??", "?:", "or"}

// fallback judges the literal of process.env.SESSION_SECRET || 'literal', by the name in the expression or before it.
func (l *lineReader) fallback(at int, line string, v span, name string) {
	expression, _, more := strings.Cut(line[v.start:min(len(line), v.start+maxKeyLength)], " ")
	if v.quoted || !more || !strings.ContainsAny(expression, ".([") {
		return // a literal, or a variable of which nothing is known
	}
	operator := blank.run(line, v.start+len(expression))
	for _, op := range fallbacks {
		if !strings.HasPrefix(line[operator:], op) {
			continue
		}
		start := blank.run(line, operator+len(op))
		if start >= len(line) || !quoteMark(line[start]) {
			return
		}
		literal := quotedValue(line, start, start)
		c := readName(name)
		if own := lastWord(expression); readName(own).noun != 0 {
			name, c = own, readName(own)
		}
		text := line[literal.start:literal.end]
		if c.strong && len(text) >= 8 && !Placeholder(text) && !innocent(text) {
			l.s.add(l.r, at+literal.start, at+literal.end, KindSecretValue, "fallback", byName)
		} else {
			l.s.judge(l.r, at+literal.start, at+literal.end, name, inQuotes)
		}
		return
	}
}

// lastWord is the last name of an expression: SESSION_SECRET of process.env.SESSION_SECRET and of getenv("SESSION_SECRET").
func lastWord(expression string) string {
	expression = strings.TrimRight(expression, `"')]`)
	start := wordChar.runBack(expression, len(expression))
	return expression[start:]
}

// value judges a value; if it has spaces and is not quoted, its first word as well.
func (l *lineReader) value(at int, line string, v span, name string, where place) {
	before := len(l.s.found)
	l.s.judge(l.r, at+v.start, at+v.end, name, where)
	if len(l.s.found) > before || v.quoted {
		return
	}
	if n := strings.IndexAny(line[v.start:v.end], " \t"); n > 0 && readName(name).noun != 0 {
		first := strings.TrimRight(line[v.start:v.start+n], ",;")
		if strings.Count(first, "(") > strings.Count(first, ")") || strings.Count(first, "{") > strings.Count(first, "}") {
			return // the beginning of a reference: $(cat file)
		}
		if strings.HasPrefix(first, "<") && strings.HasSuffix(line[v.start:v.end], ">") {
			return // the beginning of a description: <generate one>
		}
		rest := line[v.start+n : v.end]
		if sentence(rest) && !strings.Contains(rest, "=") {
			return
		}
		if strings.ContainsAny(rest, "=:") || strings.HasPrefix(strings.TrimSpace(rest), "-") || where == inSetting || strings.HasSuffix(line[v.start:v.start+n], ",") ||
			strings.HasSuffix(line[v.start:v.start+n], ";") {
			l.s.judge(l.r, at+v.start, at+v.start+len(first), name, where)
		}
	}
}

// tuple judges auth=("user", "password").
func (l *lineReader) tuple(at int, line string, open int, name string) {
	if readName(name).noun&(isAuth|isCredential) == 0 {
		return
	}
	end := nextOf(line, open, ')')
	_, second, ok := strings.Cut(line[open:end], ",")
	if !ok {
		return
	}
	start, stop, quoted := trimQuotes(line, end-len(strings.TrimLeft(second, " \t")), end)
	if quoted {
		l.s.judge(l.r, at+start, at+stop, "password", inQuotes)
	}
}

// items judges the items of an inline list.
func (l *lineReader) items(at int, line string, v span, name string) {
	for start := v.start; start < v.end; {
		end := nextOf(line[:v.end], start, ',')
		from := blank.run(line[:end], start)
		a, b, quoted := trimQuotes(line, from, end)
		where := bareInFile
		if quoted {
			where = inQuotes
		}
		if a < b {
			l.s.judge(l.r, at+a, at+b, name, where)
		}
		start = end + 1
	}
}

// exactSetting tells NAME=value as in an environment file or a shell: no spaces, a
// name in capitals.
func exactSetting(line string, k key, i int) bool {
	return line[i] == '=' && !strings.ContainsAny(k.text, "abcdefghijklmnopqrstuvwxyz.") && i+1 < len(line) && !blank.has(line[i+1])
}

// partners handles name: X / value: Y, in either order.
func (l *lineReader) partners(at int, line string, k key, v span, where place) {
	here := at + v.start
	switch {
	case nameKey(k.text) && !strings.ContainsAny(line[v.start:v.end], " \t"):
		l.attr, l.attrAt = line[v.start:v.end], here
		if l.earlyOK && here-l.early[1] < pairReach {
			l.s.judge(l.r, l.early[0], l.early[1], l.attr, inQuotes)
			l.earlyOK, l.attr = false, ""
		}
	case valueKey(k.text):
		if l.attr != "" && here-l.attrAt < pairReach {
			if where == bareInFile {
				where = inSetting
			}
			l.s.judge(l.r, here, at+v.end, l.attr, where)
			l.attr = ""
			return
		}
		l.early, l.earlyOK = [2]int{here, at + v.end}, true
	}
}

func nameKey(k string) bool {
	switch lastPart(k) {
	case "name", "key", "variable", "var", "property", "param", "parameter", "option", "header", "envvar", "env", "id", "Name", "Key", "ParameterKey":
		return true
	}
	return false
}

func valueKey(k string) bool {
	switch lastPart(k) {
	case "value", "val", "content", "default", "stringValue", "string_value", "defaultValue", "Value", "ParameterValue":
		return true
	}
	return false
}

func lastPart(k string) string { return k[strings.LastIndexByte(k, '.')+1:] }

// call judges f('NAME', 'value'): PHP's define, Java's setProperty.
func (l *lineReader) call(at int, line string, i int) {
	if i < 2 || (line[i-1] != '\'' && line[i-1] != '"') {
		return
	}
	from := max(0, i-maxKeyLength)
	start := from + strings.LastIndexByte(line[from:i-1], line[i-1])
	if start < max(1, from) {
		return
	}
	if open := blank.runBack(line[:start], start); open < 1 || line[open-1] != '(' {
		return
	}
	v := valueAfter(line, i+1, key{}, ',')
	if v.quoted {
		l.s.judge(l.r, at+v.start, at+v.end, line[start+1:i-1], inQuotes)
	}
}

// element judges <name>value</name> and <entry key="name">value</entry>, with the end
// of the opening tag at i.
func (l *lineReader) element(at int, line string, i int) {
	from := max(0, i-maxTag)
	open := from + strings.LastIndexByte(line[from:i], '<')
	if open < from || open+1 >= i || line[open+1] == '/' || line[i-1] == '/' {
		return
	}
	end := len(line)
	if j := strings.IndexByte(line[i+1:], '<'); j >= 0 {
		end = i + 1 + j
	}
	if strings.TrimSpace(line[i+1:end]) == "" {
		l.openTag, _, _ = strings.Cut(line[open+1:i], " ")
		return
	}
	if open > 0 && strings.IndexByte(" \t>\"'", line[open-1]) < 0 {
		return
	}
	tag := line[open+1 : i]
	if j := strings.IndexAny(tag, " \t"); j >= 0 {
		tag = tag[:j]
		if l.attr != "" && l.attrAt > at+open {
			l.s.judge(l.r, at+i+1, at+end, l.attr, inQuotes)
			l.attr = ""
			return
		}
	}
	k := key{text: tag[strings.LastIndexByte(tag, ':')+1:]}
	v := span{start: i + 1, end: end}
	if valueKey(k.text) && l.attr == "" && l.openTag != "" {
		l.s.judge(l.r, at+i+1, at+end, l.openTag, inQuotes) // <Password><Value>x
		return
	}
	if k.text == "string" && l.attr != "" { // Apple's property lists: <key>, <string>
		k.text = "value"
	}
	if nameKey(k.text) || valueKey(k.text) {
		l.partners(at, line, k, v, inQuotes)
		return
	}
	l.s.judge(l.r, at+i+1, at+end, k.text, inQuotes)
}
