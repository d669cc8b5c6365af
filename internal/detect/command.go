// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

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
const maxBehind = 8

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
	if programName(args[i]) == "htpasswd" {
		return htpasswd(args, i)
	}
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

// htpasswd reads htpasswd -b [-C cost] FILE USER PASSWORD, and without FILE where -n prints instead
// (https://httpd.apache.org/docs/2.4/programs/htpasswd.html).
func htpasswd(args []string, i int) []flagValue {
	batch, words := false, 3
	for at := i + 1; at < len(args); at++ {
		switch a := args[at]; {
		case a == "-C" || a == "-r":
			at++
		case strings.Trim(a, "|&;>") == "":
			return nil
		case strings.HasPrefix(a, "-"):
			batch = batch || strings.Contains(a, "b")
			if strings.Contains(a, "n") {
				words = 2
			}
		default:
			if words--; words == 0 {
				if !batch {
					return nil
				}
				return []flagValue{{arg: at, value: args[at], sure: true}}
			}
		}
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
		if len(f.value) >= 3 && (inSet(weakPasswords, f.value) || !noPassword(f.value) && !innocent(f.value)) {
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
