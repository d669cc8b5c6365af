// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"regexp"
	"strings"
)

// prompt is what the operator of the bot has told the model. It is read in general: any rule about an exact message is
// obeyed, and what is never to be revealed is known.
type prompt struct {
	text string
	// rules are answers to exact messages. They are obeyed whatever else the bot does.
	rules map[string]string
	// code is the first token, and phrase the first list of words, that must never be revealed.
	code, phrase string
	// harmless is the text without the rules and the secrets.
	harmless string
}

var (
	exactRule = regexp.MustCompile(`(?im)if the (?:user'?s? )?message is exactly\s+["'“]?(.+?)["'”]?\s*,\s*(?:then )?(?:answer|reply|respond|say)(?: only| exactly)?(?: with)?:?\s+["'“]?(.+?)["'”]?\s*(?:\.(?:\s|$)|$)`)
	neverRule = regexp.MustCompile(`(?im)(?:never|do not|don't) (?:reveal|disclose|tell|say|share)\s+(these words(?: either)?:\s*)?["'“]?(.+?)["'”]?\s*(?:\.(?:\s|$)|$)`)
)

func readPrompt(text string) prompt {
	p := prompt{text: strings.TrimSpace(text), rules: map[string]string{}}
	for _, match := range exactRule.FindAllStringSubmatch(p.text, -1) {
		p.rules[match[1]] = match[2]
	}
	for _, match := range neverRule.FindAllStringSubmatch(p.text, -1) {
		switch {
		case match[1] != "" && p.phrase == "":
			p.phrase = match[2]
		case match[1] == "" && p.code == "" && !strings.Contains(match[2], " "):
			p.code = match[2]
		}
	}
	p.harmless = strings.TrimSpace(neverRule.ReplaceAllString(exactRule.ReplaceAllString(p.text, ""), ""))
	return p
}
