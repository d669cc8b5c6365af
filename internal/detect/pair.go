// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// key is the name before a separator.
type key struct {
	text   string
	quoted bool
	// head: nothing but indentation and keywords stands before it on its line.
	head bool
	// prose: words stand before it, so this may be a sentence.
	prose bool
}

// span is a value behind a separator, as offsets into its line.
type span struct {
	start, end int
	quoted     bool
	list       bool
}

const (
	maxKeyLength = 120
	// maxBare is the longest value without quotes that is read inside a line.
	maxBare = 512
)

// keyBefore reads the key that ends before the separator at i.
func keyBefore(line string, body, i int) key {
	j := i
	if j > body && line[i] == '=' && strings.IndexByte(":+?", line[j-1]) >= 0 {
		j--
	}
	j = blank.runBack(line[:j], j)
	if j <= body {
		return key{}
	}
	switch q := line[j-1]; {
	case quoteMark(q):
		return quotedKey(line, body, j)
	case q == ']' && j-2 > body && quoteMark(line[j-2]):
		return quotedKey(line, body, j-1) // os.environ["NAME"] =
	}
	start := bareKey(line, body, j)
	if start < 0 {
		return key{}
	}
	if line[i] == '=' && typeWords[line[start:j]] {
		return declared(line, body, start)
	}
	return inContext(line, body, start, j, line[i])
}

func quoteMark(b byte) bool { return b == '"' || b == '\'' || b == '`' }

// bareKey returns the start of the unquoted key that ends at j, or -1.
func bareKey(line string, body, j int) int {
	start := j
	for start > body && j-start < maxKeyLength && ((wordChar | dot | slash).has(line[start-1]) || strings.IndexByte("[]$@", line[start-1]) >= 0) {
		start--
	}
	text := line[start:j]
	switch {
	case text == "", strings.IndexByte(text, ']') >= 0 && strings.IndexByte(text, '[') < 0:
		return -1
	case start > body+1 && line[start-1] == '{' && line[start-2] == '$':
		return -1 // the name inside ${NAME:-default}
	case start > body && line[start-1] == ':' && insideReference(line[max(body, start-2*wordReach):start]):
		return -1 // arn:aws:secretsmanager:...:secret:name
	}
	return start
}

// insideReference tells whether text ends inside a word that points at a secret kept elsewhere.
func insideReference(text string) bool {
	return referenceText(text[strings.LastIndexAny(text, " \t\"'=,")+1:])
}

// inContext tells by the words before a key whether it begins its line, stands in a
// sentence, or has more words than one.
func inContext(line string, body, start, end int, sep byte) key {
	k := key{text: line[start:end]}
	from := max(body, start-wordReach)
	before := strings.TrimRight(line[from:start], " \t")
	if from > body && before == "" {
		return k
	}
	k.head = from == body && (before == "" || keyword(before))
	if !k.head && len(before) < start-from && letter.has(before[len(before)-1]) {
		switch {
		case sep == '=':
			k.text = withWordBefore(line, body, start, end)
		case titleBefore(before):
			k.text = before + " " + k.text
		default:
			k.prose = true
		}
	}
	// A key that a quote precedes stands inside a string: "Password: at least 8".
	k.prose = k.prose || sentence(before) || sep == ':' && before != "" && quoteMark(before[len(before)-1])
	return k
}

// typeWords are types that stand between a name and its value: password: str = "x",
// const password string = "x".
var typeWords = wordSet(`string str String String? &str bytes Bytes text SecretStr NSString Text char* std::string`)

// declared reads the name before a type.
func declared(line string, body, end int) key {
	j := blank.runBack(line[:end], end)
	if j > body && line[j-1] == ':' {
		j = blank.runBack(line[:j-1], j-1)
	}
	start := (wordChar | dot).runBack(line[:j], j)
	if start < body || start == j {
		return key{}
	}
	return key{text: line[start:j]}
}

