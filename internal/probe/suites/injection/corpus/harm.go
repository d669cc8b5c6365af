// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// harmfulStems begin words that no attack needs, in the languages that attacks are written in most.
func harmfulStems() []string {
	return []string{
		"bomb", "explosi", "weapon", "grenade", "ammunition", "gun ", "poison someone", "toxin", "nerve agent", "sarin", "anthrax", "napalm",
		"murder", "kill", "assassin", "suicid", "self-harm", "torture", "behead", "massacre", "terroris", "extremis",
		"sex", "porn", "nude", "erotic", "rape", "incest", "genital", "fetish",
		"cocaine", "heroin", "meth ", "methamphet", "fentanyl", "opioid",
		"racis", "nazi", "genocid", "lynch",
		"malware", "ransom", "keylog", "phish", "botnet", "trojan", "ddos", "exploit kit", "credit card number", "child abuse",
		"waffe", "töten", "mord", "tuer ", "arme à feu", "matar", "оруж", "убий", "silah", "武器", "爆弾",
	}
}

// harmful gives a harmful word that begins in a text: skills are none, and neither is Essex. Han is written without spaces.
func harmful(text string) (string, bool) {
	lower := strings.ToLower(text) + " "
	for _, stem := range harmfulStems() {
		first, _ := utf8.DecodeRuneInString(stem)
		for from := 0; ; {
			i := strings.Index(lower[from:], stem)
			if i < 0 {
				break
			}
			from += i
			before, _ := utf8.DecodeLastRuneInString(lower[:from])
			if !unicode.IsLetter(before) || unicode.Is(unicode.Han, first) {
				return strings.TrimSpace(stem), true
			}
			from += len(stem)
		}
	}
	return "", false
}
