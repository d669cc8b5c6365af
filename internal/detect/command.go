// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// shellWord is a word of a command line: its text without the quotes, and where the
// text lies.
type shellWord struct {
	text       string
	start, end int
	quoted     bool
}

// maxWords bounds the words of one line that are read as a command.
const maxWords = 4096

// splitWords splits a line as a shell does, roughly: at blanks outside of quotes.
// Quotes inside a word stay part of it.
func splitWords(line string) []shellWord {
	var words []shellWord
	for i := 0; i < len(line) && len(words) < maxWords; {
		if blank.has(line[i]) {
			i++
			continue
		}
		start := i
		var quote byte
		for i < len(line) && (quote != 0 || !blank.has(line[i])) {
			switch {
			case quote == 0 && (line[i] == '"' || line[i] == '\'' || line[i] == '`'):
				quote = line[i]
			case quote != 0 && line[i] == quote:
				quote = 0
			case quote == 0 && line[i] == '$' && i+1 < len(line) && line[i+1] == '(':
				if end := closingBracket(line, i+1, '(', ')'); end > 0 {
					i = end - 1
				}
			}
			i++
		}
		w := shellWord{text: line[start:i], start: start, end: i}
		if len(w.text) >= 2 && (w.text[0] == '"' || w.text[0] == '\'') && w.text[len(w.text)-1] == w.text[0] {
			w = shellWord{text: w.text[1 : len(w.text)-1], start: start + 1, end: i - 1, quoted: true}
		}
		if tail := strings.TrimRight(w.text, ";,)"); !w.quoted && len(tail) >= 2 && len(tail) < len(w.text) && (tail[0] == '"' || tail[0] == '\'') && tail[len(tail)-1] == tail[0] {
			w = shellWord{text: tail[1 : len(tail)-1], start: start + 1, end: start + len(tail) - 1, quoted: true}
		}
		words = append(words, w)
	}
	return words
}

// command reads a line as a command: flags with their values, and directives that
// have a name and a value with only a space between.
func (s *scan) command(r region, where place) {
	words := splitWords(r.text)
	if len(words) < 2 {
		return
	}
	texts := make([]string, len(words))
	program := ""
	for i, w := range words {
		texts[i] = w.text
	}
	s.piped(r, words)
	for i, w := range words {
		switch {
		case w.text == "|" || w.text == "&&" || w.text == "||" || w.text == ";":
			program = ""
			continue
		case !strings.HasPrefix(w.text, "-") && clients[programName(w.text)]:
			program = programName(w.text)
		}
		at := func(v string, word shellWord) (int, int) {
			off := strings.LastIndex(word.text, v)
			return word.start + off, word.start + off + len(v)
		}
		for _, hit := range flagValues(program, texts, i) {
			word := words[hit.arg]
			start, end := at(hit.value, word)
			s.flag(r, start, end, hit)
		}
		if i+1 < len(words) {
			s.directive(r, words, i, where)
		}
	}
}

// argument reads one argument of an array: a flag of its own, or with the next one.
func (s *scan) argument(args []string, i int) {
	for _, hit := range flagValues(programOf(args, i), args, i) {
		target := args[hit.arg]
		if hit.arg != i {
			// The value is found where it stands; here only the flag is known.
			continue
		}
		off := strings.LastIndex(target, hit.value)
		s.flag(region{text: target}, off, off+len(hit.value), hit)
	}
	for back := max(0, i-maxBehind); back < i; back++ {
		for _, hit := range flagValues(programOf(args, back), args, back) {
			if hit.arg == i {
				off := strings.LastIndex(args[i], hit.value)
				s.flag(region{text: args[i]}, off, off+len(hit.value), hit)
			}
		}
	}
	if i >= 2 && inSet(directives, programName(args[i-2])) && strings.ContainsAny(args[i-1], "-_.ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		s.judge(region{text: args[i]}, 0, len(args[i]), args[i-1], inSetting)
	}
}

// maxBehind is how far behind its flag or verb a value stands at most.
const maxBehind = 4

