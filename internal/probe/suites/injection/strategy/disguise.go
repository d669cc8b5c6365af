// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// disguises leave the text readable, and change what a filter for words would look for.
func disguises() []Strategy {
	return []Strategy{
		disguise("leetspeak", "digits for letters", 3, strings.NewReplacer(
			"a", "4", "e", "3", "i", "1", "o", "0", "s", "5", "t", "7", "A", "4", "E", "3", "I", "1", "O", "0", "S", "5", "T", "7").Replace),
		disguise("homoglyphs", "look-alikes of Cyrillic and Greek", 3, strings.NewReplacer(
			"a", "а", "c", "с", "e", "е", "i", "і", "o", "о", "p", "р", "x", "х", "y", "у", "s", "ѕ", "A", "Α", "B", "Β", "E", "Ε",
			"H", "Η", "I", "Ι", "K", "Κ", "M", "Μ", "N", "Ν", "O", "Ο", "P", "Ρ", "T", "Τ").Replace),
		disguise("full-width", "full-width forms", 2, fullWidth),
		disguise("zero-width", "zero-width joiners between letters", 3, func(word string) string { return between(word, "\u200d") }),
		disguise("soft-hyphens", "soft hyphens between letters", 1, func(word string) string { return between(word, "\u00ad") }),
		disguise("spacing", "spaces between letters, more between words", 2, func(word string) string { return " " + between(word, " ") + " " }),
		disguise("zalgo", "combining marks on letters", 1, zalgo),
		disguise("case-alternation", "small and capital letters in turn", 2, alternate),
		disguise("camel-case", "each word with a capital letter", 1, capital),
		disguise("typos", "two neighbouring letters swapped in long words", 3, swap),
		disguise("scrambling", "the inner letters of words in another order", 2, scramble),
	}
}

func fullWidth(word string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r <= '~' {
			return r - '!' + 0xFF01
		}
		return r
	}, word)
}

// between puts something between all characters of a word.
func between(word, separator string) string {
	return strings.Join(strings.Split(word, ""), separator)
}

func zalgo(word string) string {
	marks := []string{"\u0335", "\u0316", "\u0301", "\u0327"}
	var b strings.Builder
	for i, r := range []rune(word) {
		b.WriteRune(r)
		if isASCIILetter(r) {
			b.WriteString(marks[i%len(marks)])
		}
	}
	return b.String()
}

func alternate(word string) string {
	runes := []rune(word)
	for i, r := range runes {
		if i%2 == 0 {
			runes[i] = []rune(strings.ToLower(string(r)))[0]
		} else {
			runes[i] = []rune(strings.ToUpper(string(r)))[0]
		}
	}
	return string(runes)
}

func capital(word string) string {
	r, size := utf8.DecodeRuneInString(word)
	return strings.ToUpper(string(r)) + word[size:]
}

// shortest is the length from which a word can lose its order and still be read.
const shortest = 4

func swap(word string) string {
	runes := []rune(word)
	if len(runes) < shortest {
		return word
	}
	i := len(runes)/2 - 1
	runes[i], runes[i+1] = runes[i+1], runes[i]
	return string(runes)
}

func scramble(word string) string {
	runes := []rune(word)
	end := len(runes)
	for end > 0 && !isASCIILetter(runes[end-1]) {
		end--
	}
	if end < shortest {
		return word
	}
	inner := runes[1 : end-1]
	//nolint:gosec // the same word is to be scrambled in the same way
	random := rand.New(rand.NewPCG(hash(word), 0))
	random.Shuffle(len(inner), func(i, j int) { inner[i], inner[j] = inner[j], inner[i] })
	return string(runes)
}
