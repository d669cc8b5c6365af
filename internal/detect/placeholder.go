// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"slices"
	"strings"
)

// Placeholder tells a value that stands for one which somebody has yet to fill in:
// changeme, your-api-key, xxx, TODO, <insert here>, an unrendered ${...}, or nothing.
//
// The whole value must be made of such words. A value that only contains one
// (changeme-8f3k2l9s8d7f6, Passw0rd!, password123) may well be in use, so it is
// not called a placeholder: to pass a Secret that holds a weak password is a
// smaller error than to fail one that holds a good password.
func Placeholder(value string) bool {
	v := strings.TrimSpace(value)
	v = strings.TrimSpace(strings.Trim(v, `"'`))
	if v == "" || strings.EqualFold(v, "n/a") || filler(v) || bracketed(v) {
		return true
	}
	if len(v) > 200 {
		return false
	}
	if t := parseTemplate(v); t.found && len(t.literals) == 0 {
		return len(t.defaults) == 0 || Placeholder(t.defaults[0])
	}
	return placeholderWords(v)
}

// noPasswords are placeholders that stand for no password at all, so that nobody can log in with them; Java's changeit
// opens a store of public certificates.
var noPasswords = wordSet(`todo fixme tbd tba redacted removed masked omitted mock dummy fake notset notreal na xxx xxxx xxxxx
	none null nil undefined unset empty unused unknown hidden blank sensitive insert changeit`)

// Unchanged tells a password that was never changed from what an example said (changeme, your-password): the name leaves
// no doubt that a password is meant, and the value is words that open the door, to everybody. <your-password>,
// ${PASSWORD}, none and xxxx do not.
func Unchanged(name, value string) bool {
	v := strings.TrimSpace(value)
	if c := readName(name); c.noun != isPassword || !c.strong || filler(v) || bracketed(v) || !placeholderWords(v) {
		return false
	}
	var store nameWords
	words := store.split(v)
	marked := slices.ContainsFunc(words, func(w word) bool { return placeholderVocabulary[w.text]&placeholderMark != 0 })
	return (marked || changeMe(words)) && !slices.ContainsFunc(words, func(w word) bool { return noPasswords[w.text] })
}

// filler tells values without content: ***, xxx, ..., ----, 000, "sk-xxxxxxxx".
func filler(v string) bool {
	fill, rest := 0, 0
	for i := range len(v) {
		switch v[i] {
		case '*', 'x', 'X', '.', '-', '_', '?', '#', '0':
			fill++
		case ' ':
		default:
			rest++
		}
	}
	if rest == 0 {
		return fill >= 1
	}
	if fill < 4 {
		return false
	}
	longest := longestFill(v)
	return longest >= 4 && longest*2 >= len(v)
}

// longestFill returns the length of the longest run of one filling character.
func longestFill(v string) int {
	longest, run := 0, 0
	for i := range len(v) {
		switch {
		case strings.IndexByte("*xX.?#_-", v[i]) < 0:
			run = 0
			continue
		case i > 0 && v[i] == v[i-1]:
			run++
		default:
			run = 1
		}
		longest = max(longest, run)
	}
	return longest
}

// bracketed tells <insert here>, [your token], {api key}, __TOKEN__, %TOKEN%: a
// description in brackets.
func bracketed(v string) bool {
	if len(v) < 3 {
		return false
	}
	first, last := v[0], v[len(v)-1]
	inside := v[1 : len(v)-1]
	switch {
	case first == '<' && last == '>':
		return !strings.ContainsAny(inside, "<>")
	case first == '[' && last == ']', first == '{' && last == '}', first == '(' && last == ')':
		return descriptive(inside)
	case first == '%' && last == '%':
		return identifier(inside)
	case len(v) > 4 && strings.HasPrefix(v, "__") && strings.HasSuffix(v, "__"):
		return identifier(v)
	}
	return false
}

// descriptive tells words, as against JSON, an array of numbers or a token.
func descriptive(s string) bool {
	letters := 0
	for i := range len(s) {
		switch c := s[i]; {
		case letter.has(c):
			letters++
		case c == ' ' || c == '_' || c == '-' || c == '.':
		default:
			return false
		}
	}
	return letters > 0
}