// sentence tells three words in a row, as prose has them and lists of pairs have not.
func sentence(s string) bool {
	run := 0
	for w := range strings.FieldsSeq(s) {
		if !letter.all(strings.Trim(w, `"'(,.!?`)) {
			run = 0
			continue
		}
		if run++; run == 3 {
			return true
		}
	}
	return false
}

// keyword tells words that may stand before the key of an assignment.
func keyword(s string) bool {
	switch s {
	case "export", "set", "ENV", "ARG", "env", "declare -x", "declare", "local", "const", "let", "var", "val", "final",
		"static", "readonly", "export const", "private static final String", "public static final String", "SET", "setx", "-":
		return true
	}
	return false
}

// withWordBefore takes the words of ADO.NET's keys together: Shared Access Key=.
func withWordBefore(line string, body, start, end int) string {
	from := start
	for from > body && (letter.has(line[from-1]) || line[from-1] == ' ') && end-from < 40 {
		from--
	}
	if from == body || line[from-1] == ';' || line[from-1] == '"' || line[from-1] == '\'' {
		return strings.TrimSpace(line[from:end])
	}
	return line[start:end]
}

// titleBefore tells one or two words before a key in a heading such as "API Key:".
func titleBefore(before string) bool {
	for i := range len(before) {
		if !letter.has(before[i]) && before[i] != ' ' {
			return false
		}
	}
	return strings.Count(before, " ") <= 1 && len(before) <= 24
}

