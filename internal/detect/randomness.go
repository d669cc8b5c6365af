// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"slices"
	"strings"
)

// randomToken tells a string that no person would write as words: at least that many bytes
// of a token's alphabet, with a stretch that mixes letters and digits, or changes
// case, as words and numbers do not. It asks for shape rather than for Shannon
// entropy, which can't tell twenty letters of prose from twenty letters of a key.
func randomToken(v string, least int) bool {
	if len(v) < least || len(v) > maxCredential {
		return false
	}
	jumble := 0
	for i := 0; i < len(v); {
		if !alnum.has(v[i]) {
			if strings.IndexByte("-_.+/=~:$!@#%^&*", v[i]) < 0 {
				return false
			}
			i++
			continue
		}
		j := alnum.run(v, i)
		if !plainWord(v[i:j]) {
			jumble += j - i
		}
		i = j
	}
	return jumble*2 >= least && jumble >= 8 && distinct(v) >= 6
}

// distinct counts different bytes, up to 16.
func distinct(v string) int {
	var seen [256]bool
	n := 0
	for i := range len(v) {
		if !seen[v[i]] {
			seen[v[i]] = true
			if n++; n == 16 {
				return n
			}
		}
	}
	return n
}

// stopWords end the chance that words are a passphrase: sentences have them.
var stopWords = wordSet(`the a an of to for is are be must should will can your you my our their with and or not in on at
	by from this that it its please enter reset forgot forgotten password passwords passphrase token tokens secret
	secrets key keys if when then than has have had was were do does did minimum least characters required optional
	see use used using set new old change current confirm invalid incorrect expired same as per each type string
	field value values only no yes none name e.g i.e user username users email login sign log account`)

// passphrase tells words that are a secret together: "correct horse battery staple",
// as against a sentence, a label or a list of options.
func passphrase(v string, where place) bool {
	words := strings.Fields(v)
	if len(words) < 2 || len(words) > 30 || nonASCII(v) {
		return false
	}
	if prose(words, stopWords) {
		return false
	}
	if where == inSetting && len(words) <= 6 && mixedWord(words) {
		return true
	}
	return (len(words) >= 4 || len(words) == 3 && where != bareInFile && where != inComment) && lowerCaseWords(words)
}

// appPassword tells Google's passwords for apps: four groups of four small letters.
func appPassword(v string) bool {
	groups := strings.Split(v, " ")
	for _, g := range groups {
		if len(g) != 4 || !(lower | digit).all(g) {
			return false
		}
	}
	return len(groups) == 4
}

// aboutPasswords are words of sentences about passwords, which nobody uses in one.
var aboutPasswords = wordSet(`your please enter password passwords passphrase token tokens secret secrets key keys must should will
	required optional minimum least characters field value values see use used using set changed if when then not no none is
	e.g i.e same as per each type string reset forgot forgotten`)

// spacedPassword tells a password that a person wrote with blanks in it, where nothing but a password can stand.
func spacedPassword(v string) bool {
	words := strings.Fields(v)
	if len(words) > 10 || len(v) < 6 || strings.HasSuffix(v, "?") {
		return false
	}
	return !prose(words, aboutPasswords) && !prose(words, labels) && !slices.ContainsFunc(words, pathLike)
}

// prose tells words that are no secret together: one of them is in the set, or is a flag or the name of something.
func prose(words []string, stop map[string]bool) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		return inSet(stop, strings.Trim(w, ".,:;!?()\"'")) || strings.HasPrefix(w, "-") || strings.HasSuffix(w, ":")
	})
}

func mixedWord(words []string) bool {
	for _, w := range words {
		w = strings.TrimRight(w, ".,:;!?")
		if mixed(w) && strings.ContainsAny(w, "0123456789!@#$%^&*") && !measure(w) && !pathLike(w) {
			return true
		}
	}
	return false
}

func lowerCaseWords(words []string) bool {
	for _, w := range words {
		if len(w) < 3 || !lower.all(w) {
			return false
		}
	}
	return true
}