const (
	// marks: one such word makes the whole a placeholder, if the rest are stock words.
	placeholderMark = 1 << iota
	// alone: a placeholder if nothing else is there.
	placeholderAlone
	// stock: may stand beside a mark.
	placeholderStock
)

var placeholderVocabulary = buildPlaceholderVocabulary()

func buildPlaceholderVocabulary() map[string]int {
	table := map[string]int{}
	add := func(role int, words string) {
		for _, w := range strings.Fields(words) {
			table[w] |= role
		}
	}
	add(placeholderMark, `your yours yourkey yourtoken yoursecret yourpassword yourapikey insert replace replaced
		replaceme change changeme changeit changethis modifyme setme fillme fillin editme placeholder example examples
		sample dummy fake todo fixme tbd tba xxx xxxx xxxxx redacted removed masked omitted mock insecure goes here
		please putyour addyour yourname yoursecretkey yourapitoken notset notreal notarealkey bogus`)
	add(placeholderAlone, `password passwd pass pwd secret token key apikey test testing string value none null nil
		undefined unset empty na foo bar baz foobar qux default hidden blank temp tmp unknown unused username user
		credential credentials passphrase sensitive passwort senha contrasena`)
	add(placeholderStock, `my the a an of for to in into on at is it this that these with and or from by as be me not
		enter put add set use fill paste type fill provide supply generate generated create get obtain define specify api
		key keys token tokens secret secrets password passwords pass auth access id client private public real actual
		valid strong secure random long some any before after deploy deploying production prod dev staging env
		environment variable var value string text please must should will needed required optional db database user
		username name admin root app application service account bot webhook signing encryption session jwt cookie
		master base url uri host one two char chars characters bytes bit bits hex base64 sk pk rk ghp gho glpat hf xoxb sg ak
		super very own new old only live test local here config file field data where use used left right go goes up
		apikey accesskey secretkey word phrase passphrase credential credentials foo bar baz replace in out line
		copy now later first last sure you me make something somewhere else safe unsafe safely do dont don t s at least
		random generator generate minimum min max length with 8 16 20 24 32 40 48 64 128 256 123 1234 12345 abc abc123
		openai anthropic stripe github gitlab slack google aws azure gcp sendgrid twilio mailgun postgres postgresql mysql mongo
		mongodb redis rabbitmq smtp sentry datadog cloudflare huggingface cohere pinecone groq company org organization
		organisation project team tenant proj ant api03 v1 test or live or xxx`)
	return table
}

// placeholderWords tells values made of placeholder vocabulary only.
func placeholderWords(v string) bool {
	var store nameWords
	words := store.split(v)
	if len(words) == 0 || len(words) == maxNameWords {
		return false
	}
	marked := false
	for _, w := range words {
		role := placeholderVocabulary[w.text]
		if role == 0 {
			return false
		}
		if role&placeholderMark != 0 {
			marked = true
		}
	}
	if hasOddSymbols(v) {
		return false
	}
	if len(words) == 1 {
		role := placeholderVocabulary[words[0].text]
		return role&(placeholderMark|placeholderAlone) != 0
	}
	return marked || changeMe(words)
}

// changeMe tells "change me", "replace this", "test key": two stock words that are a
// placeholder together. A third word could make a passphrase of them.
func changeMe(words []word) bool {
	if len(words) != 2 {
		return false
	}
	first, second := words[0].text, words[1].text
	switch first {
	case "set", "fill", "edit", "not", "to":
		return second == "me" || second == "in" || second == "set" || second == "be" || second == "real" || second == "do"
	case "test":
		return second == "test" || placeholderVocabulary[second]&placeholderAlone != 0
	case "foo":
		return second == "bar"
	}
	return false
}

// hasOddSymbols tells symbols that people put into passwords, not into placeholders.
func hasOddSymbols(v string) bool {
	return strings.ContainsAny(strings.TrimRight(v, "!."), "!@#$%^&*+=~|;?")
}
