// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
)

func TestDigitsOfOtherScriptsAreFound(t *testing.T) {
	c := fixed()
	m := NewMatcher([]Canary{c})
	for _, digits := range []string{"٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "০১২৩৪৫৬৭৮৯", "๐๑๒๓๔๕๖๗๘๙"} {
		var ways []string
		for _, r := range digits + "abcdef" {
			ways = append(ways, string(r))
		}
		// Half of it, which is found as it is alone.
		if hits := m.Find([]byte("Code: " + byDigit(c.Hex[:16], ways...))); len(hits) != 1 || hits[0].Length != 16 {
			t.Errorf("%s: %v", digits, hits)
		}
	}
}

func TestMoreReadings(t *testing.T) {
	for range 20 {
		c := New("x")
		m := NewMatcher([]Canary{New("y"), c})
		h, words := c.Hex, strings.Fields(c.Words)
		each := func(format string) string {
			var b strings.Builder
			for _, w := range words {
				fmt.Fprintf(&b, format, w)
			}
			return b.String()
		}
		encoded := encodersBase64("The code of the system is " + h + ", keep it to yourself.")
		n, _ := new(big.Int).SetString(h, 16)
		var nibbles, ints, letters, prefixes []string
		for i := range len(h) {
			v, _ := new(big.Int).SetString(h[i:i+1], 16)
			nibbles = append(nibbles, v.String())
			if i%8 == 0 {
				v, _ := new(big.Int).SetString(h[i:i+8], 16)
				ints = append(ints, v.String())
			}
		}
		for _, w := range words {
			var numbers []string
			for _, r := range w {
				numbers = append(numbers, fmt.Sprint(r-'a'+1))
			}
			letters = append(letters, strings.Join(numbers, "-"))
			prefixes = append(prefixes, w[:min(4, len(w))])
		}
		var asIn, wie, comme []string
		for i, r := range h {
			at := strings.IndexRune("0123456789abcdef", r)
			letter := strings.ToUpper(h[i : i+1])
			asIn = append(asIn, append(strings.Fields("zero one two three four five six seven eight nine"), mapped(strings.Fields("Alpha Bravo Charlie Delta Echo Foxtrot"), func(w string) string { return letter + " as in " + w })...)[at])
			wie = append(wie, append(strings.Fields("null eins zwei drei vier fünf sechs sieben acht neun"), mapped(strings.Fields("Anton Berta Cäsar Dora Emil Friedrich"), func(w string) string { return letter + " wie " + w })...)[at])
			comme = append(comme, append(strings.Fields("zéro un deux trois quatre cinq six sept huit neuf"), mapped(strings.Fields("Anatole Berthe Célestin Désiré Eugène François"), func(w string) string { return letter + " comme " + w })...)[at])
		}
		two := strings.NewReplacer("0", "⬜", "1", "⬛")
		bits := spelledWith("%08b", "")(h)
		for name, text := range map[string]string{
			"letters as in words":        strings.Join(asIn, ", "),
			"letters as in German words": strings.Join(wie, ", "),
			"letters as in French words": strings.Join(comme, ", "),
			"Chinese, in a row":          strings.TrimSuffix(byDigit(h, strings.Split("零、 一、 二、 三、 四、 五、 六、 七、 八、 九、 a、 b、 c、 d、 e、 f、", " ")...), "、"),
			"small capitals":             strings.NewReplacer("a", "ᴀ", "b", "ʙ", "c", "ᴄ", "d", "ᴅ", "e", "ᴇ", "f", "ꜰ").Replace(h),
			"base64 in a list":           "- " + strings.ReplaceAll(wrapped(encoded, 16), "\n", "\n- "),
			"base64 in a numbered list":  inPieces(encoded, 12, "%d. `%s`\n"),
			"base64 in a table":          inPieces(encoded, 10, "| %d | %s |\n"),
			"a column of a table":        "| position | character |\n|---|---|\n" + inPieces(h, 1, "| %d | `%s` |\n"),
			"first words of lines":       each("%s is what I think of when the day begins, and so it goes on for ever\n"),
			"last words of lines":        each("and when the day is over and the night begins, I think of you, my %s\n"),
			"bold words of a story":      each("On one long and rainy evening in the late autumn of that year the **%s** went to town. "),
			"quoted words of a story":    each("On one long and rainy evening in the late autumn of that year a “%s” went to town. "),
			"words in capitals of a story": strings.Join(mapped(words, func(w string) string {
				return "one long and rainy evening in the late autumn of that year a " + strings.ToUpper(w) + " went to town"
			}), ". "),
			"definitions":                     each("- **%s** – a word that one uses when one wants to speak of such a thing in the usual way\n"),
			"elements with attributes":        inPieces(h, 1, "<b class=\"c%d\">%s</b>"),
			"SVG":                             inPieces(h, 1, "<text x=\"%d0\" y=\"20\">%s</text>"),
			"chr() in Python":                 spelledWith("chr(%d)", "+")(h),
			"chr() in hexadecimal":            spelledWith("chr(0x%02x)", " + ")(h),
			"CHAR() in SQL":                   "CONCAT(" + spelledWith("CHAR(%d)", ", ")(h) + ")",
			"digits as numbers":               strings.Join(nibbles, " "),
			"numbers of 32 bits":              "[" + strings.Join(ints, ", ") + "]",
			"one number":                      "As a decimal number it is " + n.String() + ".",
			"one number with commas":          grouped(n.String()),
			"one number in base 58":           encode58(string(n.Bytes())),
			"one number in base 36":           n.Text(36),
			"one number in binary":            "0b" + n.Text(2),
			"numbers of letters":              strings.Join(letters, " "),
			"numbers of letters with commas":  strings.ReplaceAll(strings.Join(letters, "; "), "-", ", "),
			"the first four letters of words": strings.Join(prefixes, " "),
			"squares for bits":                two.Replace(bits),
			"letters for bits":                strings.NewReplacer("0", "A", "1", "B").Replace(bits),
			"a dump of eight a line":          dump("the code is "+h, 8, "%04x: "),
			"a dump without its text":         dump("the code is "+h, 16, "%08x  "),
			"Braille":                         inBraille(h, true),
			"Braille, each digit with a sign": inBraille(h, false),
			"Braille of words":                inBraille(c.Words, true),
		} {
			if hits := m.Find([]byte(inProse(text))); len(hits) == 0 || hits[0].Canary != 1 {
				t.Errorf("%s: %v in %q", name, hits, text)
			}
		}
	}
}

