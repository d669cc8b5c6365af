// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// maxJSONDepth bounds the nesting of objects that is followed.
const maxJSONDepth = 64

// jsonReader walks a document by its tokens, so that nothing is built of it.
type jsonReader struct {
	s     *scan
	r     region
	dec   *json.Decoder
	last  int64 // offset behind the previous token
	names []string
}

// member is one string of an object: where it stands and what it says.
type member struct {
	key        string
	value      string
	start, end int
}

// json reads r as JSON and tells whether it is. A document is first checked as a
// whole, since half of one would be reported twice.
func (s *scan) json(r region) bool {
	trimmed := strings.TrimSpace(r.text)
	if len(trimmed) < 2 || (trimmed[0] != '{' && trimmed[0] != '[') || !json.Valid([]byte(trimmed)) {
		return false
	}
	j := jsonReader{s: s, r: r, dec: json.NewDecoder(strings.NewReader(r.text))}
	j.dec.UseNumber()
	for {
		if err := j.value(0); err != nil {
			return errors.Is(err, io.EOF) || j.last > 0
		}
	}
}

func (j *jsonReader) token() (json.Token, int, int, error) {
	from := j.last
	t, err := j.dec.Token()
	if err != nil {
		return nil, 0, 0, err
	}
	j.last = j.dec.InputOffset()
	start := int(from)
	for start < int(j.last) && strings.IndexByte(" \t\r\n,:", j.r.text[start]) >= 0 {
		start++
	}
	return t, start, int(j.last), nil
}

// value reads one value, under the names that are on the stack.
func (j *jsonReader) value(depth int) error {
	t, start, end, err := j.token()
	if err != nil {
		return err
	}
	switch v := t.(type) {
	case json.Delim:
		if v == '{' {
			return j.object(depth + 1)
		}
		if v == '[' {
			return j.array(depth + 1)
		}
	case string:
		j.text(v, start, end)
	case json.Number:
		j.number(start, end)
	}
	return nil
}

func (j *jsonReader) array(depth int) error {
	for j.dec.More() {
		if err := j.value(depth); err != nil {
			return err
		}
	}
	_, _, _, err := j.token()
	return err
}

func (j *jsonReader) object(depth int) error {
	var name, value member
	privateJWK := [2]bool{}
	for j.dec.More() {
		t, _, _, err := j.token()
		if err != nil {
			return err
		}
		k, _ := t.(string)
		if depth < maxJSONDepth {
			j.names = append(j.names, k)
		}
		start := int(j.last)
		if err := j.value(depth); err != nil {
			return err
		}
		if depth < maxJSONDepth {
			j.names = j.names[:len(j.names)-1]
		}
		m := j.member(k, start, int(j.last))
		switch {
		case nameKey(k) && m.value != "", k == "type" && m.value == "password": // as Keycloak's realms have it
			name = m
		case valueKey(k) && m.value != "":
			value = m
		case k == "kty":
			privateJWK[0] = true
		case (k == "d" || k == "k") && len(m.value) >= 20:
			privateJWK[1] = true
			value = m
		}
	}
	switch {
	case privateJWK[0] && privateJWK[1] && value.start < value.end:
		// RFC 7517: the parameter d of a key is private, k is a symmetric key.
		j.s.addText(j.r, value.value, value.start, value.end, KindPrivateKey, "jwk", byDecoding)
	case name.value != "" && value.value != "":
		j.pair(name.value, value)
	}
	_, _, _, err := j.token()
	return err
}

// pair judges the value of an object that holds a name and a value.
func (j *jsonReader) pair(name string, value member) {
	r := j.r.decodedAt(value)
	j.s.judge(r, 0, len(value.value), name, inSetting)
	if value.value[0] == '{' && j.s.nesting < maxNesting {
		j.s.inside(name, r)
	}
}

// member takes the string between start and end of the document, if it is one.
func (j *jsonReader) member(k string, start, end int) member {
	for start < end && strings.IndexByte(" \t\r\n,:", j.r.text[start]) >= 0 {
		start++
	}
	raw := j.r.text[start:end]
	if len(raw) < 2 || raw[0] != '"' || len(raw) > maxCredential {
		return member{}
	}
	var v string
	if strings.IndexByte(raw, '\\') < 0 {
		v = raw[1 : len(raw)-1]
	} else if json.Unmarshal([]byte(raw), &v) != nil {
		return member{}
	}
	return member{key: k, value: v, start: start + 1, end: end - 1}
}

// decodedAt is the value of a member as a region.
func (r region) decodedAt(m member) region {
	if r.text[m.start:m.end] == m.value {
		return r.sub(m.start, m.end)
	}
	return r.decoded(m.value, m.start, m.end)
}

func (j *jsonReader) text(v string, start, end int) {
	if len(v) < 3 {
		return
	}
	j.s.labels.see(v)
	r := j.r.decodedAt(member{value: v, start: start + 1, end: end - 1})
	first := len(j.s.found)
	name := j.name()
	if len(v) > 8 {
		j.s.known(r)
		if j.s.browser || clientSideKey(name) || browserKey(j.r.text, start) {
			j.s.dropPublicGoogleKeys(first)
		}
	}
	if generic(name) && readName(j.s.name).strong {
		name = j.s.name // JWT_SECRET={"type":"HS256","key":"..."}
	}
	j.s.judge(r, 0, len(v), name, inQuotes)
	if j.s.nesting < maxNesting && worthReading(v) {
		j.s.inside(name, r)
	}
	j.s.encoded(r)
}

// generic tells names of members that say no more than the name of the setting that holds the document.
func generic(name string) bool {
	switch name {
	case "key", "secret", "value", "data":
		return true
	}
	return false
}

func (j *jsonReader) number(start, end int) {
	if end-start >= 4 {
		j.s.judge(j.r, start, end, j.name(), inQuotes)
	}
}

// name joins the innermost names of the path.
func (j *jsonReader) name() string {
	n := len(j.names)
	switch n {
	case 0:
		return ""
	case 1:
		return j.names[0]
	}
	return strings.Join(j.names[max(0, n-3):], ".")
}
