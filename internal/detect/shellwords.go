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
	for i := blank.run(line, 0); i < len(line) && len(words) < maxWords; i = blank.run(line, i) {
		start := i
		i = wordEnd(line, i)
		words = append(words, unquoted(line, start, i))
	}
	return words
}

// wordEnd returns the end of the word at i: the first blank outside of quotes and $( ).
func wordEnd(line string, i int) int {
	var quote byte
	for ; i < len(line) && (quote != 0 || !blank.has(line[i])); i++ {
		switch {
		case quote == 0 && quoteMark(line[i]):
			quote = line[i]
		case line[i] == quote:
			quote = 0
		case quote == 0 && strings.HasPrefix(line[i:], "$("):
			if end := closingBracket(line, i+1, '(', ')'); end > 0 {
				i = end - 1
			}
		}
	}
	return i
}

// unquoted is the word between start and end, without quotes around the whole of it and
// the punctuation of a configuration file behind them.
func unquoted(line string, start, end int) shellWord {
	text := strings.TrimRight(line[start:end], ";,)")
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		return shellWord{text: text[1 : n-1], start: start + 1, end: start + n - 1, quoted: true}
	}
	return shellWord{text: line[start:end], start: start, end: end}
}
