// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/internal/edge"
)

// sameJSON compares two texts as JSON.
func sameJSON(t *testing.T, want, got string) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Error(diff)
	}
}

func TestWrites(t *testing.T) {
	yes, ten := true, 10
	rule := edge.Rule{
		ID: "r9", Ref: "ref", Description: "d", Expression: `a && b < "c"`, Action: "rewrite", Enabled: true,
		Parameters: json.RawMessage(`{"x":{"unknown":1.50}}`), RateLimit: json.RawMessage(`{"period":10}`),
	}
	const ruleJSON = `"ref":"ref","description":"d","expression":"a && b < \"c\"","action":"rewrite","enabled":true,
		"action_parameters":{"x":{"unknown":1.50}},"ratelimit":{"period":10}`
	tests := map[string]struct {
		do           func(t *testing.T, c *Client) error
		method, path string
		body         string
	}{
		"records": {
			do: func(t *testing.T, c *Client) error {
				return c.ChangeRecords(t.Context(), zoneOfTest, edge.RecordBatch{
					Delete: []string{"d1"},
					Patch:  []edge.Record{{ID: "p1", Name: "n", Type: "A", Content: "192.0.2.1"}},
					Post: []edge.Record{
						{Name: "m", Type: "MX", Content: "mx", Priority: &ten, TTL: 300},
						{ID: "not sent", Name: "c", Type: "CNAME", Content: "x", Proxied: true, TTL: 1, Comment: "ours"},
					},
				})
			},
			method: "POST", path: "/zones/" + testID + "/dns_records/batch",
			body: `{"deletes":[{"id":"d1"}],"patches":[{"id":"p1","name":"n","type":"A","content":"192.0.2.1","proxied":false,"comment":""}],
				"posts":[{"name":"m","type":"MX","content":"mx","priority":10,"ttl":300},
				{"name":"c","type":"CNAME","content":"x","proxied":true,"ttl":1,"comment":"ours"}]}`,
		},
		"ruleset": {
			do: func(t *testing.T, c *Client) error {
				return c.CreateRuleset(t.Context(), zoneOfTest, edge.PhaseCache, []edge.Rule{rule})
			},
			method: "POST", path: "/zones/" + testID + "/rulesets",
			body: `{"name":"LaunchReady","kind":"zone","phase":"http_request_cache_settings","rules":[{` + ruleJSON + `}]}`,
		},
		"rule, last": {
			do: func(t *testing.T, c *Client) error {
				return c.CreateRule(t.Context(), zoneOfTest, "rs1", rule, edge.Position{})
			},
			method: "POST", path: "/zones/" + testID + "/rulesets/rs1/rules", body: `{` + ruleJSON + `}`,
		},
		"rule, first": {
			do: func(t *testing.T, c *Client) error {
				return c.CreateRule(t.Context(), zoneOfTest, "rs1", rule, edge.Position{First: true})
			},
			method: "POST", path: "/zones/" + testID + "/rulesets/rs1/rules", body: `{` + ruleJSON + `,"position":{"before":""}}`,
		},
		"rule, changed and moved": {
			do: func(t *testing.T, c *Client) error {
				return c.UpdateRule(t.Context(), zoneOfTest, "rs1", rule, edge.Position{Before: "r1"})
			},
			method: "PATCH", path: "/zones/" + testID + "/rulesets/rs1/rules/r9", body: `{` + ruleJSON + `,"position":{"before":"r1"}}`,
		},
		"rule, off": {
			do: func(t *testing.T, c *Client) error {
				return c.UpdateRule(t.Context(), zoneOfTest, "rs1", edge.Rule{ID: "r9", Expression: "e", Action: "log"}, edge.Position{After: "r2"})
			},
			method: "PATCH", path: "/zones/" + testID + "/rulesets/rs1/rules/r9",
			body: `{"expression":"e","action":"log","enabled":false,"position":{"after":"r2"}}`,
		},
		"rule, deleted": {
			do:     func(t *testing.T, c *Client) error { return c.DeleteRule(t.Context(), zoneOfTest, "rs1", "r9") },
			method: "DELETE", path: "/zones/" + testID + "/rulesets/rs1/rules/r9",
		},
		"settings": {
			do: func(t *testing.T, c *Client) error {
				return c.ChangeSettings(t.Context(), zoneOfTest, map[edge.Setting]string{edge.SettingSSL: "strict", edge.SettingMinTLS: "1.2"})
			},
			method: "PATCH", path: "/zones/" + testID + "/settings",
			body: `{"items":[{"id":"min_tls_version","value":"1.2"},{"id":"ssl","value":"strict"}]}`,
		},
		"bots": {
			do: func(t *testing.T, c *Client) error {
				return c.ChangeBots(t.Context(), zoneOfTest, edge.Bots{FightMode: &yes, LikelyAutomated: "block"})
			},
			method: "PUT", path: "/zones/" + testID + "/bot_management", body: `{"fight_mode":true,"sbfm_likely_automated":"block"}`,
		},
		"leaked credentials": {
			do:     func(t *testing.T, c *Client) error { return c.EnableLeakedCredentials(t.Context(), zoneOfTest, false) },
			method: "POST", path: "/zones/" + testID + "/leaked-credential-checks", body: `{"enabled":false}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if err := tt.do(t, w.client(t)); err != nil {
				t.Fatal(err)
			}
			got := w.server.got()
			if len(got) != 1 || got[0].Method != tt.method || got[0].Path != tt.path {
				t.Fatalf("requests: %+v", got)
			}
			if tt.body == "" {
				if got[0].Body != "" {
					t.Errorf("body %q", got[0].Body)
				}
				return
			}
			sameJSON(t, tt.body, got[0].Body)
			if ct := got[0].Header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("Content-Type %q", ct)
			}
		})
	}
}

func TestWritesOfNothingSendNothing(t *testing.T) {
	w := newWorld(t)
	c := w.client(t)
	for _, err := range []error{
		c.ChangeRecords(t.Context(), zoneOfTest, edge.RecordBatch{}), c.ChangeSettings(t.Context(), zoneOfTest, nil),
		c.ChangeBots(t.Context(), zoneOfTest, edge.Bots{}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if got := w.server.got(); len(got) != 0 {
		t.Errorf("requests: %+v", got)
	}
}

func TestIDsCannotLeadARequestElsewhere(t *testing.T) {
	w := newWorld(t)
	c, bad := w.client(t), "../../../accounts/x?y"
	for _, err := range []error{
		c.ChangeRecords(t.Context(), edge.Zone{ID: bad}, edge.RecordBatch{Delete: []string{"a"}}),
		c.ChangeRecords(t.Context(), edge.Zone{}, edge.RecordBatch{Delete: []string{"a"}}),
		c.CreateRuleset(t.Context(), edge.Zone{ID: bad}, edge.PhaseCache, nil),
		c.CreateRule(t.Context(), zoneOfTest, bad, edge.Rule{}, edge.Position{}),
		c.UpdateRule(t.Context(), zoneOfTest, "rs1", edge.Rule{ID: bad}, edge.Position{}),
		c.UpdateRule(t.Context(), zoneOfTest, "rs1", edge.Rule{}, edge.Position{}),
		c.DeleteRule(t.Context(), zoneOfTest, "rs1", ""),
		c.ChangeSettings(t.Context(), edge.Zone{ID: bad}, map[edge.Setting]string{"ssl": "x"}),
		c.ChangeBots(t.Context(), edge.Zone{ID: bad}, edge.Bots{LikelyAutomated: "block"}),
		c.EnableLeakedCredentials(t.Context(), edge.Zone{ID: bad}, true),
	} {
		if edge.KindOf(err) != edge.KindInvalid {
			t.Errorf("error %v", err)
		}
	}
	if got := w.server.got(); len(got) != 0 {
		t.Errorf("requests: %+v", got)
	}
}

func TestBatchesAreCutAtThePlansLimit(t *testing.T) {
	batch := edge.RecordBatch{}
	for i := range 150 {
		batch.Delete = append(batch.Delete, fmt.Sprint("d", i))
		batch.Patch = append(batch.Patch, edge.Record{ID: fmt.Sprint("p", i), Type: "TXT"})
		batch.Post = append(batch.Post, edge.Record{Name: fmt.Sprint("n", i), Type: "TXT"})
	}
	for plan, want := range map[edge.PlanName][]string{
		edge.PlanFree: {"150 50 0", "0 100 100", "0 0 50"}, "partners_free": {"150 50 0", "0 100 100", "0 0 50"},
		edge.PlanPro: {"150 150 150"}, edge.PlanBusiness: {"150 150 150"}, edge.PlanEnterprise: {"150 150 150"},
	} {
		w := newWorld(t)
		if err := w.client(t).ChangeRecords(t.Context(), edge.Zone{ID: testID, Plan: plan}, batch); err != nil {
			t.Fatal(err)
		}
		var got, order []string
		for _, r := range w.server.got() {
			var body batchBody
			if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(len(body.Deletes), len(body.Patches), len(body.Posts)))
			for _, d := range body.Deletes {
				order = append(order, d.ID)
			}
			for _, p := range body.Patches {
				order = append(order, p.ID)
			}
			for _, p := range body.Posts {
				order = append(order, p.Name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", plan, diff)
		}
		if len(order) != 450 || order[0] != "d0" || order[150] != "p0" || order[449] != "n149" {
			t.Errorf("%s: %d changes, not in order", plan, len(order))
		}
	}
	if got := split(edge.RecordBatch{Delete: make([]string, 200)}, 200); len(got) != 1 {
		t.Errorf("exactly the limit makes %d batches", len(got))
	}
}

func TestALaterBatchThatFailsLeavesTheEarlierOnesDone(t *testing.T) {
	w := newWorld(t)
	n := 0
	w.server.on("POST /zones/"+testID+"/dns_records/batch", func(rw http.ResponseWriter, r *http.Request) {
		if n++; n == 2 {
			refuse(rw, http.StatusBadRequest, 81058, "An identical record already exists.")
			return
		}
		w.server.zone(rw, r)
	})
	err := w.client(t).ChangeRecords(t.Context(), zoneOfTest, edge.RecordBatch{Post: make([]edge.Record, 600)})
	f := faultOf(t, err)
	if f.Kind != edge.KindConflict || !f.Unsure {
		t.Errorf("%+v", f)
	}
	if n != 2 {
		t.Errorf("%d batches were sent", n)
	}
}

// What others set on a rule of ours, or Cloudflare will one day, must not be lost by an update.
func TestUpdateKeepsFieldsThatWeDoNotKnow(t *testing.T) {
	w := newWorld(t)
	w.server.setRules(edge.PhaseCustomWAF, strings.Replace(ourRule, `"logging"`, `"new_thing":[1.50,{"a":null}],"logging"`, 1))
	c := w.client(t)
	state, err := c.Observe(t.Context(), testZone)
	if err != nil {
		t.Fatal(err)
	}
	set := state.Rulesets[edge.PhaseCustomWAF]
	rule := set.Rules[0]
	rule.Expression = "changed"
	w.server.got()
	const want = `{"ref":"launchready-x","description":"d","expression":"changed","action":"skip","enabled":false,
		"action_parameters":{"ruleset":"current","future":{"deep":[1,2.50]}},"new_thing":[1.50,{"a":null}],"logging":{"enabled":true}}`
	// Twice: the first write outdates what was read, not what is to be kept.
	for range 2 {
		if err := c.UpdateRule(t.Context(), state.Zone, set.ID, rule, edge.Position{}); err != nil {
			t.Fatal(err)
		}
		sameJSON(t, want, w.server.got()[0].Body)
	}
	// The fields of another action may not go with the new one.
	rule.Action, rule.Parameters = "block", nil
	if err := c.UpdateRule(t.Context(), state.Zone, set.ID, rule, edge.Position{}); err != nil {
		t.Fatal(err)
	}
	sameJSON(t, `{"ref":"launchready-x","description":"d","expression":"changed","action":"block","enabled":false}`, w.server.got()[0].Body)
}

func TestDeletingWhatIsGoneIsNoError(t *testing.T) {
	w := newWorld(t)
	path := "DELETE /zones/" + testID + "/rulesets/rs1/rules/r1"
	w.server.on(path, refusing(http.StatusNotFound, 10003, "could not find rule"))
	if err := w.client(t).DeleteRule(t.Context(), zoneOfTest, "rs1", "r1"); err != nil {
		t.Error(err)
	}
	w.server.on(path, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNoContent) })
	if err := w.client(t).DeleteRule(t.Context(), zoneOfTest, "rs1", "r1"); err != nil {
		t.Error(err)
	}
	// A page of a proxy says nothing of the rule.
	w.server.on(path, answering(http.StatusNotFound, "text/html", "<html>"))
	if err := w.client(t).DeleteRule(t.Context(), zoneOfTest, "rs1", "r1"); err == nil {
		t.Error("a proxy's 404 was taken for Cloudflare's")
	}
	// A zone that isn't there is something else.
	w.server.on(path, refusing(http.StatusNotFound, 7003, "Could not route to /zones, perhaps your object identifier is invalid?"))
	if err := w.client(t).DeleteRule(t.Context(), zoneOfTest, "rs1", "r1"); edge.KindOf(err) != edge.KindZoneNotFound || err == nil {
		t.Error(err)
	}
}

func TestAWriteThatMayNotBeNamesThePermission(t *testing.T) {
	w := newWorld(t)
	w.server.setRules(edge.PhaseRedirect, ourRule)
	c := w.client(t)
	state, err := c.Observe(t.Context(), testZone)
	if err != nil {
		t.Fatal(err)
	}
	w.server.on("*", refusing(http.StatusForbidden, 10000, "Authentication error"))
	for want, err := range map[string]error{
		"DNS Write":             c.ChangeRecords(t.Context(), zoneOfTest, edge.RecordBatch{Delete: []string{"a"}}),
		"Cache Rules Write":     c.CreateRuleset(t.Context(), zoneOfTest, edge.PhaseCache, nil),
		"Single Redirect Write": c.DeleteRule(t.Context(), state.Zone, state.Rulesets[edge.PhaseRedirect].ID, "r1"),
		"Zone Settings Write":   c.ChangeSettings(t.Context(), zoneOfTest, map[edge.Setting]string{"ssl": "strict"}),
		"Bot Management Write":  c.ChangeBots(t.Context(), zoneOfTest, edge.Bots{LikelyAutomated: "block"}),
		"Zone WAF Write":        c.EnableLeakedCredentials(t.Context(), zoneOfTest, true),
	} {
		f := faultOf(t, err)
		if f.Kind != edge.KindPermission || f.Permission != want || f.Unsure {
			t.Errorf("want %s: %+v", want, f)
		}
	}
}
