// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"strings"
	"unicode"

	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// applied gives what Apply gives: the attack under its new name.
func applied(name string, a corpus.Attack) corpus.Attack {
	a.ID += joint + name
	return a
}

// encoding rewrites the hostile text as a whole, once it is known what the placeholders stand for, and says before it how it is
// to be read. Endless replies are asked for in so many words; those are not worth a decoding.
func encoding(name, description string, weight int, lead string, fits func(string) bool, encode func(string) string) Strategy {
	return Strategy{Name: name, Description: description, Weight: weight, Apply: func(a corpus.Attack) (corpus.Attack, bool) {
		if !a.Plain() || a.Goal == corpus.Consumption || !fits(a.Hostile()) {
			return corpus.Attack{}, false
		}
		return applied(name, a).Then(func(a corpus.Attack) corpus.Attack {
			return a.WithHostile(lead + encode(a.Hostile()))
		}), true
	}}
}

// disguise rewrites the words of the hostile text one by one, and leaves alone what has to stay exact: placeholders and
// addresses.
func disguise(name, description string, weight int, rewrite func(word string) string) Strategy {
	return Strategy{Name: name, Description: description, Weight: weight, Apply: func(a corpus.Attack) (corpus.Attack, bool) {
		if !a.Plain() || a.Goal == corpus.Consumption || a.Goal == corpus.Markup || !mostlyASCII(a.Hostile()) {
			return corpus.Attack{}, false
		}
		text := wordByWord(a.Hostile(), rewrite)
		if text == a.Hostile() {
			return corpus.Attack{}, false
		}
		return applied(name, a).WithHostile(text), true
	}}
}

// wordByWord rewrites what stands between spaces.
func wordByWord(text string, rewrite func(string) string) string {
	var b strings.Builder
	for len(text) > 0 {
		end := strings.IndexFunc(text, unicode.IsSpace)
		if end < 0 {
			end = len(text)
		}
		word := text[:end]
		if !strings.Contains(word, "$") && !strings.Contains(word, "://") {
			word = rewrite(word)
		}
		b.WriteString(word)
		text = text[end:]
		rest := strings.TrimLeftFunc(text, unicode.IsSpace)
		b.WriteString(text[:len(text)-len(rest)])
		text = rest
	}
	return b.String()
}

// wrap puts the hostile text into another text. Its texts hold no dollar sign, which would be a placeholder.
func wrap(name, description string, weight int, around func(string) string) Strategy {
	return Strategy{Name: name, Description: description, Weight: weight, Apply: func(a corpus.Attack) (corpus.Attack, bool) {
		if !a.Plain() {
			return corpus.Attack{}, false
		}
		return applied(name, a).WithHostile(around(a.Hostile())), true
	}}
}

// inBetween wraps by what stands before and behind.
func inBetween(name, description string, weight int, before, behind string) Strategy {
	return wrap(name, description, weight, func(text string) string { return before + text + behind })
}

// output asks for the answer in another form, where the answer is a text that must not come out.
func output(name, description string, weight int, demand string) Strategy {
	return Strategy{Name: name, Description: description, Weight: weight, Apply: func(a corpus.Attack) (corpus.Attack, bool) {
		if !a.Plain() || !tells(a.Goal) {
			return corpus.Attack{}, false
		}
		return applied(name, a).WithHostile(a.Hostile() + "\n\n" + demand), true
	}}
}

// tells says whether the goal is a text that must not be told.
func tells(goal corpus.Goal) bool {
	return goal == corpus.SystemPrompt || goal == corpus.OtherTenant || goal == corpus.OwnContext
}

// lead says something harmless in earlier turns of the conversation.
func lead(name, description string, weight int, turns ...string) Strategy {
	return Strategy{Name: name, Description: description, Weight: weight, Apply: func(a corpus.Attack) (corpus.Attack, bool) {
		if a.Carrier != corpus.Chat || len(a.Turns)+len(turns) > mostTurns {
			return corpus.Attack{}, false
		}
		a.Turns = append(append([]string{}, turns...), a.Turns...)
		return applied(name, a), true
	}}
}

// follow says something more behind the attack.
func follow(name, description string, weight int, turns ...string) Strategy {
	return Strategy{Name: name, Description: description, Weight: weight, Apply: func(a corpus.Attack) (corpus.Attack, bool) {
		if a.Carrier != corpus.Chat || a.Goal == corpus.Consumption || len(a.Turns)+len(turns) > mostTurns {
			return corpus.Attack{}, false
		}
		a.Turns = append(append([]string{}, a.Turns...), turns...)
		return applied(name, a), true
	}}
}

// mostTurns is how many turns an attack has at most, so that its cost is known.
const mostTurns = 8

func anyText(string) bool { return true }

// mostlyASCII tells whether nine of ten letters are those of English, for ways of writing that know no others.
func mostlyASCII(text string) bool {
	letters, ascii := 0, 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			letters++
			if r < unicode.MaxASCII {
				ascii++
			}
		}
	}
	return letters > 0 && ascii*10 >= letters*9
}
