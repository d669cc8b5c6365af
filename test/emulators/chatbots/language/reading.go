// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package language

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Code is a way to write a text such that not everybody sees what it says.
type Code string

// The codes that the model reads, writes, or both.
const (
	Base64     Code = "base64"
	Base32     Code = "base32"
	Hex        Code = "hex"
	Binary     Code = "binary"
	ROT13      Code = "rot13"
	Morse      Code = "morse"
	Reversed   Code = "reversed"
	Spaced     Code = "spaced"
	NATO       Code = "nato"
	Acrostic   Code = "acrostic"
	Lines      Code = "lines"
	Leet       Code = "leetspeak"
	Tags       Code = "tags"
	Homoglyphs Code = "homoglyphs"
	ZeroWidth  Code = "zero-width"
	Escaped    Code = "escaped"
	Split      Code = "split"
)

// Readings are what a text may say when it is decoded, by the code. Those that say nothing new are left out.
func Readings(text string) map[Code][]string {
	all := map[Code][]string{
		Base64: base64In(text), Base32: base32In(text), Hex: hexIn(text), Binary: binaryIn(text),
		ROT13: {strings.Map(rot13, text)}, Morse: {morseIn(text)}, NATO: {natoIn(text)}, Acrostic: {acrosticIn(text)},
		Reversed: {reverse(text), reverseWords(text)}, Spaced: {joined(text)},
		Leet: {strings.NewReplacer(leet("i")...).Replace(text), strings.NewReplacer(leet("l")...).Replace(text)},
		Tags: {tagsIn(text)}, Homoglyphs: {plainLetters(text)}, ZeroWidth: {strings.Map(visible, text)}, Escaped: escapedIn(text),
		Split: fragments(text),
	}
	for code, readings := range all {
		all[code] = slices.DeleteFunc(readings, func(r string) bool { return strings.TrimSpace(r) == "" || r == text })
	}
	return all
}

var (
	base64Run = regexp.MustCompile(`[A-Za-z0-9+/_-]{12,}={0,2}`)
	base32Run = regexp.MustCompile(`[A-Z2-7]{16,}={0,6}`)
	hexRun    = regexp.MustCompile(`(?i)(?:(?:0x|\\x)?[0-9a-f]{2}[\s:,-]?){8,}`)
	binaryRun = regexp.MustCompile(`(?:[01]{8}\s*){4,}`)
	notHex    = regexp.MustCompile(`(?i)0x|\\x|[^0-9a-f]`)
)

// printable tells whether bytes are text that somebody could have meant.
func printable(data []byte) bool {
	if len(data) < 4 || !utf8.Valid(data) {
		return false
	}
	for _, r := range string(data) {
		if !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return false
		}
	}
	return true
}

func base64In(text string) []string {
	var found []string
	unwrapped := strings.Join(strings.Fields(text), "")
	for _, run := range append(base64Run.FindAllString(text, -1), base64Run.FindAllString(unwrapped, -1)...) {
		run = strings.TrimRight(run, "=")
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if data, err := e.DecodeString(run); err == nil && printable(data) && !slices.Contains(found, string(data)) {
				found = append(found, string(data))
			}
		}
	}
	return found
}

func base32In(text string) []string {
	var found []string
	for _, run := range base32Run.FindAllString(text, -1) {
		data, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(run, "="))
		if err == nil && printable(data) {
			found = append(found, string(data))
		}
	}
	return found
}

func hexIn(text string) []string {
	var found []string
	for _, run := range hexRun.FindAllString(text, -1) {
		if data, err := hex.DecodeString(notHex.ReplaceAllString(run, "")); err == nil && printable(data) {
			found = append(found, string(data))
		}
	}
	return found
}

func binaryIn(text string) []string {
	var found []string
	for _, run := range binaryRun.FindAllString(text, -1) {
		bits := strings.Join(strings.Fields(run), "")
		var data []byte
		for i := 0; i+8 <= len(bits); i += 8 {
			b, err := strconv.ParseUint(bits[i:i+8], 2, 8)
			if err != nil {
				break
			}
			data = append(data, byte(b))
		}
		if printable(data) {
			found = append(found, string(data))
		}
	}
	return found
}

func rot13(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return 'a' + (r-'a'+13)%26
	case r >= 'A' && r <= 'Z':
		return 'A' + (r-'A'+13)%26
	}
	return r
}

func reverse(text string) string {
	letters := []rune(text)
	slices.Reverse(letters)
	return string(letters)
}

func reverseWords(text string) string {
	words := strings.Fields(text)
	for i := range words {
		words[i] = reverse(words[i])
	}
	return strings.Join(words, " ")
}