// piped reads what is handed to a program that takes a password from its input:
// echo "user:password" | chpasswd, echo password | docker login --password-stdin.
func (s *scan) piped(r region, words []shellWord) {
	if words[0].text != "echo" && words[0].text != "printf" {
		return
	}
	secret := words[1]
	if strings.HasPrefix(secret.text, "-") && len(words) > 2 {
		secret = words[2]
	}
	for i, w := range words {
		pair := w.text == "chpasswd"
		if !pair && w.text != "--password-stdin" && w.text != "--stdin" && w.text != "kinit" && (w.text != "-S" || words[i-1].text != "sudo") {
			continue
		}
		value, start := secret.text, secret.start
		if user, pw, ok := strings.Cut(value, ":"); pair && ok {
			value, start = pw, start+len(user)+1
		}
		s.flag(r, start, start+len(value), flagValue{value: value, sure: true})
	}
}

// programOf returns the program of an argument array: the first argument that is one
// of the clients with short flags, before i.
func programOf(args []string, i int) string {
	for _, a := range args[:i] {
		if p := programName(a); clients[p] {
			return p
		}
	}
	return ""
}

func programName(word string) string {
	word = word[strings.LastIndexAny(word, `/\`)+1:]
	return strings.TrimSuffix(strings.ToLower(word), ".exe")
}

// flagValue is the value of a flag.
type flagValue struct {
	arg   int // which word holds it
	value string
	// name is the flag's name, if the value is to be judged by it; pair says that the
	// value is user:password; sure that the flag only ever takes a password.
	name string
	pair bool
	sure bool
}

// flagValues returns the values that belong to the flag at i.
func flagValues(program string, args []string, i int) []flagValue {
	a := args[i]
	for _, p := range positional[program] {
		if at := i + p.behind; a == p.verb && at < len(args) {
			return []flagValue{{arg: at, value: args[at], sure: true}}
		}
	}
	if len(a) < 2 || (a[0] != '-' && a[0] != '/') {
		return nil
	}
	next := ""
	if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
		next = args[i+1]
	}
	name := strings.TrimLeft(a, "-/")
	if strings.HasPrefix(a, "/") && strings.IndexByte(name, ':') > 0 {
		key, value, _ := strings.Cut(name, ":")
		return []flagValue{{arg: i, value: value, name: key}}
	}
	if name == "" || a[0] == '/' {
		return nil
	}
	if f := shortFlag(program, a, next, i); f != nil {
		return f
	}
	if key, value, ok := strings.Cut(name, "="); ok {
		return longFlag(key, strings.Trim(value, `"'`), i)
	}
	if next != "" {
		return longFlag(name, next, i+1)
	}
	return nil
}

// longFlag judges --name value; a value may itself be name=value (--set, -e, -D).
func longFlag(name, value string, arg int) []flagValue {
	switch name {
	case "user", "userpwd", "proxy-user", "u", "auth", "credentials", "basic-auth", "httpauth", "login":
		return []flagValue{{arg: arg, value: value, pair: true, name: name}}
	case "passin", "passout", "pass":
		// openssl's sources of a password: pass:literal, env:VAR, file:path, fd:n.
		if literal, ok := strings.CutPrefix(value, "pass:"); ok {
			return []flagValue{{arg: arg, value: literal, sure: true}}
		}
	case "encrypt": // Consul's, Nomad's and Serf's gossip key
		name = "encryption-key"
	}
	if strings.IndexByte(value, ' ') > 0 {
		// Nobody hands a sentence to a flag for a password.
		c := readName(name)
		return []flagValue{{arg: arg, value: value, name: name, sure: c.noun == isPassword && c.strong}}
	}
	return []flagValue{{arg: arg, value: value, name: name}}
}

// shortFlags are clients whose password flag is one letter, by the flag: true if the
// password is stuck to it (mysql -px), false if it is the next word. From their manuals.
var shortFlags = map[string]map[string]bool{
	"mysql": {"-p": true}, "mysqldump": {"-p": true}, "mysqladmin": {"-p": true}, "mysqlimport": {"-p": true},
	"mariadb": {"-p": true}, "mariadb-dump": {"-p": true}, "mysqlsh": {"-p": true}, "mariadb-admin": {"-p": true}, "mysqlcheck": {"-p": true}, "mysqlpump": {"-p": true},
	"7z": {"-p": true}, "7za": {"-p": true}, "rar": {"-p": true},
	"redis-cli": {"-a": false}, "valkey-cli": {"-a": false}, "keydb-cli": {"-a": false},
	"mongo": {"-p": false}, "mongosh": {"-p": false}, "mongodump": {"-p": false}, "mongorestore": {"-p": false},
	"mongoexport": {"-p": false}, "mongoimport": {"-p": false}, "mongostat": {"-p": false},
	"sshpass": {"-p": true}, "docker": {"-p": false}, "podman": {"-p": false}, "oc": {"-p": false}, "helm": {"-p": false}, "skopeo": {"-p": false}, "buildah": {"-p": false}, "az": {"-p": false}, "nerdctl": {"-p": false}, "crane": {"-p": false}, "oras": {"-p": false},
	"sqlcmd": {"-p": false}, "bcp": {"-p": false}, "ldapsearch": {"-w": false}, "ldapadd": {"-w": false}, "ldapmodify": {"-w": false}, "ldapwhoami": {"-w": false}, "ldappasswd": {"-w": false},
	"cqlsh": {"-p": false}, "cypher-shell": {"-p": false}, "mosquitto_pub": {"-p": false}, "mosquitto_sub": {"-p": false},
	"zip": {"-p": false}, "unzip": {"-p": false}, "ipmitool": {"-p": false}, "rabbitmqadmin": {"-p": false}, "kcadm.sh": {"-p": false},
	"openssl": {"-k": false}, "isql": {"-p": false}, "tsql": {"-p": false}, "snmpwalk": {"-a": false, "-x": false}, "snmpget": {"-a": false, "-x": false},
	"mysqlslap": {"-p": true}, "odo": {"-p": false}, "cf": {"-p": false}, "argocd": {"-p": false},
}

// pairFlags are clients whose flag takes user:password.
var pairFlags = map[string]string{
	"curl": "-u", "http": "-a", "https": "-a", "xh": "-a", "lftp": "-u", "smbclient": "-U", "rpcclient": "-U", "nats": "-user", "ab": "-A", "siege": "-A",
}

// positional are commands that take the password as a word of its own: the words that
// introduce it, and how many words behind them it stands.
var positional = map[string][]struct {
	verb   string
	behind int
}{
	"mc":          {{"set", 4}, {"add", 4}},
	"rabbitmqctl": {{"add_user", 2}, {"change_password", 2}},
	"htpasswd":    {{"-b", 3}, {"-bc", 3}, {"-cb", 3}, {"-bB", 3}, {"-Bb", 3}, {"-nb", 2}, {"-nbB", 2}, {"-Bbn", 2}, {"-bn", 2}},
	"net":         {{"user", 2}},
	"cmdkey":      {},
}

// clients are the programs that have rules of their own.
var clients = func() map[string]bool {
	all := map[string]bool{}
	for p := range shortFlags {
		all[p] = true
	}
	for p := range pairFlags {
		all[p] = true
	}
	for p := range positional {
		all[p] = true
	}
	return all
}()

// capitalOnly are clients whose password flag is a capital (sqlcmd -P).
var capitalOnly = map[string]bool{
	"sqlcmd": true, "bcp": true, "mosquitto_pub": true, "mosquitto_sub": true, "ipmitool": true, "zip": true, "unzip": true,
	"isql": true, "tsql": true, "snmpwalk": true, "snmpget": true,
}

// shortFlag reads the one-letter flags of the program.
func shortFlag(program, a, next string, i int) []flagValue {
	if pairFlags[program] == a && next != "" {
		return []flagValue{{arg: i + 1, value: next, pair: true, name: "auth"}}
	}
	flags := shortFlags[program]
	for flag, stuck := range flags {
		if capitalOnly[program] {
			flag = strings.ToUpper(flag)
		}
		switch {
		case a == flag && next != "" && (!stuck || program == "sshpass") && (program != "docker" && program != "podman" && program != "nerdctl" || strings.IndexByte(next, ':') < 0 && !digit.all(next)):
			return []flagValue{{arg: i + 1, value: next, sure: true}}
		case stuck && strings.HasPrefix(a, flag) && !strings.HasPrefix(a, "--") && len(a) > 3:
			return []flagValue{{arg: i, value: strings.Trim(a[2:], `"'`), sure: true}}
		}
	}
	return nil
}

// flag judges a flag's value.
func (s *scan) flag(r region, start, end int, f flagValue) {
	if start < 0 || end > len(r.text) || start >= end {
		return
	}
	switch {
	case f.sure:
		if !noPassword(f.value) && len(f.value) >= 3 && !innocent(f.value) {
			s.add(r, start, end, KindPassword, "flag", byGrammar)
		}
	case f.pair:
		if user, pw, ok := strings.Cut(f.value, ":"); ok && !strings.HasPrefix(pw, "//") && !digit.all(pw) && !noPassword(pw) && len(pw) >= 3 && user != "" {
			s.addText(r, pw, start+len(user)+1, end, KindBasicAuth, "flag", byGrammar)
			return
		}
		s.judge(r, start, end, f.name, inSetting)
	default:
		s.judge(r, start, end, f.name, inSetting)
	}
}

// directives are words before a name and its value: ENV NAME value, SetEnv,
// proxy_set_header, git config, aws configure set.
var directives = wordSet(`env arg setenv setx set add put proxy_set_header fastcgi_param uwsgi_param grpc_set_header add_header
	setheader set-header addheader header requestheader config configure passenv export define default property sethostheader`)

// lonely are names that in configuration files stand before their value with a space.
var lonely = wordSet(`requirepass masterauth masteruser_password bindpw rootpw insecure-password auth_pass auth-pass
	sentinel-pass requirepassword`)

// directive judges NAME value.
func (s *scan) directive(r region, words []shellWord, i int, where place) {
	name, value := words[i], words[i+1]
	name.text = strings.TrimPrefix(name.text, "$")
	if name.quoted && !value.quoted || strings.ContainsAny(name.text, "=:<>(){}$\"'`,;") || len(name.text) > maxKeyLength {
		return
	}
	if value.text == "=" || value.text == ":" || value.text == "=>" || value.text == ":=" {
		return
	}
	c := readName(name.text)
	if c.noun == 0 {
		return
	}
	end := value.end
	for end > value.start && (r.text[end-1] == ';' || r.text[end-1] == ',') {
		end--
	}
	before := ""
	if i > 0 {
		before = words[i-1].text
	}
	_, pair := pairPassword(value.text)
	switch {
	case where == inComment:
		return
	case pair && c.noun&(isAuth|isCredential) != 0:
		if pw := value.text[strings.IndexByte(value.text, ':')+1:]; len(pw) >= 6 && mixed(pw) && !measure(pw) {
			s.judge(r, value.start, end, name.text, inSetting)
		}
	case inSet(lonely, name.text) && c.noun == isPassword, inSet(directives, before) && strings.ContainsAny(name.text, "-_.ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
		s.judge(r, value.start, end, name.text, inSetting)
	case len(words) == 2, netrc(words, i), value.quoted && (i == 0 || before == ":"):
		s.judge(r, value.start, end, name.text, inComment)
	}
}

// netrc tells machine HOST login USER password PW.
func netrc(words []shellWord, i int) bool {
	if words[i].text != "password" || i < 2 {
		return false
	}
	return words[i-2].text == "login" || words[i-2].text == "user" || words[i-2].text == "username"
}

// passwordFile reads lines that have no names, but a known order: .pgpass, Postfix'
// sasl_passwd, ppp's chap-secrets, Redis' access control lists.
func (s *scan) passwordFile(r region) {
	if strings.Count(r.text, ":") >= 4 {
		s.pgpass(r)
	}
	if strings.IndexByte(r.text, ' ') < 0 && strings.IndexByte(r.text, '\t') < 0 {
		return
	}
	words := splitWords(r.text)
	sure := func(w shellWord, skip int) {
		s.flag(r, w.start+skip, w.end, flagValue{value: w.text[skip:], sure: true})
	}
	switch {
	case len(words) == 2 && strings.HasPrefix(words[0].text, "[") && strings.Contains(words[0].text, "]"):
		if pw, ok := pairPassword(words[1].text); ok {
			sure(words[1], len(words[1].text)-len(pw))
		}
	case len(words) == 4 && words[1].text == "*" && words[3].text == "*" && mixed(words[2].text):
		sure(words[2], 0)
	case len(words) > 3 && words[0].text == "user" && (words[2].text == "on" || words[2].text == "off"):
		for _, w := range words[3:] {
			if strings.HasPrefix(w.text, ">") && len(w.text) > 3 {
				sure(w, 1)
			}
		}
	}
}

// pgpass reads host:port:database:user:password.
func (s *scan) pgpass(r region) {
	if strings.ContainsAny(r.text, " \t\"'{}=/") {
		return
	}
	fields := strings.SplitN(r.text, ":", 5)
	if fields[0] == "" || fields[1] != "*" && !digit.all(fields[1]) || len(fields[1]) > 5 || fields[3] == "" || !letter.has(fields[3][0]) {
		return
	}
	pw := fields[4]
	if noPassword(pw) || digit.all(pw) && len(pw) < 5 || (hexDigit | colon).all(r.text) {
		return
	}
	s.add(r, len(r.text)-len(pw), len(r.text), KindPassword, "pgpass", byGrammar)
}
