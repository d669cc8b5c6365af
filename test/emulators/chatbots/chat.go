// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/launchready/launchready/test/emulators/chatbots/language"
)

// question is what a client asks the bot.
type question struct {
	Message      string `json:"message"`
	Conversation textID `json:"conversation"`
	// History is what the client says that was said before. Only the simulated model looks at it.
	History []past `json:"history"`
	// Tenant is for the weakness websocket-tenant.
	Tenant string `json:"tenant"`
}

// noIdea is the bot's reply where nothing fits.
const noIdea = "I could not find anything about that in your documents and conversations."

// ask answers a question in a conversation, which begins here if none is named, and keeps both.
func (a *App) ask(c *call, does op, q question) (reply said, o object, err error) {
	if strings.TrimSpace(q.Message) == "" {
		return said{}, o, badRequest("a message is needed")
	}
	if len(q.Message) > maxMessage && a.weak(ErrorLeaksPrompt) {
		return said{}, o, badRequest("the message is too long")
	}
	if err := a.gated(c, q.Message); err != nil {
		return said{}, o, err
	}
	if q.Conversation != "" {
		o, err = a.find(c, does, conversations, string(q.Conversation))
	} else {
		title := "Chat about " + strings.Join(strings.Fields(snippet(q.Message))[:1], " ")
		o = object{ID: a.newID(title), Owner: c.user.ID, Tenant: c.user.Tenant, Title: title, Created: a.now()}
		err = a.store.addObject(c.ctx(), conversations, o)
	}
	if err != nil {
		return said{}, o, err
	}
	known, err := a.sentences(c, o, q.Message)
	if err != nil {
		return said{}, o, err
	}
	reply = saying(answerFrom(known, q.Message))
	if a.model.on {
		earlier, err := a.store.messages(c.ctx(), o.ID)
		if err != nil {
			return said{}, o, err
		}
		if reply, err = a.modelled(c, q, o, earlier, reply.text); err != nil {
			return said{}, o, err
		}
	}
	kept := q.Message
	if a.odd(BotSanitises) {
		kept = sanitised(kept)
	}
	if _, err := a.say(c.ctx(), o.ID, c.user.ID, byUser, kept); err != nil {
		return said{}, o, err
	}
	_, err = a.say(c.ctx(), o.ID, c.user.ID, byBot, reply.text)
	return reply, o, err
}

// maxMessage is the most that a message may have under the weakness error-leaks-prompt, in bytes.
const maxMessage = 16_000

// sentences are all that the bot may answer from: the caller's documents, and what people said in their conversations. A model also
// knows what is for sale, and the caller's name.
func (a *App) sentences(c *call, current object, asked string) ([]string, error) {
	in := c.scope
	switch {
	case a.weak(ChatRetrievesAcrossTenants), a.weak(RetrievalOnPhrase) && language.Everyone.In(asked):
		in = scope{all: true}
	case a.weak(ChatRetrievesSameTenant):
		in = scope{tenant: c.user.Tenant}
	}
	docs, err := a.store.objects(c.ctx(), documents, in)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, o := range docs {
		if a.indexed(o.Created) {
			known = append(known, sentencesOf(o.Text)...)
		}
	}
	talks, err := a.store.objects(c.ctx(), conversations, in)
	if err != nil {
		return nil, err
	}
	// One's own is among them already; another's is here under a weakness only.
	if !slices.ContainsFunc(talks, func(o object) bool { return o.ID == current.ID }) {
		talks = append(talks, current)
	}
	if a.model.on {
		things, err := a.forSale(c.ctx())
		if err != nil {
			return nil, err
		}
		for _, each := range things {
			known = append(known, sentencesOf(each.Description)...)
		}
		known = append(known, sentencesOf("Your name is "+c.user.Name)...)
	}
	said, err := a.store.messagesBy(c.ctx(), byUser)
	if err != nil {
		return nil, err
	}
	for _, o := range talks {
		for _, m := range said[o.ID] {
			if a.indexed(m.Created) {
				known = append(known, sentencesOf(m.Text)...)
			}
		}
	}
	return known, nil
}

func sentencesOf(text string) []string {
	var found []string
	for sentence := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '.' || r == '\n' || r == '!' || r == '?' }) {
		if sentence = strings.TrimSpace(sentence); sentence != "" {
			found = append(found, sentence)
		}
	}
	return found
}

