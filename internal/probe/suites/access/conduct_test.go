// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	auth    = v1alpha1.RowAuthEnforced
	tenants = v1alpha1.RowTenantIsolated
	pass    = v1alpha1.VerdictPass
	fail    = v1alpha1.VerdictFail
	unknown = v1alpha1.VerdictUnknown
)

// denials counts refusals by who was refused, and tells whether they are too many.
type denials struct {
	mu    sync.Mutex
	count map[string]int
}

func (d *denials) more(who string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count == nil {
		d.count = map[string]int{}
	}
	d.count[who]++
	return d.count[who]
}

// watched serves by an app, and tells of each refusal.
func watched(app http.Handler, w http.ResponseWriter, r *http.Request, refused func()) {
	recorder := httptest.NewRecorder()
	app.ServeHTTP(recorder, r)
	if recorder.Code >= 400 {
		refused()
	}
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes())
}

func TestAnAppThatLogsTheAttackerOutIsNotMeasured(t *testing.T) {
	c, app := newCore(), &rest{}
	app.core = c
	d := &denials{}
	m := measure(t, c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := app.token(r)
		watched(app, w, r, func() {
			if d.more(token) > 5 {
				c.logout(token)
			}
		})
	}), restDescription)
	m.wants(t, tenants, unknown, "lost access to its own during the attacks")
	m.wants(t, auth, unknown, "lost access to its own during the attacks")
}

func TestAnAppThatBlocksTheAttackerIsNotMeasured(t *testing.T) {
	c := newCore()
	app := &rest{core: c}
	d := &denials{}
	blocked := false
	m := measure(t, c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		now := blocked
		d.mu.Unlock()
		if now {
			giveJSON(w, http.StatusForbidden, nil)
			return
		}
		watched(app, w, r, func() {
			if d.more("address") > 30 {
				d.mu.Lock()
				blocked = true
				d.mu.Unlock()
			}
		})
	}), restDescription)
	m.wants(t, tenants, unknown, "lost access to its own during the attacks")
	m.wants(t, auth, unknown, "lost access to its own during the attacks")
}

func TestAnAppThatShutsEverybodyOutDuringDeletionsIsNotSaidToHaveLostAnything(t *testing.T) {
	c := newCore()
	app := &rest{core: c}
	d := &denials{}
	m := measure(t, c, between(app, func(w http.ResponseWriter, r *http.Request) bool {
		// From the first deletion by somebody else on, nobody gets at anything any more.
		id, one := strings.CutPrefix(r.URL.Path, "/notes/")
		u := c.who(app.token(r))
		if one && r.Method == http.MethodDelete {
			if text, owns := c.read(u, id); !owns || text == "" {
				d.more("all")
			}
		}
		if d.count["all"] == 0 {
			return false
		}
		giveJSON(w, http.StatusForbidden, nil)
		return true
	}), restDescription)
	for _, row := range []v1alpha1.Row{auth, tenants} {
		m.wants(t, row, unknown, "lost access to its own during the attacks")
	}
}

func TestAnEdgeThatRefusesEverythingIsNotMeasured(t *testing.T) {
	c := newCore()
	m := measure(t, c, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { giveJSON(w, http.StatusForbidden, nil) }), restDescription)
	for _, row := range []v1alpha1.Row{auth, tenants} {
		m.wants(t, row, unknown, "alice could not log in: POST /login was answered 403")
	}
}

func TestAnAppThatNeedsTimeToIndexIsWaitedFor(t *testing.T) {
	t.Parallel()
	c := newCore()
	c.slow = 2 * time.Second
	measure(t, c, &rest{core: c}, restDescription).passes(t)
}

func TestAnAppThatNeedsMoreTimeThanItSaysIsNotMeasured(t *testing.T) {
	t.Parallel()
	c := newCore()
	c.slow = 3 * time.Second
	measure(t, c, &rest{core: c}, restDescription+"indexingSeconds: 1\n").wants(t, tenants, unknown, "set spec.app.indexingSeconds")
}

func TestWhatOthersHaveIsNeitherFetchedNorKept(t *testing.T) {
	c := newCore()
	carol := &user{name: "carol", password: "pw-of-carol-2384", tenant: "initech"}
	foreign := c.create(carol, "The merger is on the ninth")
	c.leaky = true
	m := measure(t, c, &rest{core: c}, restDescription)
	m.wants(t, tenants, fail, "ForeignObjectListed")
	for _, path := range m.paths {
		if strings.Contains(path, foreign) {
			t.Errorf("what somebody else has was asked for: %s", path)
		}
	}
	if said := fmt.Sprintf("%+v", m.rows); strings.Contains(said, "merger") || strings.Contains(said, foreign) {
		t.Errorf("what somebody else has was kept: %s", said)
	}
	if text, ok := c.read(carol, foreign); !ok || text != "The merger is on the ninth" {
		t.Errorf("what somebody else has was changed: %q", text)
	}
}

