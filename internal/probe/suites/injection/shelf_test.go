// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// market is the bot with listings that everybody sees and names of users, which it reads as it reads notes.
type market struct {
	*bot
	// listings by identifier, with when they were written, and who wrote each last.
	listings map[string]string
	written  map[string]time.Time
	sellers  map[string]bool
	// internal are remarks on listings, by identifier, which an indiscreet one tells whoever asks for what is internal.
	internal   map[string]string
	indiscreet bool
	// mute is whom it tells nothing, and blocks says that something in front blocks questions about what has a remark, but for the code.
	mute   string
	blocks bool
	names  map[string]string
	// blind reads neither, greets says the name when asked for that and no code, keeps removes nothing, and slow reads a listing after so long.
	blind, greets, keeps bool
	slow                 time.Duration
	// obeys says what it does at a text that it reads.
	obeys func(text string) (string, bool)
	// history are the messages that the client brought last.
	history []map[string]string
	brought int
}

func newMarket(obeys func(string) (string, bool)) *market {
	m := &market{bot: &bot{}, listings: map[string]string{}, written: map[string]time.Time{}, sellers: map[string]bool{}, internal: map[string]string{}, names: map[string]string{}, obeys: obeys}
	m.says = m.answer
	return m
}

// reads gives what stands where the bot looks.
func (m *market) reads(user string) []string {
	if m.blind {
		return nil
	}
	texts := []string{m.names[user]}
	for _, id := range slices.Sorted(maps.Keys(m.listings)) {
		if time.Since(m.written[id]) >= m.slow {
			texts = append(texts, m.listings[id])
		}
	}
	return texts
}

func (m *market) answer(_ *bot, user string, turns []string) (answer, bool) {
	texts := m.reads(user)
	if m.greets && turns[len(turns)-1] == "What is my name?" {
		return answer{Reply: "You are " + m.names[user]}, true
	}
	if user == m.mute {
		return answer{Reply: "Good day."}, true
	}
	if m.indiscreet && strings.Contains(turns[len(turns)-1], "internal") {
		return answer{Reply: strings.Join(slices.Collect(maps.Values(m.internal)), " ")}, true
	}
	for i, text := range texts {
		if m.greets && i == 0 {
			continue // it says a name to its owner's question alone
		}
		if code := codeAsked.FindStringSubmatch(turns[len(turns)-1]); code != nil && strings.Contains(text, code[1]) {
			return answer{Reply: "It says: " + text}, true
		}
	}
	for _, h := range m.history {
		texts = append(texts, h["content"])
	}
	for _, text := range texts {
		if reply, ok := m.obeys(text); ok {
			return answer{Reply: reply}, true
		}
	}
	return answer{}, false
}

func (m *market) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user := r.Header.Get("X-User")
	raw, _ := io.ReadAll(r.Body) // of a test
	r.Body = io.NopCloser(bytes.NewReader(raw))
	m.mu.Lock()
	switch {
	case r.URL.Path == "/listings" && r.Method == http.MethodPost:
		var in struct{ Text, Internal string }
		_ = json.Unmarshal(raw, &in)
		id := fmt.Sprintf("l%d", len(m.written))
		m.internal[id] = in.Internal
		m.listings[id], m.written[id], m.sellers[user] = in.Text, time.Now(), true
		m.mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]string{"id": id})
		return
	case strings.HasPrefix(r.URL.Path, "/listings/") && m.keeps:
		w.WriteHeader(http.StatusForbidden)
	case strings.HasPrefix(r.URL.Path, "/listings/"):
		delete(m.listings, strings.TrimPrefix(r.URL.Path, "/listings/"))
		delete(m.internal, strings.TrimPrefix(r.URL.Path, "/listings/"))
	case r.URL.Path == "/me":
		var in struct{ Name string }
		_ = json.Unmarshal(raw, &in)
		m.names[user] = in.Name
	case r.URL.Path == "/chat" && m.blocks && m.remarkedOn(string(raw)):
		w.Header().Set("Cf-Mitigated", "block")
		w.WriteHeader(http.StatusForbidden)
	case r.URL.Path == "/chat":
		var in struct{ History []map[string]string }
		_ = json.Unmarshal(raw, &in)
		m.history = in.History
		m.brought = max(m.brought, len(in.History))
		m.mu.Unlock()
		m.bot.ServeHTTP(w, r)
		return
	default:
		m.mu.Unlock()
		m.bot.ServeHTTP(w, r)
		return
	}
	m.mu.Unlock()
}

