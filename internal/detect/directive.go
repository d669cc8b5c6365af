// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// directives are words before a name and its value: ENV NAME value, SetEnv,
// proxy_set_header, git config, aws configure set.
var directives = wordSet(`env arg setenv setx set add put proxy_set_header fastcgi_param uwsgi_param grpc_set_header add_header
	setheader set-header addheader header requestheader config configure passenv export define default property sethostheader`)

// lonely are names that in configuration files stand before their value with a space.
var lonely = wordSet(`requirepass masterauth masteruser_password bindpw rootpw insecure-password auth_pass auth-pass
	sentinel-pass requirepassword`)

// operators stand between a name and a value, which are read as a pair then.
var operators = wordSet("= : => :=")

// directive judges NAME value.
func (s *scan) directive(r region, words []shellWord, i int, where place) {
	name, value := words[i], words[i+1]
	name.text = strings.TrimPrefix(name.text, "$")
	if name.quoted && !value.quoted || strings.ContainsAny(name.text, "=:<>(){}$\"'`,;") || len(name.text) > maxKeyLength ||
		operators[value.text] {
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
	case value.text == "is" && i+2 < len(words):
		s.told(r, words[i+2], c)
	case where == inComment:
		return
	case pair && c.noun&(isAuth|isCredential) != 0:
		if pw := value.text[strings.IndexByte(value.text, ':')+1:]; len(pw) >= 6 && mixed(pw) && !measure(pw) {
			s.judge(r, value.start, end, name.text, inSetting)
		}
	case inSet(lonely, name.text) && c.noun == isPassword, inSet(directives, before) && strings.ContainsAny(name.text, "-_.ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
		s.judge(r, value.start, end, name.text, inSetting)
	case len(words) == 2 && i == 0 && c.noun == isPassword && c.strong && strings.ContainsAny(name.text, "_-."):
		s.judge(r, value.start, end, name.text, bareInFile) // HTTP_Passwd x, as Fluent Bit has it
	case len(words) == 2, netrc(words, i), value.quoted && (i == 0 || before == ":"):
		s.judge(r, value.start, end, name.text, inComment)
	}
}

// told judges "the password is hunter2-correct": a sentence that gives a password away has one that no word can be.
func (s *scan) told(r region, w shellWord, c claim) {
	v := strings.TrimRight(w.text, ".,:;!?)")
	if c.noun == isPassword && len(v) >= 6 && mixed(v) && looseShape(v) && !innocent(v) && !Placeholder(v) {
		s.add(r, w.start, w.start+len(v), KindPassword, "sentence", byName)
	}
}

// netrc tells machine HOST login USER password PW.
func netrc(words []shellWord, i int) bool {
	if words[i].text != "password" || i < 2 {
		return false
	}
	return words[i-2].text == "login" || words[i-2].text == "user" || words[i-2].text == "username"
}
