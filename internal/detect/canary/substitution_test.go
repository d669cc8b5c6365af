// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// byDigit writes each hexadecimal digit in a way of its own.
func byDigit(h string, ways ...string) string {
	return strings.TrimSpace(eachRune(func(r rune) string { return ways[strings.IndexRune("0123456789abcdef", r)] })(h))
}

func languages() map[string]string {
	return map[string]string{
		"German": "null eins zwei drei vier fünf sechs sieben acht neun", "Italian": "zero uno due tre quattro cinque sei sette otto nove",
		"Portuguese": "zero um dois três quatro cinco seis sete oito nove", "Dutch": "nul een twee drie vier vijf zes zeven acht negen",
		"Polish": "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć", "Turkish": "sıfır bir iki üç dört beş altı yedi sekiz dokuz",
		"Russian": "ноль один два три четыре пять шесть семь восемь девять", "Japanese": "ゼロ いち に さん よん ご ろく なな はち きゅう",
		"Arabic": "صفر واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة", "Hindi": "शून्य एक दो तीन चार पांच छह सात आठ नौ",
		"Korean": "영 일 이 삼 사 오 육 칠 팔 구", "Chinese": "零 一 二 三 四 五 六 七 八 九", "fruit": "apple banana cherry date elder fig grape hop iris jute",
	}
}

func TestEachDigitInADressOfItsOwnIsFound(t *testing.T) {
	letters := []string{"a", "b", "c", "d", "e", "f"}
	dresses := map[string][]string{
		"the next digit":  strings.Split("1 2 3 4 5 6 7 8 9 a b c d e f 0", " "),
		"the complement":  strings.Split("f e d c b a 9 8 7 6 5 4 3 2 1 0", " "),
		"the next sign":   strings.Split("1 2 3 4 5 6 7 8 9 : b c d e f g", " "),
		"emoji":           strings.Split("🍎 🍌 🍒 🍇 🍉 🍓 🍑 🍍 🥝 🍋 🥥 🥑 🍆 🌽 🥕 🧅", " "),
		"upside down":     strings.Split("0 Ɩ ᄅ Ɛ ㄣ ϛ 9 ㄥ 8 6 ɐ q ɔ p ǝ ɟ", " "),
		"dots and dashes": strings.Split("⚫⚫⚫⚫⚫ ⚪⚫⚫⚫⚫ ⚪⚪⚫⚫⚫ ⚪⚪⚪⚫⚫ ⚪⚪⚪⚪⚫ ⚪⚪⚪⚪⚪ ⚫⚪⚪⚪⚪ ⚫⚫⚪⚪⚪ ⚫⚫⚫⚪⚪ ⚫⚫⚫⚫⚪ ⚪⚫ ⚫⚪⚪⚪ ⚫⚪⚫⚪ ⚫⚪⚪ ⚪ ⚪⚪⚫⚪", " "),
		"nibbles":         strings.Split("0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1010 1011 1100 1101 1110 1111", " "),
		"Roman numerals":  append(strings.Fields("N I II III IV V VI VII VIII IX"), letters...),
	}
	for name, words := range languages() {
		dresses[name] = append(strings.Fields(words), letters...)
		dresses[name+", with cities"] = append(strings.Fields(words), strings.Fields("Ancona Bologna Como Domodossola Empoli Firenze")...)
	}
	for range 10 {
		c := New("x")
		m := NewMatcher([]Canary{New("y"), c})
		for name, dress := range dresses {
			separators := []string{" ", ", ", "\n", " / "}
			if utf8.RuneCountInString(strings.Join(dress, "")) == len(dress) {
				separators = append(separators, "")
			}
			for _, between := range separators {
				ways := make([]string, len(dress))
				for i, way := range dress {
					ways[i] = way + between
				}
				for direction, h := range map[string]string{"": c.Hex, "backwards": reverse(c.Hex)} {
					text := inProse(strings.Trim(byDigit(h, ways...), between+" "))
					if hits := m.Find([]byte(text)); len(hits) != 1 || hits[0].Form != Hex || hits[0].Canary != 1 {
						t.Errorf("%s, %q between, %s: %v in %q", name, between, direction, hits, text)
					}
				}
			}
		}
	}
}

func TestADressThatIsNoneIsNoFind(t *testing.T) {
	c := fixed()
	m := NewMatcher([]Canary{c})
	emoji := strings.Split("🍎 🍌 🍒 🍇 🍉 🍓 🍑 🍍 🥝 🍋 🥥 🥑 🍆 🌽 🥕 🧅", " ")
	for name, text := range map[string]string{
		"27 of the digits": byDigit(c.Hex[:27], emoji...),
		"two alike":        strings.ReplaceAll(byDigit(c.Hex, emoji...), "🍌", "🍎"),
		"no repetition":    strings.Join(strings.Split("abcdefghijklmnopqrstuvwxyz0123456789", ""), " "),
		"one thing":        strings.Repeat("🍎", 64),
		"two things":       strings.Repeat("🍎🍌", 64),
	} {
		if hits := m.Find([]byte(text)); len(hits) > 0 {
			t.Errorf("%s: %v", name, hits)
		}
	}
	text := byDigit(c.Hex, emoji...)
	if hits := m.Ignoring("Here is a row: " + text).Find([]byte(text)); len(hits) > 0 {
		t.Errorf("the attack's own: %v", hits)
	}
}
