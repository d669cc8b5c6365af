// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"strings"
)

const (
	// minListed lines of one word each are a list.
	minListed = 3
	// fewWords are the most that a line of a list has: its number, and what the signs of base64 split one into.
	fewWords = 5
	// maxTag is the longest tag of markup that is taken away.
	maxTag = 300
	// minTags are more than a text has that is no markup.
	minTags = 20
)

// listed joins what stands alone in lines, behind a number, a sign of lists or in the last column of a table: an encoding that was cut into
// pieces.
func listed(text string, class *[256]bool) string {
	var b strings.Builder
	var row []string
	flush := func() {
		if len(row) >= minListed {
			b.WriteString(strings.Join(row, ""))
			b.WriteByte('\n')
		}
		row = row[:0]
	}
	for line := range strings.Lines(text) {
		if word, ok := listedWord(strings.TrimSpace(line), class); ok {
			row = append(row, word)
		} else if strings.Trim(line, " \t\r\n>|:-") != "" { // the line under a table's head, and an empty one, end no list
			flush()
		}
	}
	flush()
	return b.String()
}

// listedWord gives the one word of a line.
func listedWord(line string, class *[256]bool) (string, bool) {
	end := len(line)
	for end > 0 && (behindListed[line[end-1]] || line[end-1] == '=' || line[end-1] == '.') {
		end--
	}
	start := end
	for start > 0 && class[line[start-1]] {
		start--
	}
	for i := start - 1; i >= 0; i-- {
		if c := line[i]; !behindListed[c] && (c < '0' || c > '9') && strings.IndexByte(".):-+", c) < 0 {
			return "", false
		}
	}
	return line[start:end], end-start > 1
}

// behindListed is what stands around words of lists: quotes, emphasis, the borders of tables.
var behindListed = [256]bool{' ': true, '\t': true, '"': true, '\'': true, '`': true, '*': true, '|': true, ',': true, ';': true, '>': true}

// unmarked gives a text without the tags of its markup, if it has so many.
func unmarked(text string) string {
	if strings.Count(text, "<") < minTags {
		return ""
	}
	var b strings.Builder
	for rest := text; ; {
		open := strings.IndexByte(rest, '<')
		if open < 0 {
			b.WriteString(rest)
			return b.String()
		}
		b.WriteString(rest[:open])
		rest = rest[open:]
		end := strings.IndexByte(rest[:min(len(rest), maxTag)], '>')
		if end < 0 {
			b.WriteByte('<')
			rest = rest[1:]
			continue
		}
		rest = rest[end+1:]
	}
}