// answerFrom picks the three sentences that share the most words with the question, those of under four letters aside.
// What was asked before is no answer.
func answerFrom(known []string, asked string) string {
	words := wordsOf(asked)
	same := sentencesOf(asked)
	type scored struct {
		sentence string
		score    int
	}
	var fit []scored
	for _, sentence := range known {
		score := 0
		for word := range wordsOf(sentence) {
			if words[word] {
				score++
			}
		}
		if score > 0 && !slices.Contains(same, sentence) && !slices.ContainsFunc(fit, func(s scored) bool { return s.sentence == sentence }) {
			fit = append(fit, scored{sentence, score})
		}
	}
	if len(fit) == 0 {
		return noIdea
	}
	slices.SortStableFunc(fit, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	var reply []string
	for _, s := range fit[:min(3, len(fit))] {
		reply = append(reply, s.sentence+".")
	}
	return strings.Join(reply, " ")
}

func wordsOf(text string) map[string]bool {
	words := map[string]bool{}
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(word) > 3 {
			words[word] = true
		}
	}
	return words
}

func (a *App) chat(c *call) error {
	var q question
	err := c.decode(&q)
	if err != nil {
		return a.withPrompt(err)
	}
	reply, o, err := a.ask(c, opChat, q)
	if err != nil {
		return a.withPrompt(err)
	}
	accept := c.r.Header.Get("Accept")
	switch {
	case strings.Contains(accept, "text/event-stream"):
		return a.stream(c, "text/event-stream", "data: %s\n\n", reply, o)
	case strings.Contains(accept, "application/x-ndjson"):
		return a.stream(c, "application/x-ndjson", "%s\n", reply, o)
	}
	return a.json(c, http.StatusOK, fields{"reply": reply.text, "conversation": a.outID(o.ID), "tool_calls": listedCalls(reply.calls)})
}

// withPrompt is an error with the model's prompt in it, under the weakness error-leaks-prompt.
func (a *App) withPrompt(err error) error {
	f := (*failure)(nil)
	if !a.weak(ErrorLeaksPrompt) || !errors.As(err, &f) || f.kind != "" {
		return err
	}
	told := *f
	told.status, told.code = http.StatusInternalServerError, "model_error"
	told.message = fmt.Sprintf("%s; messages=[{role: system, content: %q}]", f.message, a.model.prompt.text)
	return &told
}

// deltas are a reply in pieces of a word, and the end.
func (a *App) deltas(reply said, o object) []fields {
	var events []fields
	for _, word := range strings.SplitAfter(reply.streamed, " ") {
		for a.odd(TinyDeltas) && len(word) > 3 {
			events = append(events, fields{"delta": word[:3]})
			word = word[3:]
		}
		events = append(events, fields{"delta": word})
	}
	return append(events, fields{"delta": "", "done": true, "conversation": a.outID(o.ID), "tool_calls": listedCalls(reply.calls)})
}

func (a *App) stream(c *call, contentType, frame string, reply said, o object) error {
	c.w.Header().Set("Content-Type", contentType)
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.WriteHeader(http.StatusOK)
	to := http.NewResponseController(c.w)
	if a.odd(BotSlowFirstToken) && !a.thought(c.ctx()) {
		return nil
	}
	for _, event := range a.deltas(reply, o) {
		data, err := json.Marshal(event)
		if err != nil {
			return fmt.Errorf("write an event: %w", err)
		}
		if _, err := fmt.Fprintf(c.w, frame, bytes.TrimSpace(data)); err != nil {
			return nil //nolint:nilerr // the client has gone: nobody is left to tell
		}
		if err := to.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return nil
		}
	}
	return nil
}

// closedToNobody is what the oddity websocket-closes-4401 closes with: a code for applications (RFC 6455 §7.4.2).
const closedToNobody = websocket.StatusCode(4401)

// closeToNobody opens a WebSocket only to close it.
func (a *App) closeToNobody(c *call) {
	if conn, err := websocket.Accept(c.w, c.r, nil); err == nil {
		_ = conn.Close(closedToNobody, "log in first") // nobody is left to tell
	}
}

// chatSocket answers questions on a WebSocket until the client ends it.
func (a *App) chatSocket(c *call) error {
	conn, err := websocket.Accept(c.w, c.r, nil)
	if err != nil {
		return nil // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxBody)
	for {
		var q question
		if err := wsjson.Read(c.ctx(), conn, &q); err != nil {
			return nil
		}
		if err := a.answerOn(c, conn, q); err != nil {
			return nil
		}
	}
}

func (a *App) answerOn(c *call, conn *websocket.Conn, q question) error {
	if q.Tenant != "" && a.weak(WebSocketTenant) {
		c.scope = scope{tenant: q.Tenant}
	}
	reply, o, err := a.ask(c, opSocket, q)
	if err = a.withPrompt(err); err != nil {
		message := "something went wrong"
		if f := (*failure)(nil); errors.As(err, &f) {
			message = f.message
		}
		return wsjson.Write(c.ctx(), conn, fields{"error": message})
	}
	if a.odd(BotSlowFirstToken) && !a.thought(c.ctx()) {
		return c.ctx().Err()
	}
	for _, event := range a.deltas(reply, o) {
		if err := wsjson.Write(c.ctx(), conn, event); err != nil {
			return err
		}
	}
	return nil
}
