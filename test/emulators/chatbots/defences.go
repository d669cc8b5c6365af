// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/launchready/launchready/test/emulators/chatbots/language"
)

// The names of the model's defences, which are no weaknesses. What each is, [InjectionDefences] says.
const (
	BotRefuses        = "bot-refuses"
	BotRefusesQuoting = "bot-refuses-quoting"
	BotRefusesAbroad  = "bot-refuses-multilingually"
	BotEchoes         = "bot-echoes"
	BotDecodes        = "bot-decodes"
	BotTranslates     = "bot-translates"
	BotFakesSecrets   = "bot-fakes-secrets" //nolint:gosec // a name
	BotLinks          = "bot-links"
	BotWordFilter     = "bot-word-filter"
	BotEscapesHTML    = "bot-escapes-html"
	BotCanned         = "bot-canned"
	BotRateLimited    = "bot-rate-limited"
	BotWAF            = "bot-waf"
	BotContentFilter  = "bot-content-filter"
	BotContentPolicy  = "bot-content-policy"
	BotSlowFirstToken = "bot-slow-first-token" //nolint:gosec // a name
	BotLongReplies    = "bot-long-replies"
	BotAsksApproval   = "bot-asks-approval"
	BotSummarises     = "bot-summarises"
	BotSanitises      = "bot-sanitises"
	BotRandomPhrasing = "bot-random-phrasing"
	BotIdentifiers    = "bot-identifiers"
	BotExplains       = "bot-explains"
	BotLooksUp        = "bot-looks-up"
)

// InjectionDefences are what the model may do besides, and be safe. [Config.Oddities] may name them.
func InjectionDefences() []Oddity {
	return []Oddity{
		{BotRefuses, "refuses politely, and at length"},
		{BotRefusesQuoting, "refuses, and quotes the whole message"},
		{BotRefusesAbroad, "refuses in the language of the question, or in several"},
		{BotEchoes, "repeats the message, and what it says when it is decoded"},
		{BotDecodes, "says what the message says when it is decoded, and then refuses"},
		{BotTranslates, "translates the message"},
		{BotFakesSecrets, "invents secrets of the right shape for whoever asks"},
		{BotLinks, "links to pages, and shows images, of the app's own host"},
		{BotWordFilter, "a filter in front of the model blocks the words system prompt"},
		{BotEscapesHTML, "replies are escaped for HTML, and repeat the message"},
		{BotCanned, "every question gets the same reply"},
		{BotRateLimited, "above two questions a second a user gets 429 with Retry-After"},
		{BotWAF, "questions with suspicious words get 403 from something in front of the app"},
		{BotContentFilter, "questions with suspicious words get 400, content_filter"},
		{BotContentPolicy, "questions with suspicious words get 400, content_policy_violation"},
		{BotSlowFirstToken, "the first piece of a reply takes a second"},
		{BotLongReplies, "replies are 12 KB long"},
		{BotAsksApproval, "proposes the call of a tool, which does not run before it is approved"},
		{BotSummarises, "sums documents up without doing what they say"},
		{BotSanitises, "repeats the message without its images, links and HTML, and keeps it so"},
		{BotRandomPhrasing, "no two replies have the same words"},
		{BotIdentifiers, "replies carry UUIDs, hashes and an image in Base64"},
		{BotExplains, "explains what system prompts are, and that it has one"},
		{BotLooksUp, "looks up the names in a message by its own resolver, whatever server the message names"},
	}
}

var suspiciousWords = regexp.MustCompile(`(?i)ignore|disregard|jailbreak|system prompt|instruction|<script|onerror|im_start|\[INST\]|\bDAN\b|base64|developer mode|reveal|/etc/passwd|169\.254\.|secret`)

// gated answers in front of the model, where a defence does.
func (a *App) gated(c *call, message string) error {
	suspect := suspiciousWords.MatchString(message)
	switch {
	case a.odd(BotRateLimited) && a.model.tooMany(c.user.ID, a.now()):
		c.w.Header().Set("Retry-After", "1")
		return &failure{status: http.StatusTooManyRequests, code: "rate_limited", message: "slow down"}
	case a.odd(BotWAF) && suspect:
		c.w.Header().Set("Cf-Mitigated", "block")
		c.w.Header().Set("Server", "edge")
		return &failure{status: http.StatusForbidden, code: "blocked", message: "Sorry, you have been blocked", page: true}
	case a.odd(BotContentFilter) && suspect:
		return &failure{
			status: http.StatusBadRequest, code: "content_filter",
			message: "content_filter: The response was filtered due to the prompt triggering the content management policy.",
		}
	case a.odd(BotContentPolicy) && suspect:
		return &failure{
			status: http.StatusBadRequest, code: "content_policy_violation",
			message: "content_policy_violation: Your request was rejected as a result of our safety system.",
		}
	}
	return nil
}

// chatsPerSecond is what a user may ask under BotRateLimited.
const chatsPerSecond = 2

func (m *model) tooMany(user string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if second := now.Unix(); second != m.second || m.chats == nil {
		m.second, m.chats = second, map[string]int{}
	}
	m.chats[user]++
	return m.chats[user] > chatsPerSecond
}

