// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark

import (
	"bytes"
	"strings"
)

// objectPath gives the path of the value that a line ends in, and as much of the value as there is. It reads JSON, and what Python
// and Node print of objects: single quotes, and names without quotes. An object may stand behind other text.
func objectPath(line []byte) (path string, value []byte, ok bool) {
	for tries := 0; tries < 4; tries++ {
		i := bytes.IndexByte(line, '{')
		if i < 0 {
			return "", nil, false
		}
		o := object{text: line[i:]}
		if o.read() {
			return o.path(), o.value, true
		}
		line = line[i+1:]
	}
	return "", nil, false
}

// object reads an object of which the end is missing.
type object struct {
	text []byte
	at   int
	// levels are the objects and arrays around the place that is read.
	levels []level
	// value is what the text ends in.
	value []byte
}

// level is an object or an array.
type level struct {
	array bool
	// key whose value is read; nil where a key is due.
	key []byte
}

// read goes to the end of the text, and says whether that is within an object.
func (o *object) read() bool {
	for o.at < len(o.text) {
		if !o.step() {
			return false
		}
	}
	return len(o.levels) > 0
}

// step reads one sign, one string or one bare word.
func (o *object) step() bool {
	c := o.text[o.at]
	switch c {
	case ' ', '\t', '\r':
		o.at++
		return true
	case '{', '[':
		return o.open(c)
	case '}', ']':
		return o.shut(c)
	case ',':
		o.at++
		if l := o.top(); !l.array {
			l.key = nil
		}
		return true
	case '"', '\'':
		return o.take(o.quoted(c))
	default:
		if !bareByte(c) {
			return false
		}
		start := o.at
		for o.at < len(o.text) && bareByte(o.text[o.at]) {
			o.at++
		}
		return o.take(o.text[start:o.at])
	}
}

func (o *object) top() *level { return &o.levels[len(o.levels)-1] }

func (o *object) open(c byte) bool {
	if len(o.levels) > 0 && !o.top().array && o.top().key == nil {
		return false
	}
	o.levels = append(o.levels, level{array: c == '['})
	o.at++
	o.value = o.text[o.at:]
	return true
}

func (o *object) shut(c byte) bool {
	if o.top().array != (c == ']') {
		return false
	}
	o.levels = o.levels[:len(o.levels)-1]
	o.at++
	return len(o.levels) > 0
}

// quoted gives what stands between quotes, or up to the end.
func (o *object) quoted(quote byte) []byte {
	start := o.at + 1
	for o.at++; o.at < len(o.text) && o.text[o.at] != quote; o.at++ {
		if o.text[o.at] == '\\' {
			o.at++
		}
	}
	end := min(o.at, len(o.text))
	o.at++
	return o.text[start:end]
}

// take takes a string or a bare word as a value, or as a key with its colon. One that the text ends in is a value, or stands
// where a key does: then the path ends above it.
func (o *object) take(text []byte) bool {
	o.value = text
	l := o.top()
	if l.array || l.key != nil || o.at >= len(o.text) {
		return true
	}
	for o.at < len(o.text) && o.text[o.at] == ' ' {
		o.at++
	}
	if o.at >= len(o.text) || o.text[o.at] != ':' {
		return false
	}
	o.at++
	// A key of no characters is one too.
	l.key = append([]byte{}, text...)
	o.value = o.text[o.at:]
	return true
}

// path writes the keys: headers.authorization, messages[].content. A value where a key should be is `a key`.
func (o *object) path() string {
	var parts []string
	for _, l := range o.levels {
		switch {
		case l.array && len(parts) == 0:
			parts = append(parts, "[]")
		case l.array:
			parts[len(parts)-1] += "[]"
		case l.key == nil:
			parts = append(parts, "(a key)")
		default:
			parts = append(parts, tellKey(l.key))
		}
	}
	if len(parts) > maxDepth {
		parts = append(parts[:maxDepth-1:maxDepth-1], masked+parts[len(parts)-1])
	}
	return strings.Join(parts, ".")
}

func bareByte(c byte) bool { return wordByte(c) || c == '.' || c == '+' || c == '$' }