func TestOneTenantAloneIsNotMeasured(t *testing.T) {
	c := newCore()
	described := strings.Replace(restDescription, "- {name: bob, tenant: globex, credentialsSecretRef: {name: bob}}\n", "", 1)
	m := measure(t, c, &rest{core: c}, described)
	m.wants(t, tenants, unknown, "Add a user of a second tenant to spec.app.identities")
	m.wants(t, auth, pass, "")
}

// static is an administration that is the same for everybody: a frame into which a script fills what it gets from an API.
func static(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = fmt.Fprint(w, "<!DOCTYPE html><title>Admin</title><h1>Administration dashboard</h1><p>Loading accounts, invoices and settings…</p>")
}

func TestAStaticAdminPageIsNotMeasured(t *testing.T) {
	c := newCore()
	m := measure(t, c, &rest{core: c, admin: static, open: true}, restDescription)
	m.wants(t, auth, unknown, "describe the API behind it")
	m.wants(t, tenants, pass, "")
}

func TestAStaticAdminPageBesideAnAPIIsLeftOut(t *testing.T) {
	c := newCore()
	app := &rest{core: c}
	m := measure(t, c, between(app, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/panel" {
			return false
		}
		static(w)
		return true
	}), strings.Replace(restDescription, "[/admin]", "[/panel, /admin]", 1))
	m.wants(t, auth, pass, "/panel shows the administrator a shell alone, and was left out.")
}

func TestAnOpenAdminPageFails(t *testing.T) {
	c := newCore()
	app := &rest{core: c, open: true}
	app.admin = func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<h1>Accounts</h1><ul><li>alice of acme</li><li>bob of globex</li></ul>")
	}
	measure(t, c, app, restDescription).wants(t, auth, fail, "AdminOpenToAnonymous")
}

func TestSharingWithinATenantIsByDesignOrNot(t *testing.T) {
	for sharing, verdict := range map[string]v1alpha1.Verdict{"Tenant": pass, "None": fail} {
		c := newCore()
		c.shared = true
		described := strings.Replace(restDescription, "- name: notes\n", "- name: notes\n  sharing: "+sharing+"\n", 1)
		measure(t, c, &rest{core: c}, described).wants(t, tenants, verdict, "")
	}
}

func TestAPublicListingThatNobodyDescribedIsNoFinding(t *testing.T) {
	c := newCore()
	m := measure(t, c, between(&rest{core: c}, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/public" {
			return false
		}
		giveJSON(w, http.StatusOK, c.list(c.users[0]))
		return true
	}), restDescription)
	m.passes(t)
}

func TestIdentifiersThatAreCountedForEachTenantAreNoFinding(t *testing.T) {
	c := newCore()
	app := &rest{core: c}
	// Lists tell identifiers alone, and each user's begin at 1, so that everybody's list has everybody's identifiers.
	counts := map[string]int{}
	var mu sync.Mutex
	m := measure(t, c, perUser(app, counts, &mu), restDescription)
	m.passes(t)
}

func TestAnAdministrationOfCountersIsRecognisedByTheRest(t *testing.T) {
	for _, open := range []bool{false, true} {
		c := newCore()
		var mu sync.Mutex
		n := 0
		app := &rest{core: c, open: open, admin: func(w http.ResponseWriter) {
			mu.Lock()
			n++
			giveJSON(w, http.StatusOK, map[string]any{"a": n, "b": n + 1000, "c": n + 2000, "d": time.Now(), "owner": "alice@acme.example"})
			mu.Unlock()
		}}
		want := pass
		if open {
			want = fail
		}
		measure(t, c, app, restDescription).wants(t, auth, want, "")
	}
}

func TestAHeaderThatEverybodySendsAlikeIsNoCredential(t *testing.T) {
	c := newCore()
	m := measure(t, c, between(&rest{core: c}, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/login" || r.URL.Path == "/" || r.Header.Get("X-Client") != "" {
			return false
		}
		giveJSON(w, http.StatusBadRequest, map[string]any{"error": "X-Client is missing"})
		return true
	}), strings.NewReplacer("capture: {token: response.json.token}", "capture: {token: response.json.token, lang: response.json.lang}",
		"Authorization: Bearer $(token)", "Authorization: Bearer $(token), X-Client: web-$(lang)").Replace(restDescription))
	m.passes(t)
	m.wants(t, auth, pass, "credential in Authorization and X-Client is enough")
}
