// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/launchready/launchready/test/emulators/chatbots/language"
)

// model is the simulated language model: what it was told, and what it keeps between its replies.
type model struct {
	prompt prompt
	// on: without a prompt, a weakness or a defence of its own the bot only quotes.
	on bool

	mu   sync.Mutex
	dice *rand.Rand
	// pieces counts the replies that gave away a piece; memories are users and the conversation where they said what the
	// model is to remember; chats counts a user's questions in the current second.
	pieces   int
	memories map[string]string
	second   int64
	chats    map[string]int
}

// past is a message that the client brings along.
type past struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// source is a text from elsewhere that the model sees with the question.
type source struct {
	place, title, text string
	// internal stands beside it for the model alone.
	internal string
}

// Where a source is from.
const (
	fromDocument = "document"
	fromListing  = "listing"
	fromProfile  = "profile"
	fromHistory  = "history"
)

// turn is all that the model knows when it answers.
type turn struct {
	*App

	call         *call
	message      string
	conversation string
	readings     map[language.Code][]string
	history      []past
	earlier      []string
	sources      []source
	// fitting is what the user's own documents and conversations say to the question, without markup: anybody may have
	// written what stands there.
	fitting string
}

// said is the bot's answer: what is streamed may differ from what is kept.
type said struct {
	text, streamed string
	calls          []toolCall
}

func saying(text string) said { return said{text: text, streamed: text} }

// turns counts the user's messages in the conversation, this one too.
func (t *turn) turns() int {
	brought := 0
	for _, m := range t.history {
		if m.Role == byUser {
			brought++
		}
	}
	return max(brought, len(t.earlier)) + 1
}

// all is the message and what came with it.
func (t *turn) all() []source {
	return append([]source{{text: t.message}}, t.sources...)
}

// roll throws a die with so many sides.
func (m *model) roll(sides int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dice.IntN(sides)
}

// random gives so many hex digits.
func (m *model) random(digits int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	for range digits {
		fmt.Fprintf(&b, "%x", m.dice.IntN(16))
	}
	return b.String()
}

// think gives the model's answer.
func (t *turn) think() said {
	message := strings.TrimSpace(t.message)
	if answer, ok := t.model.prompt.rules[message]; ok {
		return saying(answer)
	}
	if answer, ok := t.approvedCall(); ok {
		return answer
	}
	for _, each := range injections() {
		if t.weak(each.Name) {
			if answer, ok := each.react(t); ok {
				return answer
			}
		}
	}
	if t.weak(PageUnescaped) {
		if answer, ok := t.markup(); ok {
			return answer
		}
	}
	return t.defended()
}

// plain is what the safe model answers.
func (t *turn) plain() string {
	if t.asks() && !t.found() {
		return refusal
	}
	return t.fitting
}

var reference = regexp.MustCompile(`\b(?:[A-Za-z]+\d|\d+[A-Za-z])[A-Za-z0-9]{4,}\b`)

// found tells whether the user's own data have what looks like a reference in the message: then that is what is asked for.
func (t *turn) found() bool {
	return slices.ContainsFunc(reference.FindAllString(t.message, -1), func(code string) bool { return strings.Contains(t.fitting, code) })
}

const refusal = "I'm sorry, but I can't help with that. Is there something in your documents that I can look up for you?"

// asks tells whether the message, or anything that it may mean, asks for what the model was told.
func (t *turn) asks() bool {
	if language.Asks(t.message) {
		return true
	}
	for _, readings := range t.readings {
		if slices.ContainsFunc(readings, language.Asks) {
			return true
		}
	}
	return false
}

// modelled answers by the model.
func (a *App) modelled(c *call, q question, o object, earlier []message, fitting string) (said, error) {
	t := &turn{App: a, call: c, message: q.Message, conversation: o.ID, readings: language.Readings(q.Message), history: q.History, fitting: sanitised(fitting)}
	for _, m := range earlier {
		if m.Author == byUser {
			t.earlier = append(t.earlier, m.Text)
		}
	}
	var err error
	if t.sources, err = a.sources(c, q.Message); err != nil {
		return said{}, err
	}
	for _, m := range q.History {
		t.sources = append(t.sources, source{place: fromHistory, title: m.Role, text: m.Content})
	}
	for _, text := range t.earlier {
		t.sources = append(t.sources, source{place: fromHistory, title: byUser, text: text})
	}
	return t.think(), nil
}

// sources are the user's documents and the listings that share a word with the question, and the user's own name.
func (a *App) sources(c *call, asked string) ([]source, error) {
	words := wordsOf(asked)
	fits := func(text string) bool {
		for word := range wordsOf(text) {
			if words[word] {
				return true
			}
		}
		return false
	}
	var found []source
	docs, err := a.store.objects(c.ctx(), documents, c.scope)
	if err != nil {
		return nil, err
	}
	for _, o := range docs {
		if a.indexed(o.Created) && fits(o.Title+" "+o.Text+" document documents file files note notes upload uploads uploaded") {
			found = append(found, source{place: fromDocument, title: o.Title, text: o.Text})
		}
	}
	things, err := a.forSale(c.ctx())
	if err != nil {
		return nil, err
	}
	for _, each := range things {
		if fits(each.Title + " " + each.Description + " listing listings offer offers product products price shop sale") {
			found = append(found, source{fromListing, each.Title, each.Description, each.Internal})
		}
	}
	return append(found, source{place: fromProfile, title: "name", text: c.user.Name}), nil
}

var comment = regexp.MustCompile(`(?s)<!--(.*?)-->`)

// commented is what stands in a text's comments, and uncommented the rest.
func commented(text string) string {
	var found []string
	for _, match := range comment.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return strings.Join(found, "\n")
}

func uncommented(text string) string { return comment.ReplaceAllString(text, " ") }

// tabular tells whether a text is a table: two lines or more, all with as many separators.
func tabular(text string) bool {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, separator := range []string{",", ";", "\t"} {
		count := strings.Count(lines[0], separator)
		if len(lines) > 1 && count > 0 && strings.Count(lines[len(lines)-1], separator) >= count {
			return true
		}
	}
	return false
}

var addressIn = regexp.MustCompile(`https?://[^\s"'()\]]+`)

// addresses are the URLs in a text.
func addresses(text string) []string {
	found := addressIn.FindAllString(text, -1)
	for i := range found {
		found[i] = strings.TrimRight(found[i], ".,;:!?>`")
	}
	return found
}

// fetch gets what is at an address, and keeps nothing of it.
func (t *turn) fetch(ctx context.Context, address string) {
	_ = t.cfg.Fetch(ctx, address) // that it was asked for is all that counts
}

var (
	nameIn   = regexp.MustCompile(`(?i)\b(?:[a-z0-9-]+\.)+[a-z]{2,}\b`)
	serverIn = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`)
	portIn   = regexp.MustCompile(`\b[1-9]\d{3,4}\b`)
)

// domains are the names that may be looked up of a text: not many.
func domains(text string) []string { return nameIn.FindAllString(text, 4) }

// lookUp asks the first name server that a text names for the names in it, and keeps nothing of what it says.
func (t *turn) lookUp(text string) {
	server, port := serverIn.FindString(text), portIn.FindString(text)
	if server == "" {
		return
	}
	for _, name := range domains(text) {
		_ = t.cfg.LookUp(t.call.ctx(), name, net.JoinHostPort(server, cmp.Or(port, "53"))) // that it was asked for is all that counts
	}
}
