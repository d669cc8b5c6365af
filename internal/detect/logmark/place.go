// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark

import (
	"bytes"
	"fmt"
	"strings"
)

// Form is the kind of place at which a marker stands in a log.
type Form string

// The forms of places.
const (
	// JSONField is a value in an object, of JSON or of what looks like it; Path leads to it.
	JSONField Form = "JSON field"
	// LogfmtKey is the value behind key=; Path is the key.
	LogfmtKey Form = "logfmt key"
	// Line is a line of text; Path is its shape up to the marker, with only words in it that we know.
	Line Form = "line"
	// LongLine is a line of which more stands before the marker than is kept.
	LongLine Form = "long line"
	// Elsewhere is where there are more places of a kind than are told one by one.
	Elsewhere Form = "elsewhere"
)

// Forms are all forms of places.
func Forms() []Form { return []Form{JSONField, LogfmtKey, Line, LongLine, Elsewhere} }

const (
	// maxKeyBytes, maxKeyDigits and maxHumps are the most that a key has which is told. Others may be data: identifiers, or secrets.
	maxKeyBytes, maxKeyDigits, maxHumps = 32, 3, 4
	// maxDepth is how many keys of a path are told.
	maxDepth = 6
	// shapeBytes is how much before a marker makes the shape of its line, and maxShapeWords how many words of ours it has.
	shapeBytes, maxShapeWords = 256, 6
	// maxSigns are the quotes, backslashes and colons between a key and its value: JSON within JSON within JSON has eight.
	maxSigns = 8
	// masked stands for everything that is not told.
	masked = "…"
)

// Place is where in a line a marker stands. It holds no text of the log but names of fields.
type Place struct {
	Form Form   `json:"form"`
	Path string `json:"path,omitempty"`
	// After is the word that we know right before the marker, within the field: "password" of `msg="... password=..."`.
	After string `json:"after,omitempty"`
}

// String tells the place: "JSON field headers.authorization".
func (p Place) String() string {
	s := string(p.Form)
	if p.Path != "" {
		s += " " + p.Path
	}
	if p.After != "" {
		s += fmt.Sprintf(", after %q", p.After)
	}
	return s
}

// locate tells the place of what stands behind a text. Cut says that the text may begin within a line.
func locate(before []byte, cut bool) Place {
	if i := bytes.LastIndexByte(before, '\n'); i >= 0 {
		before, cut = before[i+1:], false
	}
	if cut {
		return Place{Form: LongLine, After: knownBefore(before)}
	}
	if path, value, ok := objectPath(before); ok {
		return Place{Form: JSONField, Path: path, After: knownBefore(value)}
	}
	if key, value, ok := logfmtKey(before); ok {
		return Place{Form: LogfmtKey, Path: key, After: knownBefore(value)}
	}
	return Place{Form: Line, Path: shape(before)}
}

