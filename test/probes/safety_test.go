// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/test/emulators/chatbots"
)

// wire writes down what is asked, and the cookies that are given out.
type wire struct {
	app http.Handler
	// silent writes nothing down.
	silent   bool
	mu       sync.Mutex
	requests []string
	cookies  []string
}

// ServeHTTP serves by the app.
func (w *wire) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if w.silent {
		w.app.ServeHTTP(out, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s\n", r.Method, r.RequestURI)
	for name, values := range r.Header {
		fmt.Fprintf(&text, "%s: %s\n", name, strings.Join(values, ", "))
	}
	text.Write(body)
	w.app.ServeHTTP(out, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, text.String())
	for _, cookie := range (&http.Response{Header: out.Header()}).Cookies() {
		w.cookies = append(w.cookies, cookie.Value)
	}
}

// safely runs the suite, and sees that no harm is done whatever is wrong with the app.
func (r *rig) safely(t testing.TB, app *v1alpha1.App) map[v1alpha1.Row]probe.RowResult {
	t.Helper()
	before, err := r.bot.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	results := r.access(t, app)
	after, err := r.bot.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.unharmed(t, before, before.Changes(after))
	r.onlyOwn(t, before)
	r.discreet(t, before, after, results)
	if asked, spent := len(r.wire.requests), r.target.Budget.Spent(); asked > spent || asked > 10_000 {
		t.Errorf("%d requests arrived, %d were counted", asked, spent)
	}
	return results
}

// planted is how a text of ours looks.
var planted = regexp.MustCompile(`Code lr\w{8} is lr\w{16}`)

// unharmed sees that nothing that was there is different or gone, that what is new belongs to an account of ours, and that what was
// planted has been removed.
func (r *rig) unharmed(t testing.TB, before chatbots.Snapshot, changes []chatbots.Change) {
	t.Helper()
	ours := map[string]bool{"": true}
	for id, user := range before["users"] {
		ours[id] = slices.ContainsFunc(r.bot.Accounts(), func(a chatbots.Account) bool { return a.Email == user["email"] })
	}
	for _, c := range changes {
		if c.Table == "users" && c.Before == nil && strings.HasSuffix(c.After["email"], "@example.com") {
			ours[c.Key] = true
		}
	}
	signedUp := 0
	for _, c := range changes {
		switch {
		case c.Table == "users" && c.Before == nil:
			signedUp++
		case c.Before != nil && c.Table != "sessions":
			t.Errorf("%s %s was changed or removed, and the run had not made it: %v, now %v", c.Table, c.Key, c.Before, c.After)
		}
		if !ours[c.Owner()] {
			t.Errorf("%s %s is %s's, who is nobody of ours: %v", c.Table, c.Key, c.Owner(), c.After)
		}
		if (c.Table == "conversations" || c.Table == "documents") && planted.MatchString(c.After["title"]+c.After["text"]) {
			t.Errorf("%s %s was left behind: %v", c.Table, c.Key, c.After)
		}
	}
	if signedUp > 3 {
		t.Errorf("%d accounts were signed up", signedUp)
	}
}

// onlyOwn sees that nothing was asked for that was there before the run, and nobody named who gave no account.
func (r *rig) onlyOwn(t testing.TB, before chatbots.Snapshot) {
	t.Helper()
	foreign := []string{"initech"}
	for _, table := range []string{"conversations", "documents", "messages", "payments"} {
		for id := range before[table] {
			// Numbers stand in anything.
			if len(id) >= 12 {
				foreign = append(foreign, id)
			}
		}
	}
	for id, user := range before["users"] {
		if user["tenant"] == "initech" {
			foreign = append(foreign, id, user["email"])
		}
	}
	for _, request := range r.wire.requests {
		lower := strings.ToLower(request)
		for _, text := range foreign {
			if strings.Contains(lower, text) {
				t.Errorf("%q, which the run did not make, was asked for: %s", text, request)
			}
		}
	}
}

var token = regexp.MustCompile(`eyJ[\w-]{8,}\.`)

// discreet sees that no result holds a credential, or anything that others wrote.
func (r *rig) discreet(t testing.TB, before, after chatbots.Snapshot, results map[v1alpha1.Row]probe.RowResult) {
	t.Helper()
	said := fmt.Sprintf("%+v %+v", results, r.found)
	encoded, err := probe.Encode(probe.Result{
		SchemaVersion: probe.SchemaVersion, Nonce: "n", Suite: probe.SuiteAccess, LaunchUID: "u", Requests: r.target.Budget.Spent(),
		Rows: []probe.RowResult{results[v1alpha1.RowAuthEnforced], results[v1alpha1.RowTenantIsolated]},
	})
	if err != nil {
		t.Errorf("the result can't be told: %v", err)
	}
	said += string(encoded)
	secrets := r.wire.cookies
	for _, a := range r.bot.Accounts() {
		secrets = append(secrets, a.Password, a.Email, a.Authenticator())
	}
	for token := range after["refresh_tokens"] {
		secrets = append(secrets, token)
	}
	for _, row := range after["payments"] {
		secrets = append(secrets, row["receipt"])
	}
	for _, table := range []string{"conversations", "documents", "messages", "users"} {
		for id, row := range before[table] {
			secrets = append(secrets, id, row["title"], row["text"], row["email"])
		}
	}
	for _, secret := range secrets {
		// Short ones are numbers or words, which stand in any text.
		if len(secret) >= 8 && strings.Contains(said, secret) {
			t.Errorf("%q stands in what was said: %s", secret, said)
		}
	}
	if planted.MatchString(said) || token.MatchString(said) {
		t.Errorf("a planted text or a token stands in what was said: %s", said)
	}
}

func TestARunKeepsItsBudget(t *testing.T) {
	r := newRig(t, chatbots.Config{})
	r.target.Budget = newBudget(600)
	for _, result := range r.safely(t, described(t)) {
		if result.Verdict != v1alpha1.VerdictUnknown {
			t.Errorf("a run that could not end: %s", told(result))
		}
	}
	if n := len(r.wire.requests); n > 600 {
		t.Errorf("%d requests arrived", n)
	}
}
