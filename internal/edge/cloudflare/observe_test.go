// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/internal/edge"
)

const ourRule = `{"id":"r1","ref":"launchready-x","version":"3","last_updated":"2026-01-01T00:00:00Z","description":"d",
	"expression":"http.host eq \"a\"","action":"skip","action_parameters":{"ruleset":"current","future":{"deep":[1,2.50]}},
	"logging":{"enabled":true},"enabled":false}`

func TestObserveReadsAZone(t *testing.T) {
	w := newWorld(t)
	w.server.setRecords(1)
	w.server.records = append(w.server.records,
		`{"id":"mx","name":"example.com","type":"MX","content":"mx.example.net","priority":10,"ttl":300,"proxied":false,"comment":"c"}`)
	w.server.setRules(edge.PhaseCustomWAF, ourRule,
		`{"id":"r2","expression":"true","action":"block","action_parameters":null,"ratelimit":{"period":60}}`)
	state, err := w.client(t).Observe(t.Context(), "Example.com.")
	if err != nil {
		t.Fatal(err)
	}
	yes, ten := true, 10
	want := edge.State{
		Zone: edge.Zone{
			ID: testID, Name: testZone, Plan: edge.PlanFree, Status: "active", NameServers: []string{"a.ns.cloudflare.com"},
		},
		Records: []edge.Record{
			{ID: strings.Repeat("0", 32), Name: "h0.example.com", Type: "A", Content: "192.0.2.1", Proxied: true, TTL: 1},
			{ID: "mx", Name: testZone, Type: "MX", Content: "mx.example.net", TTL: 300, Priority: &ten, Comment: "c"},
		},
		Rulesets: map[edge.Phase]edge.Ruleset{edge.PhaseCustomWAF: {
			ID: "rs_http_request_firewall_custom", Version: "1",
			Rules: []edge.Rule{
				{
					ID: "r1", Ref: "launchready-x", Description: "d", Expression: `http.host eq "a"`, Action: "skip",
					Parameters: json.RawMessage(`{"ruleset":"current","future":{"deep":[1,2.50]}}`),
				},
				{ID: "r2", Expression: "true", Action: "block", Enabled: true, RateLimit: json.RawMessage(`{"period":60}`)},
			},
		}},
		Settings: map[edge.Setting]edge.SettingValue{
			edge.SettingSSL: {Value: json.RawMessage(`"full"`), Editable: true},
			edge.SettingSecurityHeader: {
				Value: json.RawMessage(`{"strict_transport_security":{"enabled":false}}`), Editable: true,
			},
		},
		Bots: &edge.Bots{FightMode: &yes}, LeakedCredentials: &yes, DNSSEC: "active",
	}
	if diff := cmp.Diff(want, state); diff != "" {
		t.Error(diff)
	}
	for _, r := range w.server.got() {
		if got := r.Header.Get("User-Agent"); got != "LaunchReady/1.2.3" {
			t.Errorf("%s: User-Agent %q", r.Path, got)
		}
		if got := r.Header.Get("Authorization"); got != "Bearer "+testToken {
			t.Errorf("%s: no token", r.Path)
		}
	}
}

// The budget of edge.md: a check of a zone that didn't change takes at most 10 calls; records are read in one.
func TestObserveIsSparing(t *testing.T) {
	w := newWorld(t)
	w.server.setRecords(3500)
	for _, phase := range edge.Phases() {
		w.server.setRules(phase, ourRule)
	}
	c := w.client(t)
	observe := func() []string {
		t.Helper()
		if _, err := c.Observe(t.Context(), testZone); err != nil {
			t.Fatal(err)
		}
		return w.server.paths()
	}
	if got := observe(); len(got) != 7+len(edge.Phases()) {
		t.Errorf("the first look took %d calls: %v", len(got), got)
	}
	want := []string{
		"GET /zones", "GET /zones/Z/bot_management", "GET /zones/Z/dns_records", "GET /zones/Z/dnssec",
		"GET /zones/Z/leaked-credential-checks", "GET /zones/Z/rulesets", "GET /zones/Z/settings",
	}
	if diff := cmp.Diff(want, observe()); diff != "" {
		t.Errorf("a look at a zone that didn't change: %s", diff)
	}
	w.server.setRules(edge.PhaseCache, ourRule, strings.ReplaceAll(ourRule, "r1", "r2"))
	state, err := c.Observe(t.Context(), testZone)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(state.Rulesets[edge.PhaseCache].Rules); got != 2 {
		t.Errorf("%d rules after somebody added one", got)
	}
	if got := w.server.paths(); len(got) != 8 {
		t.Errorf("one phase changed: %v", got)
	}
	// A write of ours has the phase read again, also where the list of rulesets doesn't tell of it yet.
	id := state.Rulesets[edge.PhaseCache].ID
	if err := c.DeleteRule(t.Context(), state.Zone, id, "r2"); err != nil {
		t.Fatal(err)
	}
	w.server.paths()
	if got := observe(); len(got) != 8 || !strings.Contains(strings.Join(got, " "), id) {
		t.Errorf("after a write: %v", got)
	}
}