// leet are what stands for which letter; 1 and ! are an i or an l.
func leet(one string) []string {
	return []string{"4", "a", "@", "a", "3", "e", "1", one, "!", one, "|", "l", "0", "o", "5", "s", "$", "s", "7", "t", "+", "t", "8", "b", "9", "g", "2", "z"}
}

// tagsIn reads the tag characters (Unicode block E0000), which nobody sees.
func tagsIn(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0xE0020 && r <= 0xE007E {
			return r - 0xE0000
		}
		return -1
	}, text)
}

func visible(r rune) rune {
	if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) {
		return -1
	}
	return r
}

// lookalikes are Greek, Cyrillic and other letters, and the Latin ones that they look like.
const (
	lookalikes = "аеорсухіјѕһԁɡԛԝкмтнвАВЕКМНОРСТХУІЈЅοαερυικντηΑΒΕΖΗΙΚΜΝΟΡΤΥΧıⅼ"
	latin      = "aeopcyxijshdgqwkmthbABEKMHOPCTXYIJSoaepuikvtnABEZHIKMNOPTYXil"
)

// plainLetters writes letters that look like Latin ones, or are those in another dress, as Latin ones.
func plainLetters(text string) string {
	from, to := []rune(lookalikes), []rune(latin)
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xFF01 && r <= 0xFF5E: // full width
			return r - 0xFEE0
		case r >= 0x1D400 && r <= 0x1D6A3: // the mathematical alphabets, 52 letters each
			i := (r - 0x1D400) % 52
			if i < 26 {
				return 'A' + i
			}
			return 'a' + i - 26
		case r >= 0x24B6 && r <= 0x24CF: // circled
			return 'A' + r - 0x24B6
		case r >= 0x24D0 && r <= 0x24E9:
			return 'a' + r - 0x24D0
		case unicode.Is(unicode.Mn, r):
			return -1
		}
		if i := slices.Index(from, r); i >= 0 {
			return to[i]
		}
		return r
	}, text)
}

var escape = regexp.MustCompile(`\\u\{?([0-9a-fA-F]{4,6})\}?|U\+([0-9a-fA-F]{4,6})\s?`)

// escapedIn reads percent signs, HTML's entities, and \u escapes.
func escapedIn(text string) []string {
	found := []string{html.UnescapeString(text)}
	if plain, err := url.QueryUnescape(text); err == nil && strings.Contains(text, "%") {
		found = append(found, plain)
	}
	return append(found, escape.ReplaceAllStringFunc(text, func(each string) string {
		parts := escape.FindStringSubmatch(each)
		n, err := strconv.ParseInt(parts[1]+parts[2], 16, 32)
		if err != nil {
			return each
		}
		return string(rune(n))
	}))
}

var (
	spelled   = regexp.MustCompile(`(?:^|[^\pL\pN])((?:[\pL\pN][ .\-_*|/]){3,}[\pL\pN])(?:$|[^\pL\pN])`)
	between   = regexp.MustCompile(`[ .\-_*|/]`)
	wordBreak = regexp.MustCompile(`\s{2,}|\s*/\s*`)
)

// joined puts letters together that stand apart. Words are parted by more than the letters are.
func joined(text string) string {
	words := wordBreak.Split(text, -1)
	if len(words) == 1 {
		return spelled.ReplaceAllStringFunc(text, func(run string) string { return " " + between.ReplaceAllString(run, "") + " " })
	}
	for i, word := range words {
		if spelled.MatchString(word) {
			words[i] = between.ReplaceAllString(word, "")
		}
	}
	return strings.Join(words, " ")
}

var quoted = regexp.MustCompile("\"([^\"\n]+)\"|'([^'\n]+)'|`([^`\n]+)`|“([^”\n]+)”|«([^»\n]+)»|(?m:^\\s*(?:\\w+\\s*=|[-*]|\\d+[.):]|(?i:part|piece|fragment|teil|chunk) ?\\w*\\s*[:=]))\\s*(\\S.*?)\\s*$")

// fragments are what the parts in quotes or in a list give when they are put together, with and without spaces.
func fragments(text string) []string {
	var parts []string
	for _, match := range quoted.FindAllStringSubmatch(text, -1) {
		for _, part := range match[1:] {
			if part = strings.Trim(part, `"'; `); part != "" {
				parts = append(parts, part)
			}
		}
	}
	if len(parts) < 2 {
		return nil
	}
	return []string{strings.Join(parts, ""), strings.Join(parts, " ")}
}