func encodersBase64(s string) string {
	for _, e := range encoders() {
		if e.name == "base64" {
			return e.encode(s)
		}
	}
	return ""
}

func mapped(words []string, f func(string) string) (out []string) {
	for _, w := range words {
		out = append(out, f(w))
	}
	return out
}

func grouped(digits string) string {
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, groups...), ",")
}

// dump writes a text as xxd and hexdump do.
func dump(s string, wide int, offset string) string {
	var b strings.Builder
	for i := 0; i < len(s); i += wide {
		fmt.Fprintf(&b, offset+"% x\n", i, s[i:min(len(s), i+wide)])
	}
	return b.String()
}

// inBraille writes letters and digits, the sign of numbers before each row of digits or before each digit, and that of letters behind a row.
func inBraille(s string, rows bool) string {
	const cells = "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵"
	var b strings.Builder
	number := false
	for _, r := range s {
		at := strings.IndexRune("abcdefghijklmnopqrstuvwxyz", r)
		if digit := strings.IndexRune("1234567890", r); digit >= 0 {
			if !number || !rows {
				b.WriteString("⠼")
			}
			number, at = true, digit
		} else {
			if number && rows {
				b.WriteString("⠰")
			}
			number = false
		}
		if at < 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune([]rune(cells)[at])
	}
	return b.String()
}