// tellKey gives a key as it may be told: an identifier, in which no letter follows a digit, as in most secrets some do.
func tellKey(key []byte) string {
	if len(key) == 0 || len(key) > maxKeyBytes {
		return masked
	}
	digits, humps := 0, 0
	for i, c := range key {
		if !wordByte(c) && c != '.' {
			return masked
		}
		if digit(c) {
			digits++
			continue
		}
		if i > 0 && digit(key[i-1]) && letter(c) {
			return masked
		}
		if i > 0 && capital(c) && !capital(key[i-1]) {
			humps++
		}
	}
	if digits > maxKeyDigits || humps > maxHumps {
		return masked
	}
	return string(key)
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

func capital(c byte) bool { return c >= 'A' && c <= 'Z' }

// logfmtKey gives the key whose value a line ends in, and as much of the value as there is.
func logfmtKey(line []byte) (key string, value []byte, ok bool) {
	for i := 0; i < len(line); {
		if line[i] == ' ' || line[i] == '\t' {
			i++
			continue
		}
		start := i
		for i < len(line) && line[i] != ' ' && line[i] != '\t' && line[i] != '=' && line[i] != '"' {
			i++
		}
		name := line[start:i]
		if i < len(line) && line[i] == '=' {
			i++
		} else if i >= len(line) || line[i] != '"' {
			continue
		}
		from := i
		i = endOfValue(line, i)
		if i > len(line) || i == len(line) && (from == i || line[from] != '"') {
			told := tellKey(name)
			// Of "==" the first is the end of base64.
			return told, line[from:], told != masked && (from == len(line) || line[from] != '=')
		}
	}
	return "", nil, false
}

// endOfValue gives the place behind a value, which is behind the end of the line where its closing quote is not there.
func endOfValue(line []byte, i int) int {
	if i < len(line) && line[i] == '"' {
		for i++; i < len(line) && line[i] != '"'; i++ {
			if line[i] == '\\' {
				i++
			}
		}
		return i + 1
	}
	for i < len(line) && line[i] != ' ' && line[i] != '\t' {
		i++
	}
	return i
}

// knownBefore gives the word of ours right before the end of a text, if only signs stand between.
func knownBefore(text []byte) string {
	text = withoutHead(text)
	end := len(text)
	for end > 0 && len(text)-end < maxSigns && strings.IndexByte(` =:"'\[(<`, text[end-1]) >= 0 {
		end--
	}
	if end == len(text) {
		return ""
	}
	start := end
	for start > 0 && end-start <= maxKeyBytes && wordByte(text[start-1]) {
		start--
	}
	return known(text[start:end])
}

// withoutHead cuts off what belongs to the marker's own value: the beginning of its encoded form.
func withoutHead(text []byte) []byte {
	end := len(text)
	for end > 0 && (wordByte(text[end-1]) || text[end-1] == '+') {
		end--
	}
	return text[:end]
}

// shape gives a line up to a marker with every word masked that is not ours.
func shape(line []byte) string {
	line = withoutHead(line)
	line = line[max(0, len(line)-shapeBytes):]
	var parts []string
	mask := func() {
		if len(parts) == 0 || parts[len(parts)-1] != masked {
			parts = append(parts, masked)
		}
	}
	for i := 0; i < len(line); {
		if !wordByte(line[i]) {
			i++
			continue
		}
		start := i
		for i < len(line) && wordByte(line[i]) {
			i++
		}
		word := known(line[start:i])
		// A word that the cut went through may look like another.
		if word == "" || start == 0 && len(line) == shapeBytes {
			mask()
			continue
		}
		if sign := bytes.TrimLeft(line[i:], `"'`); len(sign) > 0 && (sign[0] == '=' || sign[0] == ':') {
			word += string(sign[0])
		}
		parts = append(parts, word)
	}
	if over := len(parts) - maxShapeWords; over > 0 {
		parts = append([]string{masked}, parts[over:]...)
	}
	return strings.Join(parts, " ")
}

func wordByte(c byte) bool {
	return letter(c) || digit(c) || c == '_' || c == '-'
}

// known gives a word in our own spelling, or nothing.
func known(word []byte) string {
	if len(word) == 0 || len(word) > maxKeyBytes {
		return ""
	}
	for _, w := range words {
		if strings.EqualFold(w, string(word)) {
			return w
		}
	}
	return ""
}

// words may stand in a place: names of headers and fields, methods and levels, which are nobody's data.
var words = strings.Fields(`
	GET HEAD POST PUT PATCH DELETE OPTIONS
	TRACE DEBUG INFO WARN WARNING ERROR FATAL PANIC
	Authorization Proxy-Authorization Bearer Basic Cookie Set-Cookie X-Api-Key X-Auth-Token X-Request-Id Traceparent Referer
	User-Agent X-Forwarded-For
	password passwd pwd pass secret token access_token refresh_token id_token accessToken apikey api_key api-key api session sid
	session_id sessionid jwt auth credentials key
	card card_number cardNumber pan number email e-mail mail user username login
	prompt message msg messages content input question query text body payload request response headers header cookies params args
	form data url uri path host error exception
`)