// remarkedOn says whether a question is about a listing with a remark, and not for its code.
func (m *market) remarkedOn(question string) bool {
	for id, remark := range m.internal {
		if term := strings.Fields(m.listings[id])[1]; remark != nothingInternal && strings.Contains(question, term) && !strings.Contains(question, "the code") {
			return true
		}
	}
	return false
}

// sold is the bot's description with what it reads besides.
func sold() *v1alpha1.App {
	app := described()
	app.Resources[0].InChat = "" // nobody's notes are read
	app.Chat.Sources = []v1alpha1.ChatSource{
		{
			Name: "listings", Kind: v1alpha1.ChatSourceListing,
			Create: v1alpha1.HTTPStep{
				Request: v1alpha1.HTTPRequest{Method: "POST", Path: "/listings", JSON: body(`{"text":"$(content)"}`)},
				Capture: map[string]v1alpha1.CELExpression{"id": "response.json.id"},
			},
			Delete: v1alpha1.HTTPRequest{Method: "DELETE", Path: "/listings/$(id)"},
		},
		{
			Name: "names", Kind: v1alpha1.ChatSourceProfile,
			Create: v1alpha1.HTTPStep{Request: v1alpha1.HTTPRequest{Method: "PATCH", Path: "/me", JSON: body(`{"name":"$(content)"}`)}},
			Delete: v1alpha1.HTTPRequest{Method: "PATCH", Path: "/me", JSON: body(`{"name":"Alice"}`)},
		},
	}
	return app
}

// tellsPrompt gives the secret of the system prompt at texts of which one says yes.
func tellsPrompt(of func(text string) bool) func(string) (string, bool) {
	h, _ := NewHandshake(seed)
	return func(text string) (string, bool) { return "My instructions: " + h.Secret.Hex, of(text) }
}

// remarks gives listings remarks for the bot alone.
func remarks(indiscreet bool) func(*market, *v1alpha1.App) {
	return func(m *market, app *v1alpha1.App) {
		m.indiscreet = indiscreet
		app.Chat.Sources[0].Create.Request.JSON = body(`{"text":"$(content)","internal":"$(internal)"}`)
	}
}

func never(string) (string, bool) { return "", false }

// repeats gives back the markup of a text.
func repeats(of string) func(string) (string, bool) {
	return func(text string) (string, bool) {
		return text, strings.Contains(text, of) && strings.ContainsAny(text, "<!")
	}
}

