// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/access"
)

// user is somebody of an app under test.
type user struct {
	name, password, tenant string
	admin                  bool
}

// note is what users of the apps under test have.
type note struct {
	id, text string
	owner    *user
	made     time.Time
}

// core is what the apps under test have in common: users, sessions and notes. How they are spoken to is each app's own.
type core struct {
	mu     sync.Mutex
	users  []*user
	tokens map[string]*user
	notes  []*note
	// leaky reads don't ask whose a note is; shared ones ask for the tenant.
	leaky, shared bool
	// newID makes the identifier of the nth note.
	newID func(n int) string
	// slow is how long a list does not know a note.
	slow time.Duration
}

func newCore() *core {
	return &core{
		users: []*user{
			{name: "alice", password: "pw-of-alice-3141", tenant: "acme"},
			{name: "anna", password: "pw-of-anna-5926", tenant: "acme"},
			{name: "bob", password: "pw-of-bob-5358", tenant: "globex"},
			{name: "root", password: "pw-of-root-9793", tenant: "acme", admin: true},
		},
		tokens: map[string]*user{}, newID: func(int) string { return strings.ToLower(rand.Text()) },
	}
}

func (c *core) login(name, password string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range c.users {
		if u.name == name && u.password == password {
			token := rand.Text()
			c.tokens[token] = u
			return token, true
		}
	}
	return "", false
}

func (c *core) logout(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, token)
}

func (c *core) who(token string) *user {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens[token]
}

func (c *core) create(u *user, text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := &note{id: c.newID(len(c.notes) + 1), text: text, owner: u, made: time.Now()}
	c.notes = append(c.notes, n)
	return n.id
}

func (c *core) mayRead(u *user, n *note) bool {
	return c.leaky || n.owner == u || (c.shared && n.owner.tenant == u.tenant)
}

func (c *core) read(u *user, id string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.notes {
		if n.id == id && c.mayRead(u, n) {
			return n.text, true
		}
	}
	return "", false
}

func (c *core) list(u *user) []note {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []note{}
	for _, n := range slices.Backward(c.notes) {
		if c.mayRead(u, n) && time.Since(n.made) >= c.slow {
			found = append(found, *n)
		}
	}
	return found
}

func (c *core) update(u *user, id, text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.notes {
		if n.id == id && n.owner == u {
			n.text = text
			return true
		}
	}
	return false
}

func (c *core) remove(u *user, id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.notes)
	c.notes = slices.DeleteFunc(c.notes, func(n *note) bool { return n.id == id && n.owner == u })
	return len(c.notes) < before
}

// identities are those of the core, as every description names them.
const identities = `
identities:
- {name: alice, tenant: acme, credentialsSecretRef: {name: alice}}
- {name: anna, tenant: acme, credentialsSecretRef: {name: anna}}
- {name: bob, tenant: globex, credentialsSecretRef: {name: bob}}
- {name: root, tenant: acme, role: Admin, credentialsSecretRef: {name: root}}
`

// measured is what a run said, and what it asked for.
type measured struct {
	rows map[v1alpha1.Row]probe.RowResult
	mu   sync.Mutex
	// paths, with query, in their order.
	paths []string
}

// measure runs the suite against an app that is described so.
func measure(t *testing.T, c *core, app http.Handler, description string) *measured {
	t.Helper()
	return measureWith(t, c, app, description, nil)
}

// measureWith says besides how much of the app's own document may be left.
func measureWith(t *testing.T, c *core, app http.Handler, description string, mostLeft *int32) *measured {
	t.Helper()
	return measureBy(t, c, app, description, func(o *access.Options) { o.MaxUndescribedPercent = mostLeft })
}

// measureBy says besides what else the run needs.
func measureBy(t *testing.T, c *core, app http.Handler, description string, with func(*access.Options)) *measured {
	t.Helper()
	m := &measured{rows: map[v1alpha1.Row]probe.RowResult{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		m.paths = append(m.paths, r.URL.RequestURI())
		m.mu.Unlock()
		app.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	described := &v1alpha1.App{}
	if err := yaml.UnmarshalStrict([]byte(description), described); err != nil {
		t.Fatal(err)
	}
	if errs := httpstep.Validate(described, field.NewPath("spec", "app")); len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	credentials := map[string]map[string]string{}
	for _, u := range c.users {
		credentials[u.name] = map[string]string{"user": u.name, "password": u.password}
	}
	target := &httpstep.Target{
		Base: base, Host: "app.example.com", Transport: server.Client().Transport, Timeout: 10 * time.Second,
		UserAgent: "LaunchReady/test", Run: "test", Budget: httpstep.NewBudget(20_000),
	}
	options := access.Options{App: described, Target: target, Credentials: credentials}
	with(&options)
	for _, result := range access.Run(t.Context(), options) {
		m.rows[result.Row] = result
		for _, u := range c.users {
			if text := fmt.Sprintf("%+v", result); strings.Contains(text, u.password) {
				t.Errorf("the result of %s holds a password: %s", result.Row, text)
			}
		}
	}
	return m
}

// wants compares a row's verdict, and a part of what is said of it.
func (m *measured) wants(t *testing.T, row v1alpha1.Row, verdict v1alpha1.Verdict, saying string) {
	t.Helper()
	result := m.rows[row]
	said := fmt.Sprintf("%s %s %s", result.Reason, result.Message, result.Control)
	for _, f := range result.Findings {
		said += fmt.Sprintf("\n  %s at %s: %s", f.Rule, f.Place, f.Reproduce)
	}
	if result.Verdict != verdict || !strings.Contains(said, saying) {
		t.Errorf("%s is %s, want %s saying %q: %s", row, result.Verdict, verdict, saying, said)
	}
}

// passes wants both rows to pass.
func (m *measured) passes(t *testing.T) {
	t.Helper()
	m.wants(t, v1alpha1.RowAuthEnforced, v1alpha1.VerdictPass, "")
	m.wants(t, v1alpha1.RowTenantIsolated, v1alpha1.VerdictPass, "")
}
