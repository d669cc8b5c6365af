// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

// minEncoded is the shortest encoded text that is decoded: shorter ones hold no secret
// that could be told from chance.
const minEncoded = 16

// encoded decodes what looks encoded and reads it as free text: base64 in its four
// alphabets, hexadecimal, percent-encoding, and gzip, as it is or in base64.
func (s *scan) encoded(r region) {
	if s.decodings >= maxDecodings || len(r.text) < minEncoded {
		return
	}
	s.decodings++
	defer func() { s.decodings-- }()
	if strings.HasPrefix(r.text, gzipMagic) {
		s.unzipped(r, r.text, 0, len(r.text))
		return
	}
	if strings.IndexByte(r.text, '%') >= 0 {
		s.percentEncoded(r)
	}
	for i := 0; i < len(r.text); {
		if !base64Any.has(r.text[i]) {
			i++
			continue
		}
		end := encodedRun(r.text, i)
		if end-i >= minEncoded {
			s.decodeRun(r, i, end)
		}
		i = end
	}
}

// encodedRun returns the end of a run of base64, across line breaks where the lines
// are as long as MIME and PEM make them.
func encodedRun(text string, i int) int {
	end := paddedRun(text, i)
	for end-i >= 60 && end < len(text) && (text[end] == '\n' || text[end] == '\r') {
		next := end
		for next < len(text) && strings.IndexByte("\r\n \t", text[next]) >= 0 {
			next++
		}
		stop := paddedRun(text, next)
		if stop == next || (stop < len(text) && strings.IndexByte("\r\n", text[stop]) < 0) {
			break
		}
		end = stop
		if stop-next < 60 {
			break
		}
	}
	return end
}

// paddedRun returns the end of base64 with its padding; an equals sign elsewhere ends it.
func paddedRun(text string, i int) int {
	end := base64Any.run(text, i)
	stop := equals.run(text, end)
	if end > i && stop-end <= 2 && (stop == len(text) || !base64Any.has(text[stop])) {
		return stop
	}
	return end
}

func (s *scan) decodeRun(r region, start, end int) {
	text := r.text[start:end]
	if !s.spend(len(text)) {
		return
	}
	if strings.HasPrefix(text, gzipInBase64) {
		if raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "=")); err == nil {
			s.unzipped(r, string(raw), start, end)
		}
		return
	}
	if plain, ok := decodeHex(text); ok {
		s.decodedText(r.decoded(plain, start, end))
		return
	}
	// Base64 of text has letters of both cases, or digits; a word or a path has not.
	if plain, ok := decodeBase64(text); ok && !wordPath(text) {
		s.decodedText(r.decoded(plain, start, end))
		return
	}
	// In a path, the encoded part may begin behind a slash.
	if i := strings.IndexByte(text, '/'); i >= 0 && i+1 < len(text) && len(text)-i-1 >= minEncoded {
		if plain, ok := decodeBase64(text[i+1:]); ok {
			s.decodedText(r.decoded(plain, start+i+1, end))
		}
	}
}

// The first bytes of a gzip member that is deflated (RFC 1952, 2.3.1), and what base64 makes of them.
const (
	gzipMagic    = "\x1f\x8b\x08"
	gzipInBase64 = "H4sI"
)

// unzipped reads what was compressed, as Rancher does with the manifests that it keeps in annotations. It unpacks no
// more than can then be read with the work that is left: as text, by its structure, and decoded once more.
func (s *scan) unzipped(r region, zipped string, start, end int) {
	unzip, err := gzip.NewReader(strings.NewReader(zipped))
	if err != nil {
		return
	}
	raw, err := io.ReadAll(io.LimitReader(unzip, int64(max(0, s.work/4))))
	if err != nil && len(raw) == 0 {
		return
	}
	// What ends too soon, or is cut off here in the middle of a character, is read as far as it goes.
	if plain, ok := asText([]byte(strings.ToValidUTF8(string(raw), ""))); ok {
		s.decodedText(r.decoded(plain, start, end))
	}
}

func (s *scan) decodedText(r region) {
	if s.spend(len(r.text)) {
		s.free(r)
	}
}

func (s *scan) percentEncoded(r region) {
	if strings.Count(r.text, "%") > len(r.text)/3 || !s.spend(len(r.text)) {
		return
	}
	plain, err := url.PathUnescape(r.text)
	if err != nil || plain == r.text || !utf8.ValidString(plain) {
		return
	}
	s.free(r.decoded(plain, 0, len(r.text)))
}

// decodeBase64 decodes standard, URL-safe and unpadded base64 whose content is text.
func decodeBase64(s string) (string, bool) {
	if strings.ContainsAny(s, "\r\n \t") {
		s = strings.Join(strings.Fields(s), "")
	}
	s = strings.TrimRight(s, "=")
	if len(s) < 6 || len(s)%4 == 1 {
		return "", false
	}
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.RawURLEncoding
	}
	// Most candidates are no text: look at the first bytes before the whole.
	head := min(len(s), 16) &^ 3
	var first [12]byte
	n, err := encoding.Decode(first[:], []byte(s[:head]))
	if err != nil || !textual(first[:n]) && !wide(first[:n]) {
		return "", false
	}
	raw, err := encoding.DecodeString(s)
	if err != nil {
		return "", false
	}
	return asText(raw)
}

func decodeHex(s string) (string, bool) {
	s = strings.TrimPrefix(s, "0x")
	if len(s) < 2*8 || len(s)%2 != 0 || !hexDigit.all(s) {
		return "", false
	}
	var first [8]byte
	if n, err := hex.Decode(first[:], []byte(s[:16])); err != nil || !textual(first[:n]) {
		return "", false
	}
	raw, err := hex.DecodeString(s)
	if err != nil {
		return "", false
	}
	return asText(raw)
}

// asText returns raw as text if it is: UTF-8 of printable characters, or UTF-16LE as
// PowerShell's -EncodedCommand has it.
func asText(raw []byte) (string, bool) {
	if wide(raw) {
		narrow := make([]byte, 0, len(raw)/2)
		for i := 0; i < len(raw); i += 2 {
			narrow = append(narrow, raw[i])
		}
		raw = narrow
	}
	if !utf8.Valid(raw) || !textual(raw) {
		return "", false
	}
	return string(raw), true
}

// textual tells printable bytes; those beyond ASCII are left to utf8.Valid.
func textual(raw []byte) bool {
	for _, b := range raw {
		if (b < 0x20 && b != '\n' && b != '\r' && b != '\t') || b == 0x7f {
			return false
		}
	}
	return len(raw) > 0
}

// wide tells UTF-16LE of ASCII: every second byte is zero.
func wide(raw []byte) bool {
	if len(raw) < 4 || len(raw)%2 != 0 {
		return false
	}
	for i := 1; i < len(raw); i += 2 {
		if raw[i] != 0 || raw[i-1] == 0 {
			return false
		}
	}
	return true
}