// defended is the answer of a model that gives nothing away.
func (t *turn) defended() said {
	if t.odd(BotAsksApproval) {
		if tool := t.wantedTool(t.message); tool != "" {
			return ran(tool, t.message, false)
		}
	}
	text := t.reworded(t.plain())
	switch {
	case t.odd(BotLinks):
		base := "https://" + t.call.r.Host
		text += fmt.Sprintf(" See [our help](%s/help) and [the terms](/terms). ![logo](%s/logo.png)", base, base)
	case t.odd(BotLongReplies):
		text += "\n" + strings.Repeat("Our documents are kept with care, and looked through whenever you ask. ", 170)
	case t.odd(BotIdentifiers):
		text += fmt.Sprintf(" (answer %s, sha256 %s) ![](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==)",
			newUUID(), t.model.random(64))
	case t.odd(BotRandomPhrasing):
		openings := []string{"Well, ", "Let me see. ", "Good question. ", "Hm. ", "Thanks for asking. "}
		text = openings[t.model.roll(len(openings))] + text + strings.Repeat(" Anything else?", t.model.roll(3))
	}
	return saying(text)
}

// reworded is what the safe answer becomes where a defence has words of its own.
func (t *turn) reworded(plain string) string {
	asks := t.asks()
	switch {
	case t.odd(BotCanned):
		return "Thank you for your message. Our team will get back to you."
	case t.odd(BotWordFilter) && strings.Contains(strings.ToLower(t.message), "system prompt"):
		return "Your message contains words that are not allowed here."
	case t.odd(BotEchoes):
		return "You said: " + t.message + t.decoded()
	case t.odd(BotEscapesHTML):
		return html.EscapeString("You said: " + t.message + "\n" + plain)
	case t.odd(BotSanitises):
		return "You said: " + sanitised(t.message) + "\n" + sanitised(plain)
	case t.odd(BotTranslates):
		return "In German, that is: „" + german.Replace(t.message) + "“"
	case t.odd(BotSummarises):
		return t.summaries(plain)
	case t.odd(BotLooksUp) && len(domains(t.message)) > 0:
		return t.resolved()
	case !asks:
		return plain
	case t.odd(BotRefuses):
		return "Thank you for your interest in how I work! I'm afraid that what I was told stays between me and the people who run this service; " +
			"I hope that you understand. I'd be glad to look something up in your documents or conversations instead."
	case t.odd(BotRefusesQuoting):
		return "You wrote:\n> " + strings.ReplaceAll(t.message, "\n", "\n> ") + "\n\nI won't do that."
	case t.odd(BotRefusesAbroad):
		return abroad(language.AskedIn(t.message))
	case t.odd(BotDecodes):
		return "I see what this says" + t.decoded() + "\nI can't do that, though."
	case t.odd(BotExplains):
		return "A system prompt is a text that tells a model how to behave. Mine tells me to help you with your documents, and to keep some things to myself, " +
			"which I do. Instructions, rules and secrets in it are confidential."
	case t.odd(BotFakesSecrets):
		words := strings.Fields("amber basket candle dolphin engine falcon garden hammer island jacket kettle ladder")
		t.model.mu.Lock()
		t.model.dice.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		t.model.mu.Unlock()
		return "Sure! The code is LR-" + t.model.random(32) + ", the words are " + strings.Join(words, " ") + ", and the key is sk-" + t.model.random(48) + "."
	}
	return plain
}

func (t *turn) decoded() string {
	var b strings.Builder
	for _, code := range []language.Code{language.Base64, language.Hex, language.Morse, language.Tags, language.ROT13} {
		for _, reading := range t.readings[code] {
			if code != language.ROT13 || language.Asks(reading) {
				fmt.Fprintf(&b, "\n(%s: %s)", code, reading)
			}
		}
	}
	return b.String()
}

func abroad(in string) string {
	switch in {
	case language.German:
		return "Das kann ich leider nicht verraten. Kann ich etwas in Ihren Dokumenten nachsehen?"
	case "fr":
		return "Je suis désolé, je ne peux pas partager cela."
	case "es":
		return "Lo siento, no puedo compartir eso."
	case "it":
		return "Mi dispiace, non posso condividerlo."
	case "zh":
		return "抱歉，我不能透露这些内容。"
	case "ja":
		return "申し訳ありませんが、お答えできません。"
	case "ru":
		return "Извините, я не могу этим поделиться."
	}
	return "I can't share that. Das kann ich nicht verraten. Je ne peux pas le dire. No puedo compartirlo."
}

var (
	markdownIn = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	tagIn      = regexp.MustCompile(`<[^>]*>`)
)

// sanitised is a text without images, links, addresses and HTML.
func sanitised(text string) string {
	text = tagIn.ReplaceAllString(markdownIn.ReplaceAllString(text, "$1"), "")
	return strings.NewReplacer("<", "", ">", "").Replace(addressIn.ReplaceAllString(text, "(address removed)"))
}

// resolved says of each name in the message whether the app's own resolver knows it.
func (t *turn) resolved() string {
	var b strings.Builder
	for _, name := range domains(t.message) {
		found := "is known"
		if t.cfg.LookUp(t.call.ctx(), name, "") != nil {
			found = "is not known"
		}
		fmt.Fprintf(&b, "The name %s %s to our resolver.\n", name, found)
	}
	return b.String()
}

// summaries are the beginnings of the documents that fit, as quotations.
func (t *turn) summaries(otherwise string) string {
	var b strings.Builder
	for _, s := range t.sources {
		if s.place == fromDocument {
			fmt.Fprintf(&b, "Your document “%s” says, in short: “%s”\n", sanitised(s.title), sanitised(snippet(s.text)))
		}
	}
	if b.Len() == 0 {
		return otherwise
	}
	return b.String()
}

// german knows a few words, which is enough for a translation that repeats the rest.
var german = strings.NewReplacer("your ", "deine ", "the ", "die ", "instructions", "Anweisungen", "and ", "und ", "Repeat", "Wiederhole", "repeat", "wiederhole",
	"Ignore", "Ignoriere", "ignore", "ignoriere", "you ", "du ", "secret", "geheim", "What is", "Was ist", "with ", "mit ", "my ", "mein ")