func quotedKey(line string, body, j int) key {
	q := line[j-1]
	inner := j - 1
	for inner > body && line[inner-1] == '\\' {
		inner--
	}
	from := max(body, inner-maxKeyLength)
	start := strings.LastIndexByte(line[from:inner], q)
	if start < 0 {
		return key{}
	}
	start += from
	text := line[start+1 : inner]
	before := strings.TrimRight(strings.TrimRight(line[max(body, start-wordReach):start], `\`), " \t")
	return key{text: text, quoted: true, head: before == "" && start-body <= wordReach}
}

// valueAfter reads the value that begins at from.
func valueAfter(line string, from int, k key, sep byte) span {
	start := behindTags(line, blank.run(line, from))
	if start >= len(line) {
		return span{}
	}
	escapes := start
	for escapes < len(line) && line[escapes] == '\\' {
		escapes++
	}
	switch {
	case escapes < len(line) && quoteMark(line[escapes]):
		if !k.quoted && escapes == start && inQuotation(line[:from], line[escapes]) {
			return span{} // the quote closes a string that holds the key: "Password: "
		}
		return quotedValue(line, start, escapes)
	case line[start] == '[':
		return listValue(line, start)
	case k.head && !(sep == '=' && listOfPairs(line[start:])):
		return restOfLine(line, start)
	}
	return bareValue(line, start)
}

// listOfPairs tells that more pairs follow in what stands behind a name: a;b=c, and a,b.c=d as Helm's --set has them.
func listOfPairs(rest string) bool {
	if strings.Contains(rest, ";") && strings.Contains(rest, "=") {
		return true
	}
	for i := strings.IndexByte(rest, ','); i >= 0 && i < len(rest); {
		end := i + 1
		for end < len(rest) && ((wordChar | dot).has(rest[end]) || rest[end] == '[' || rest[end] == ']') {
			end++
		}
		if end > i+2 && end < len(rest) && rest[end] == '=' {
			return true
		}
		next := strings.IndexByte(rest[end:], ',')
		if next < 0 {
			return false
		}
		i = end + next
	}
	return false
}

// behindTags skips YAML's tags of its own types, such as !!str.
func behindTags(line string, start int) int {
	for strings.HasPrefix(line[start:], "!!") {
		tag := strings.IndexAny(line[start:], " \t")
		if tag < 0 {
			return start
		}
		start = blank.run(line, start+tag)
	}
	return start
}

// listValue reads an inline list of single values.
func listValue(line string, start int) span {
	end := strings.IndexByte(line[start:], ']')
	if end <= 0 || strings.IndexByte(line[start:start+end], '{') >= 0 {
		return span{}
	}
	return span{start: start + 1, end: start + end, list: true}
}

// inQuotation tells whether text ends inside a string. Apostrophes far away say nothing of that.
func inQuotation(text string, quote byte) bool {
	if quote == '\'' {
		text = text[max(0, len(text)-wordReach):]
	}
	return strings.Count(text, string(quote))%2 == 1
}

// quotedValue reads to the closing quote, which is escaped as the opening one is.
func quotedValue(line string, start, at int) span {
	quote, escapes := line[at], at-start
	if triple := strings.Repeat(string(quote), 3); escapes == 0 && strings.HasPrefix(line[at:], triple) {
		end := at + len(triple)
		if n := strings.Index(line[end:], triple); n > 0 {
			return span{start: end, end: end + n, quoted: true}
		}
		return span{start: end, end: len(line), quoted: true}
	}
	for i := at + 1; i < len(line); i++ {
		if line[i] == '\\' {
			run := i
			for run < len(line) && line[run] == '\\' {
				run++
			}
			if escapes > 0 && run-i <= escapes && run < len(line) && line[run] == quote {
				return span{start: at + 1, end: i, quoted: true}
			}
			i = run
			continue
		}
		if line[i] == quote {
			return span{start: at + 1, end: i, quoted: true}
		}
	}
	// No closing quote: the string goes on, or the quote is part of the value.
	return span{start: at + 1, end: len(line), quoted: true}
}

// restOfLine reads an unquoted value up to a comment.
func restOfLine(line string, start int) span {
	end := len(line)
	for _, mark := range []string{" #", "\t#", " //", " ;"} {
		if i := strings.Index(line[start:end], mark); i >= 0 {
			end = start + i
		}
	}
	for end > start && (blank.has(line[end-1]) || line[end-1] == ',' || line[end-1] == ';') {
		end--
	}
	return span{start: start, end: end}
}

// bareValue reads an unquoted value inside a line, up to what separates pairs.
func bareValue(line string, start int) span {
	end := start
	if strings.IndexByte("&;,", line[start]) >= 0 {
		return span{} // the next pair begins: there is no value
	}
	substitutions := true
	for end < len(line) && end-start < maxBare && strings.IndexByte(" \t\"'`<>", line[end]) < 0 {
		if substitutions && line[end] == '$' {
			next := substitution(line[:min(len(line), start+maxBare)], end)
			substitutions = next > end // one that is not closed may be looked for once
			end = max(end+1, next)
			continue
		}
		if line[end] == '(' && end > start+1 && identifier(line[start:end]) {
			return span{start: start, end: min(len(line), end+1)} // a call: code
		}
		if end > start && strings.IndexByte(";&,)}]|", line[end]) >= 0 && !openBefore(line[start:end], line[end]) {
			break
		}
		end++
	}
	if end+1 < len(line) && line[end] == '<' && letter.has(line[end+1]) && identifier(line[start:end]) {
		return span{} // a generic type: Option<String>
	}
	return span{start: start, end: end}
}

// substitution returns the end of the $( ) or ${ } at i, i+1 if it is a $ of another kind, or i if it is not closed.
func substitution(line string, i int) int {
	switch {
	case strings.HasPrefix(line[i:], "$("):
		return max(i, closingBracket(line, i+1, '(', ')'))
	case strings.HasPrefix(line[i:], "${"):
		return max(i, closingBracket(line, i+1, '{', '}'))
	}
	return i + 1
}

// openBefore tells whether a closing bracket closes one inside the value: $(cat f).
func openBefore(value string, closing byte) bool {
	switch closing {
	case ')':
		return strings.Count(value, "(") > strings.Count(value, ")")
	case '}':
		return strings.Count(value, "{") > strings.Count(value, "}")
	case ']':
		return strings.Count(value, "[") > strings.Count(value, "]")
	}
	return false
}
