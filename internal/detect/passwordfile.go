// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// passwordFile reads lines that have no names, but a known order: .pgpass, Postfix'
// sasl_passwd, ppp's chap-secrets, Redis' access control lists, and where the file is one, PgBouncer's list of users.
func (s *scan) passwordFile(r region, userList bool) {
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
	case userList && len(words) == 2 && !strings.HasPrefix(words[1].text, "SCRAM-SHA-256$"):
		sure(words[1], 0)
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

// userList tells PgBouncer's auth_file: lines of "user" "password", and comments, are all that it has
// (https://www.pgbouncer.org/config.html#authentication-file-format).
func userList(text string) bool {
	some := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == ';' || line[0] == '#' {
			continue
		}
		if line[0] != '"' || line[len(line)-1] != '"' || strings.Count(line, `"`) != 4 || !strings.Contains(line, `" "`) {
			return false
		}
		some = true
	}
	return some
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