func TestObserveSaysWhatTheTokenMayNotRead(t *testing.T) {
	w := newWorld(t)
	w.server.setRules(edge.PhaseConfig, ourRule)
	w.server.setRules(edge.PhaseCache, ourRule)
	for _, path := range []string{
		"/dns_records", "/settings", "/bot_management", "/leaked-credential-checks", "/dnssec", "/rulesets/rs_http_config_settings",
	} {
		w.server.on("GET /zones/"+testID+path, refusing(http.StatusForbidden, 10000, "Authentication error"))
	}
	state, err := w.client(t).Observe(t.Context(), testZone)
	if err != nil {
		t.Fatal(err)
	}
	want := []edge.Denied{
		{Part: "DNSSEC", Permission: "Zone Settings Read"},
		{Part: "bots", Permission: "Bot Management Read"},
		{Part: "http_config_settings", Permission: "Config Rules Read"},
		{Part: "leaked credentials", Permission: "Zone WAF Read"},
		{Part: "records", Permission: "DNS Read"},
		{Part: "settings", Permission: "Zone Settings Read"},
	}
	if diff := cmp.Diff(want, state.Denied); diff != "" {
		t.Error(diff)
	}
	if state.Records != nil || state.Bots != nil || state.LeakedCredentials != nil {
		t.Error("what may not be read was read")
	}
	if _, ok := state.Rulesets[edge.PhaseConfig]; ok || len(state.Rulesets) != 1 {
		t.Errorf("rulesets: %v", state.Rulesets)
	}

	w.server.on("GET /zones/"+testID+"/rulesets", refusing(http.StatusForbidden, 10000, "Authentication error"))
	state, err = w.client(t).Observe(t.Context(), testZone)
	if err != nil {
		t.Fatal(err)
	}
	phases := 0
	for _, d := range state.Denied {
		if strings.HasPrefix(string(d.Part), "http_") && d.Permission != "" {
			phases++
		}
	}
	if phases != len(edge.Phases()) {
		t.Errorf("%d phases are denied", phases)
	}
}

func TestObserveTakesWhatAPlanDoesNotHaveAsAbsent(t *testing.T) {
	w := newWorld(t)
	w.server.on("GET /zones/"+testID+"/bot_management", refusing(http.StatusBadRequest, 1, "zone not entitled to bots"))
	w.server.on("GET /zones/"+testID+"/leaked-credential-checks", refusing(http.StatusNotFound, 1, "no such thing"))
	state, err := w.client(t).Observe(t.Context(), testZone)
	if err != nil || state.Bots != nil || state.LeakedCredentials != nil || len(state.Denied) != 0 {
		t.Errorf("state %+v, error %v", state, err)
	}
	// DNS records can't be absent.
	w.server.on("GET /zones/"+testID+"/dns_records", refusing(http.StatusNotFound, 1, "no such thing"))
	if _, err := w.client(t).Observe(t.Context(), testZone); err == nil {
		t.Error("a zone whose records weren't found was observed")
	}
}

func TestZoneIsTheActiveOneOfThatName(t *testing.T) {
	zone := func(id, name, status string) string {
		return fmt.Sprintf(`{"id":%q,"name":%q,"status":%q}`, id, name, status)
	}
	tests := map[string]struct {
		zones []string
		id    string
		kind  edge.Kind
	}{
		"none":                        {kind: edge.KindZoneNotFound},
		"another name":                {zones: []string{zone("a", "example.com.evil.test", "active")}, kind: edge.KindZoneNotFound},
		"pending":                     {zones: []string{zone("a", testZone, "pending")}, id: "a"},
		"the active one of two":       {zones: []string{zone("a", testZone, "moved"), zone("b", testZone, "active")}, id: "b"},
		"two and none active":         {zones: []string{zone("a", testZone, "moved"), zone("b", testZone, "pending")}, kind: edge.KindConflict},
		"an id that leads elsewhere":  {zones: []string{zone("../accounts/x", testZone, "active")}, kind: edge.KindInvalid},
		"a zone that says nothing":    {zones: []string{`{}`}, kind: edge.KindZoneNotFound},
		"a name in capitals is found": {zones: []string{zone("a", "EXAMPLE.com", "active")}, id: "a"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.on("GET /zones", func(rw http.ResponseWriter, _ *http.Request) { ok(rw, "["+strings.Join(tt.zones, ",")+"]") })
			got, err := w.client(t).zone(t.Context(), testZone)
			if err != nil && (tt.kind == "" || edge.KindOf(err) != tt.kind) || err == nil && tt.kind != "" {
				t.Fatalf("error %v, want kind %q", err, tt.kind)
			}
			if got.ID != tt.id {
				t.Errorf("zone %q, want %q", got.ID, tt.id)
			}
		})
	}
}

