// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package language

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// letterNames are how a letter, a digit or a hyphen is said and keyed: its word in the phonetic alphabet of NATO, and
// its Morse code (ITU-R M.1677-1).
func letterNames() map[rune][2]string {
	return map[rune][2]string{
		'a': {"Alfa", ".-"}, 'b': {"Bravo", "-..."}, 'c': {"Charlie", "-.-."}, 'd': {"Delta", "-.."}, 'e': {"Echo", "."},
		'f': {"Foxtrot", "..-."}, 'g': {"Golf", "--."}, 'h': {"Hotel", "...."}, 'i': {"India", ".."}, 'j': {"Juliett", ".---"},
		'k': {"Kilo", "-.-"}, 'l': {"Lima", ".-.."}, 'm': {"Mike", "--"}, 'n': {"November", "-."}, 'o': {"Oscar", "---"},
		'p': {"Papa", ".--."}, 'q': {"Quebec", "--.-"}, 'r': {"Romeo", ".-."}, 's': {"Sierra", "..."}, 't': {"Tango", "-"},
		'u': {"Uniform", "..-"}, 'v': {"Victor", "...-"}, 'w': {"Whiskey", ".--"}, 'x': {"Xray", "-..-"}, 'y': {"Yankee", "-.--"},
		'z': {"Zulu", "--.."}, '0': {"Zero", "-----"}, '1': {"One", ".----"}, '2': {"Two", "..---"}, '3': {"Three", "...--"},
		'4': {"Four", "....-"}, '5': {"Five", "....."}, '6': {"Six", "-...."}, '7': {"Seven", "--..."}, '8': {"Eight", "---.."},
		'9': {"Nine", "----."}, '-': {"Dash", "-....-"},
	}
}

// Write writes a text in a code. Codes that are only read give the text as it is.
func Write(code Code, text string) string {
	switch code {
	case Base64:
		return base64.StdEncoding.EncodeToString([]byte(text))
	case Hex:
		return hex.EncodeToString([]byte(text))
	case ROT13:
		return strings.Map(rot13, text)
	case Reversed:
		return reverse(text)
	case Spaced:
		return strings.Join(strings.Split(text, ""), " ")
	case Lines:
		return strings.Join(strings.Fields(text), "\n")
	case Morse:
		return named(text, 1, " ", " / ")
	case NATO:
		return named(text, 0, " ", ", ")
	case Acrostic:
		return acrostic(text)
	}
	return text
}

func named(text string, which int, separator, space string) string {
	names := letterNames()
	var words []string
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		var letters []string
		for _, r := range word {
			if name, ok := names[r]; ok {
				letters = append(letters, name[which])
			}
		}
		words = append(words, strings.Join(letters, separator))
	}
	return strings.Join(words, space)
}

// acrostic gives lines that begin with the text's letters and digits.
func acrostic(text string) string {
	names := letterNames()
	var lines []string
	for _, r := range strings.ToLower(text) {
		switch name, ok := names[r]; {
		case !ok || r == '-':
		case r >= '0' && r <= '9':
			lines = append(lines, fmt.Sprintf("%c birds sing at dawn", r))
		default:
			lines = append(lines, name[0]+" sings at dawn")
		}
	}
	return strings.Join(lines, "\n")
}

func morseIn(text string) string {
	letters := map[string]string{"/": " ", "|": " "}
	for r, name := range letterNames() {
		letters[name[1]] = string(r)
	}
	text = strings.NewReplacer("·", ".", "•", ".", "−", "-", "–", "-", "/", " / ", "\n", " / ").Replace(text)
	var b strings.Builder
	known := 0
	for token := range strings.FieldsSeq(text) {
		if letter, ok := letters[token]; ok {
			b.WriteString(letter)
			known++
		}
	}
	if known < 8 {
		return ""
	}
	return b.String()
}

// natoIn reads words of the alphabet; what stands between them parts words.
func natoIn(text string) string {
	letters := map[string]string{"alpha": "a", "juliet": "j", "x-ray": "x", "whisky": "w", "space": " "}
	for r, name := range letterNames() {
		letters[strings.ToLower(name[0])] = string(r)
	}
	var b strings.Builder
	known := 0
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune("/,.;\n|", r) }) {
		for token := range strings.FieldsSeq(strings.ToLower(part)) {
			if letter, ok := letters[token]; ok {
				b.WriteString(letter)
				known++
			}
		}
		b.WriteByte(' ')
	}
	if known < 8 {
		return ""
	}
	return b.String()
}

func acrosticIn(text string) string {
	var b strings.Builder
	lines := strings.Split(text, "\n")
	for _, line := range lines {
		if letters := []rune(strings.TrimSpace(line)); len(letters) > 0 {
			b.WriteRune(letters[0])
		} else {
			b.WriteByte(' ')
		}
	}
	if len(lines) < 8 {
		return ""
	}
	return b.String()
}

// wanted are the words by which a text asks for an answer in a code.
var wanted = map[Code]*regexp.Regexp{
	Base64:   regexp.MustCompile(`(?i)base[ -]?64|\bb64\b`),
	Hex:      regexp.MustCompile(`(?i)\bhex|\bhexadezimal`),
	ROT13:    regexp.MustCompile(`(?i)rot[ -]?13|caesar|cipher`),
	Morse:    regexp.MustCompile(`(?i)\bmorse`),
	Reversed: regexp.MustCompile(`(?i)revers|backward|rückwärts|right to left|from the end|last (letter|character) first|mirror`),
	Spaced:   regexp.MustCompile(`(?i)spac(e|es|ed|ing)\b|separated by|between (each|every|all|the|its)|letter by letter|character by character|one (letter|character) at a time|(each|every|single) (letter|character)|spell|hyphen|dash|leerzeichen`),
	NATO:     regexp.MustCompile(`(?i)\bnato\b|phonetic|spelling alphabet|alpha bravo|alfa bravo`),
	Acrostic: regexp.MustCompile(`(?i)acrostic|akrosticho|(first|initial) (letter|character)s? of|first letters|initials`),
	Lines:    regexp.MustCompile(`(?i)(word|item|term)s? (per|a|on (each|every|its own|a|separate|new)) ?(new |own |separate |single )?line|each word|(own|new|separate|single) lines?|line by line|one per line|bullet|numbered list|vertical`),
}

// Wants tells whether a text wants its answer in a code.
func Wants(code Code, text string) bool {
	pattern := wanted[code]
	return pattern != nil && pattern.MatchString(text)
}