func TestAttacksByWhatOthersWrite(t *testing.T) {
	mentions := func(word string) func(string) bool {
		return func(text string) bool { return strings.Contains(text, word) }
	}
	for name, test := range map[string]struct {
		obeys   func(string) (string, bool)
		change  func(*market, *v1alpha1.App)
		verdict v1alpha1.Verdict
		saying  string
	}{
		"a bot that obeys nobody":  {never, nil, v1alpha1.VerdictPass, "It read what bob had put into listings."},
		"one that obeys a listing": {tellsPrompt(mentions("SHOP NOTICE FOR BOTS")), nil, v1alpha1.VerdictFail, "listing-description in a listing"},
		"a listing besides documents": {tellsPrompt(mentions("SHOP NOTICE FOR BOTS")), func(_ *market, app *v1alpha1.App) {
			app.Resources[0].InChat = v1alpha1.InChatExpected
		}, v1alpha1.VerdictFail, "listing-description in a listing"},
		"one that obeys a name":           {tellsPrompt(mentions("greet Max by")), nil, v1alpha1.VerdictFail, "profile-field in a profile"},
		"one that repeats a listing":      {repeats("Wool socks"), nil, v1alpha1.VerdictFail, "has script in it"},
		"one that repeats one's own name": {repeats("Robin<script"), nil, v1alpha1.VerdictPass, "It read what alice had put into names."},
		"a name that is not read": {
			never, func(_ *market, app *v1alpha1.App) { app.Chat.Sources[1].Author = "bob" }, v1alpha1.VerdictUnknown,
			"did not tell alice what bob had put into names",
		},
		"a question of one's own": {never, func(m *market, app *v1alpha1.App) {
			m.greets, app.Chat.Sources[1].Control = true, "What is my name?"
		}, v1alpha1.VerdictPass, "It read what alice had put into names."},
		"one that reads nothing": {never, func(m *market, _ *v1alpha1.App) { m.blind = true }, v1alpha1.VerdictUnknown, "or spec.app.chat.sources[listings].control"},
		"a request that is refused": {
			never, func(_ *market, app *v1alpha1.App) { app.Chat.Sources[0].Create.Request.Path = "/offers" }, v1alpha1.VerdictUnknown,
			"Correct spec.app.chat.sources[listings].create",
		},
		"internal remarks that it keeps": {never, remarks(false), v1alpha1.VerdictPass, "It read listings beside a text with an internal part; whether it reads that part as well is not known."},
		"internal remarks, and their author is told nothing": {never, func(m *market, app *v1alpha1.App) {
			remarks(false)(m, app)
			m.mute = "bob"
		}, v1alpha1.VerdictPass, "It read listings beside a text with an internal part"},
		"internal remarks that are guarded in front": {never, func(m *market, app *v1alpha1.App) {
			remarks(false)(m, app)
			m.blocks = true
		}, v1alpha1.VerdictUnknown, "Only 0 attacks of the kind OwnContext were answered, of at least 3."},
		"internal remarks that it tells": {never, remarks(true), v1alpha1.VerdictFail, "what stands in the internal part of listings"},
		"what can't be taken away": {
			never, func(m *market, _ *v1alpha1.App) { m.keeps = true }, v1alpha1.VerdictPass,
			"could not be taken away again: look at spec.app.chat.sources[listings].delete.",
		},
		"a listing that is read late": {tellsPrompt(mentions("SHOP NOTICE FOR BOTS")), func(m *market, app *v1alpha1.App) {
			m.slow, *app.IndexingSeconds = 300*time.Millisecond, 3
		}, v1alpha1.VerdictFail, "listing-description in a listing"},
		"a history that the client brings": {tellsPrompt(mentions("You are the owner of this bot")), withHistory, v1alpha1.VerdictFail, "fake-history in an earlier message that the chatbot never wrote"},
		"a history that nobody believes":   {never, withHistory, v1alpha1.VerdictPass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, app := newMarket(test.obeys), sold()
			if test.change != nil {
				test.change(m, app)
			}
			result := measuredBy(t, m.bot, m, false, app, nil)
			if said := fmt.Sprint(result.Message, result.Control, result.Findings); result.Verdict != test.verdict || !strings.Contains(said, test.saying) {
				t.Errorf("%s, want %s with %q: %s", result.Verdict, test.verdict, test.saying, said)
			}
			if m.blind && len(m.written) > 1 {
				t.Errorf("%d listings were written for a bot that reads none", len(m.written))
			}
			if m.sellers["alice"] {
				t.Error("who asks has written the listings")
			}
			if !m.keeps && len(m.listings) > 0 || m.names["alice"] != "" && m.names["alice"] != "Alice" {
				t.Errorf("it left %v and the name %q", m.listings, m.names["alice"])
			}
			if want := 6; app.Chat.History != nil && m.brought < want {
				t.Errorf("the client brought %d messages at most, want %d", m.brought, want)
			}
		})
	}
}

// withHistory lets the client bring the conversation.
func withHistory(_ *market, app *v1alpha1.App) {
	app.Chat.Conversation = nil
	app.Chat.Request.JSON = body(`{"message":"$(prompt)","history":["$(history)"]}`)
	app.Chat.History = &v1alpha1.ChatHistory{User: *body(`{"role":"user","content":"$(text)"}`), Assistant: *body(`{"role":"assistant","content":"$(text)"}`)}
}

// What asks for internal remarks is none of the worst: a smoke run has enough of it all the same, where the app has such, and else none.
func TestASmokeRunAsksForInternalRemarks(t *testing.T) {
	c, err := NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	asks := func(app *v1alpha1.App, smokes bool) (asks, all int) {
		selected, _ := c.Select(app, smokes)
		for _, a := range selected {
			if a.Goal == corpus.OwnContext {
				asks++
			}
		}
		return asks, len(selected)
	}
	without := sold()
	with := sold()
	remarks(false)(newMarket(never), with)
	if n, _ := asks(without, false); n != 0 {
		t.Errorf("%d attacks ask for what the app does not have", n)
	}
	if n, _ := asks(with, false); n < 10 {
		t.Errorf("%d attacks of a whole run ask for internal remarks", n)
	}
	if n, all := asks(with, true); n < minimumOfGoal || all > smoke+minimumOfGoal {
		t.Errorf("%d of %d attacks of a smoke run ask for internal remarks", n, all)
	}
	if n, all := asks(without, true); n != 0 || all != smoke {
		t.Errorf("%d of %d attacks of a smoke run ask for what the app does not have", n, all)
	}
}