func TestRecordsAreReadWholeOrNotAtAll(t *testing.T) {
	w := newWorld(t)
	w.server.setRecords(250)
	w.server.perPage = 100
	c := w.client(t)
	records, err := c.listRecords(t.Context(), testID)
	if err != nil || len(records) != 250 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if got := w.server.got(); len(got) != 3 || !strings.Contains(got[0].Query, "per_page=5000") {
		t.Errorf("%d requests, the first: %v", len(got), got)
	}

	// changing makes the zone lose or gain records after a page is read, the given number of times.
	changing := func(times, to int) {
		w.server.setRecords(250)
		w.server.on("GET /zones/"+testID+"/dns_records", func(rw http.ResponseWriter, r *http.Request) {
			w.server.zone(rw, r)
			if times > 0 && r.URL.Query().Get("page") == "1" {
				times--
				w.server.setRecords(to + times)
			}
		})
	}
	changing(1, 130)
	if records, err = c.listRecords(t.Context(), testID); err != nil || len(records) != 130 {
		t.Errorf("changed once: %d records, %v", len(records), err)
	}
	if got := len(w.server.got()); got != 4 {
		t.Errorf("changed once: %d requests", got)
	}
	changing(9, 130)
	if records, err = c.listRecords(t.Context(), testID); edge.KindOf(err) != edge.KindTransient || err == nil || records != nil {
		t.Errorf("changed every time: %d records, %v", len(records), err)
	}
	if got := len(w.server.got()); got != 4 {
		t.Errorf("changed every time: %d requests", got)
	}
}

func TestRecordsThatMovedBetweenPagesAreNoticed(t *testing.T) {
	page := func(ids ...string) string {
		var items []string
		for _, id := range ids {
			items = append(items, `{"id":"`+id+`"}`)
		}
		return strings.Join(items, ",")
	}
	tests := map[string]struct {
		pages []string
		total string
		want  int
	}{
		"one twice":                {pages: []string{page("a", "b"), page("b", "c")}, total: `"total_count":4`},
		"fewer than said":          {pages: []string{page("a", "b"), ""}, total: `"total_count":4`},
		"more than said":           {pages: []string{page("a", "b", "c")}, total: `"total_count":2`},
		"as many as said":          {pages: []string{page("a", "b"), page("c")}, total: `"total_count":3`, want: 3},
		"nothing said, short page": {pages: []string{page("a", "b")}, total: `"page":1`, want: 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.on("GET /zones/"+testID+"/dns_records", func(rw http.ResponseWriter, r *http.Request) {
				items := ""
				if n := int(r.URL.Query().Get("page")[0] - '1'); n < len(tt.pages) {
					items = tt.pages[n]
				}
				answer(rw, http.StatusOK, `{"success":true,"result":[`+items+`],"result_info":{`+tt.total+`}}`)
			})
			records, err := w.client(t).listRecords(t.Context(), testID)
			if (err == nil) != (tt.want > 0) || len(records) != tt.want {
				t.Errorf("%d records, %v", len(records), err)
			}
		})
	}
}

func TestRulesetsAreListedToTheEnd(t *testing.T) {
	w := newWorld(t)
	w.server.setRules(edge.PhaseCache, ourRule)
	w.server.on("GET /zones/"+testID+"/rulesets", func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			answer(rw, http.StatusOK, `{"success":true,"result":[],"result_info":{"cursors":{"after":"next1"}}}`)
			return
		}
		w.server.zone(rw, r)
	})
	state, err := w.client(t).Observe(t.Context(), testZone)
	if err != nil || len(state.Rulesets) != 1 {
		t.Errorf("%v, %v", state.Rulesets, err)
	}
	w.server.on("GET /zones/"+testID+"/rulesets",
		answering(http.StatusOK, "application/json", `{"success":true,"result":[],"result_info":{"cursors":{"after":"x"}}}`))
	if _, err := w.client(t).Observe(t.Context(), testZone); err == nil {
		t.Error("a list without end was read")
	}
}

func TestARulesetMayGoOrBeAnotherMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.server.setRules(edge.PhaseCache, ourRule)
	path := "GET /zones/" + testID + "/rulesets/rs_" + string(edge.PhaseCache)
	w.server.on(path, refusing(http.StatusNotFound, 10003, "could not find entrypoint ruleset"))
	state, err := w.client(t).Observe(t.Context(), testZone)
	if err != nil {
		t.Fatal(err)
	}
	if set, ok := state.Rulesets[edge.PhaseCache]; ok && set.ID != "" {
		t.Errorf("a ruleset that is gone: %v", set)
	} else if ok {
		t.Error("a ruleset that is gone has an entry, as if the phase had one")
	}
	w.server.on(path, func(rw http.ResponseWriter, _ *http.Request) { ok(rw, `{"id":"another","version":"1","rules":[]}`) })
	if _, err := w.client(t).Observe(t.Context(), testZone); !errors.Is(err, errUnreadable) {
		t.Errorf("another ruleset answered: %v", err)
	}
	w.server.on(path, func(rw http.ResponseWriter, _ *http.Request) {
		ok(rw, `{"id":"rs_http_request_cache_settings","version":"1","rules":[{"id":7}]}`)
	})
	if _, err := w.client(t).Observe(t.Context(), testZone); !errors.Is(err, errUnreadable) {
		t.Errorf("a rule of another form: %v", err)
	}
}

// Newer descriptions of the API don't name the path for all settings.
func TestSettingsAreReadAndChangedOneByOneWhereTheyMustBe(t *testing.T) {
	w := newWorld(t)
	for _, what := range []string{"GET", "PATCH"} {
		w.server.on(what+" /zones/"+testID+"/settings", refusing(http.StatusBadRequest, 7000, "No route for that URI"))
	}
	for _, id := range settingsRead() {
		w.server.on("GET /zones/"+testID+"/settings/"+string(id), func(rw http.ResponseWriter, _ *http.Request) {
			ok(rw, `{"id":"`+string(id)+`","value":"on","editable":true}`)
		})
	}
	w.server.on("GET /zones/"+testID+"/settings/ssl", refusing(http.StatusNotFound, 1, "no such setting"))
	c := w.client(t)
	values, err := c.readSettings(t.Context(), testID)
	if err != nil || len(values) != len(settingsRead())-1 || values[edge.SettingTLS13].Text() != "on" {
		t.Errorf("%v, %v", values, err)
	}
	w.server.got()
	err = c.ChangeSettings(t.Context(), zoneOfTest, map[edge.Setting]string{edge.SettingSSL: "strict", edge.SettingMinTLS: "1.2"})
	if err != nil {
		t.Fatal(err)
	}
	got := w.server.got()
	if len(got) != 3 || !strings.HasSuffix(got[1].Path, "/settings/min_tls_version") || got[1].Body != `{"value":"1.2"}` {
		t.Errorf("requests: %+v", got)
	}
	w.server.on("PATCH /zones/"+testID+"/settings/ssl", refusing(http.StatusBadRequest, 1007, "no"))
	err = c.ChangeSettings(t.Context(), zoneOfTest, map[edge.Setting]string{edge.SettingSSL: "strict", edge.SettingMinTLS: "1.2"})
	if f := faultOf(t, err); !f.Unsure {
		t.Errorf("the first of two is done: %+v", f)
	}
	w.server.on("*", refusing(http.StatusForbidden, 10000, "Authentication error"))
	w.server.on("GET /zones/"+testID+"/settings", nil)
	w.server.got()
	if _, err := c.readSettings(t.Context(), testID); edge.KindOf(err) != edge.KindPermission || len(w.server.got()) != 1 {
		t.Errorf("a permission is no reason to ask one by one: %v", err)
	}
}

func BenchmarkDecode3500Records(b *testing.B) {
	var items []string
	for i := range 3500 {
		items = append(items, fmt.Sprintf(`{"id":"%032x","zone_id":"023e105f4ecef8ad9ca31a8372d0c353","zone_name":"example.com",
			"name":"h%d.example.com","type":"A","content":"192.0.2.1","proxied":true,"proxiable":true,"ttl":1,"settings":{},
			"meta":{"auto_added":false},"comment":"launchready 0123456789abcdef","tags":[],"created_on":"2026-01-01T00:00:00Z",
			"modified_on":"2026-01-01T00:00:00Z"}`, i, i))
	}
	page := []byte(`{"success":true,"result":[` + strings.Join(items, ",") + `]}`)
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		var got reply[[]recordReply]
		if err := json.Unmarshal(page, &got); err != nil || len(*got.Result) != 3500 {
			b.Fatal(err)
		}
	}
}
