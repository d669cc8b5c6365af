// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cloudflare/cloudflare-go/v7/dns"
	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/test/emulators/cloudflare"
)

func a(name, content, comment string) dns.ARecordParam {
	return with(dns.ARecordParam{}, fields{
		"Name": name, "Type": dns.ARecordTypeA, "Content": content, "Proxied": true, "TTL": dns.TTL1, "Comment": comment,
	})
}

func cname(name, content string) dns.CNAMERecordParam {
	return with(dns.CNAMERecordParam{}, fields{"Name": name, "Type": dns.CNAMERecordTypeCNAME, "Content": content, "TTL": dns.TTL1})
}

func gone(ids ...string) (out []dns.RecordBatchParamsDelete) {
	for _, id := range ids {
		out = append(out, with(dns.RecordBatchParamsDelete{}, fields{"ID": id}))
	}
	return out
}

func TestRecordLife(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	svc := dns.NewRecordService(r.options(r.token)...)
	zone := r.zone.ID

	made, err := svc.New(t.Context(), with(dns.RecordNewParams{}, fields{"ZoneID": zone, "Body": a("chat", "192.0.2.1", "ours")}))
	if err != nil {
		t.Fatal(err)
	}
	if made.Name != "chat.example.com" || !made.Proxied || made.TTL != 1 || made.Comment != "ours" || made.CreatedOn.IsZero() || !made.Proxiable {
		t.Errorf("made %+v", made)
	}
	got, err := svc.Get(t.Context(), made.ID, with(dns.RecordGetParams{}, fields{"ZoneID": zone}))
	if err != nil || got.Content != "192.0.2.1" {
		t.Errorf("got %+v, %v", got, err)
	}
	edited, err := svc.Edit(t.Context(), made.ID, with(dns.RecordEditParams{}, fields{"ZoneID": zone, "Body": with(dns.ARecordParam{}, fields{
		"Name": "chat.example.com", "Type": dns.ARecordTypeA, "TTL": dns.TTL1, "Content": "192.0.2.2",
	})}))
	if err != nil || edited.Content != "192.0.2.2" || edited.Comment != "ours" || !edited.Proxied {
		t.Errorf("a patch keeps what it doesn't name: %+v, %v", edited, err)
	}
	put, err := svc.Update(t.Context(), made.ID, with(dns.RecordUpdateParams{}, fields{"ZoneID": zone, "Body": with(dns.ARecordParam{}, fields{
		"Name": "chat.example.com", "Type": dns.ARecordTypeA, "TTL": dns.TTL1, "Content": "192.0.2.3",
	})}))
	if err != nil || put.Comment != "" || put.Proxied {
		t.Errorf("a put drops what it doesn't name: %+v, %v", put, err)
	}
	if _, err := svc.Delete(t.Context(), made.ID, with(dns.RecordDeleteParams{}, fields{"ZoneID": zone})); err != nil {
		t.Error(err)
	}
	_, err = svc.Get(t.Context(), made.ID, with(dns.RecordGetParams{}, fields{"ZoneID": zone}))
	if diff := cmp.Diff(refusal{404, 81044}, refused(err)); diff != "" {
		t.Error(diff)
	}
	r.noViolations(t)
}

func TestRecordsAreRefused(t *testing.T) {
	tests := map[string]struct {
		plan cloudflare.Plan
		have []dns.RecordNewParamsBodyUnion
		want dns.RecordNewParamsBodyUnion
		code int64
	}{
		"identical":             {have: []dns.RecordNewParamsBodyUnion{a("x", "192.0.2.1", "")}, want: a("x", "192.0.2.1", "other"), code: 81058},
		"second address":        {have: []dns.RecordNewParamsBodyUnion{a("x", "192.0.2.1", "")}, want: a("x", "192.0.2.2", ""), code: 0},
		"CNAME beside A":        {have: []dns.RecordNewParamsBodyUnion{a("x", "192.0.2.1", "")}, want: cname("x", "a.example.net"), code: 81053},
		"CNAME beside CNAME":    {have: []dns.RecordNewParamsBodyUnion{cname("x", "a.example.net")}, want: cname("x", "b.example.net"), code: 81053},
		"A beside CNAME":        {have: []dns.RecordNewParamsBodyUnion{cname("x", "a.example.net")}, want: a("x", "192.0.2.1", ""), code: 81054},
		"content of A":          {want: a("x", "not an address", ""), code: 9005},
		"content of CNAME":      {want: cname("x", "192.0.2.1"), code: 9007},
		"comment on Free":       {want: a("x", "192.0.2.1", strings.Repeat("ä", 101)), code: 9313},
		"100 runes fit on Free": {want: a("x", "192.0.2.1", strings.Repeat("ä", 100)), code: 0},
		"comment on Pro":        {plan: cloudflare.Pro, want: a("x", "192.0.2.1", strings.Repeat("x", 500)), code: 0},
		"longer comment on Pro": {plan: cloudflare.Pro, want: a("x", "192.0.2.1", strings.Repeat("x", 501)), code: 9313},
		"TTL": {want: with(dns.ARecordParam{}, fields{
			"Name": "x", "Type": dns.ARecordTypeA, "Content": "192.0.2.1", "TTL": dns.TTL(30),
		}), code: 9021},
		"proxied TXT": {want: with(dns.TXTRecordParam{}, fields{
			"Name": "x", "Type": dns.TXTRecordTypeTXT, "Content": "text", "TTL": dns.TTL1, "Proxied": true,
		}), code: 9004},
		"name": {want: a("x y", "192.0.2.1", ""), code: 9000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			plan := tt.plan
			if plan == "" {
				plan = cloudflare.Free
			}
			r := newRig(t, plan)
			svc := dns.NewRecordService(r.options(r.token)...)
			for _, have := range tt.have {
				if _, err := svc.New(t.Context(), with(dns.RecordNewParams{}, fields{"ZoneID": r.zone.ID, "Body": have})); err != nil {
					t.Fatal(err)
				}
			}
			_, err := svc.New(t.Context(), with(dns.RecordNewParams{}, fields{"ZoneID": r.zone.ID, "Body": tt.want}))
			if got := refused(err).Code; got != tt.code {
				t.Errorf("code %d (%v), want %d", got, err, tt.code)
			}
		})
	}
}

func TestNamesAndTTLsAreCompleted(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	for body, want := range map[string]string{
		`{"type":"A","name":"@","content":"192.0.2.1","ttl":300}`:                         "example.com 300",
		`{"type":"A","name":"a","content":"192.0.2.1","ttl":300,"proxied":true}`:          "a.example.com 1",
		`{"type":"TXT","name":"B.Example.com.","content":"text","ttl":1}`:                 "b.example.com 1",
		`{"type":"TXT","name":"c.example.org","content":"text","ttl":60}`:                 "c.example.org.example.com 60",
		`{"type":"MX","name":"d","content":"Mail.Example.net.","priority":10,"ttl":1}`:    "d.example.com 1",
		`{"type":"CAA","name":"e","data":{"flags":0,"tag":"issue","value":"ca"},"ttl":1}`: "e.example.com 1",
	} {
		got := r.mustCall(t, r.token, "POST", "/zones/{zone}/dns_records", body)
		record, _ := got.Result.(map[string]any)
		if name := fmt.Sprint(record["name"], " ", record["ttl"]); name != want {
			t.Errorf("%s: %s %+v, want %s", body, name, got.Errors, want)
		}
	}
	r.noViolations(t)
}

func TestRecordsAreListedByPage(t *testing.T) {
	r := newRig(t, cloudflare.Pro)
	err := r.EditZone("example.com", func(z *cloudflare.Zone) error {
		for i := range 250 {
			z.Records = append(z.Records, cloudflare.Record{
				ID: fmt.Sprintf("%032x", i), Type: "A", Name: fmt.Sprintf("h%03d.example.com", i), Content: "192.0.2.1", TTL: 1, Comment: fmt.Sprintf("mark-%d x", i%2),
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	svc := dns.NewRecordService(r.options(r.token)...)
	count := func(p dns.RecordListParams) (n int) {
		t.Helper()
		p.ZoneID.Value, p.ZoneID.Present = r.zone.ID, true
		pages := svc.ListAutoPaging(t.Context(), p)
		for pages.Next() {
			n++
		}
		if err := pages.Err(); err != nil {
			t.Error(err)
		}
		return n
	}
	tests := map[string]struct {
		params dns.RecordListParams
		want   int
		calls  int
	}{
		// Cloudflare's client asks until a page is empty.
		"all":      {want: 250, calls: 4},
		"one page": {params: with(dns.RecordListParams{}, fields{"PerPage": 5000.0}), want: 250, calls: 2},
		"by comment": {params: with(dns.RecordListParams{}, fields{"PerPage": 5000.0, "Comment": with(dns.RecordListParamsComment{}, fields{
			"Startswith": "MARK-1",
		})}), want: 125, calls: 2},
		"by name": {params: with(dns.RecordListParams{}, fields{"Name": with(dns.RecordListParamsName{}, fields{"Exact": "h007.example.com"})}), want: 1, calls: 2},
		"by type": {params: with(dns.RecordListParams{}, fields{"Type": dns.RecordListParamsTypeTXT}), want: 0, calls: 1},
		"any of": {params: with(dns.RecordListParams{}, fields{
			"Match": dns.RecordListParamsMatchAny, "Name": with(dns.RecordListParamsName{}, fields{"Exact": "h007.example.com"}),
			"Comment": with(dns.RecordListParamsComment{}, fields{"Contains": "mark-0"}),
		}), want: 126, calls: 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r.ResetCalls()
			if n := count(tt.params); n != tt.want {
				t.Errorf("%d records, want %d", n, tt.want)
			}
			if n := r.Counts()["GET /zones/{zone}/dns_records"]; n != tt.calls {
				t.Errorf("%d calls, want %d", n, tt.calls)
			}
			r.noViolations(t)
		})
	}
}

func TestBatchIsOneTransactionInTheDocumentedOrder(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	svc := dns.NewRecordService(r.options(r.token)...)
	old, err := svc.New(t.Context(), with(dns.RecordNewParams{}, fields{"ZoneID": r.zone.ID, "Body": a("x", "192.0.2.1", "old")}))
	if err != nil {
		t.Fatal(err)
	}
	// The CNAME only fits once the A record is gone: deletes come before posts.
	res, err := svc.Batch(t.Context(), with(dns.RecordBatchParams{}, fields{
		"ZoneID": r.zone.ID, "Posts": []dns.RecordBatchParamsPostUnion{cname("x", "a.example.net"), a("y", "192.0.2.9", "")},
		"Deletes": gone(old.ID),
	}))
	if err != nil || len(res.Posts) != 2 || len(res.Deletes) != 1 || res.Deletes[0].Comment != "old" {
		t.Fatalf("%+v, %v", res, err)
	}
	before, _ := r.Zone("example.com")
	_, err = svc.Batch(t.Context(), with(dns.RecordBatchParams{}, fields{
		"ZoneID": r.zone.ID, "Deletes": gone(res.Posts[1].ID),
		"Patches": []dns.BatchPatchUnionParam{with(dns.BatchPatchCNAMERecordParam{}, fields{
			"ID": res.Posts[0].ID, "CNAMERecordParam": with(dns.CNAMERecordParam{}, fields{"Comment": "new"}),
		})},
		"Posts": []dns.RecordBatchParamsPostUnion{a("x", "192.0.2.1", "")},
	}))
	if diff := cmp.Diff(refusal{400, 81054}, refused(err)); diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
	after, _ := r.Zone("example.com")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a refused batch changed the zone: %s", diff)
	}
	r.noViolations(t)
}

func TestBatchLimit(t *testing.T) {
	for plan, limit := range map[cloudflare.Plan]int{cloudflare.Free: 200, cloudflare.Pro: 3500} {
		t.Run(string(plan), func(t *testing.T) {
			r := newRig(t, plan)
			svc := dns.NewRecordService(r.options(r.token)...)
			posts := func(n int) dns.RecordBatchParams {
				var list []dns.RecordBatchParamsPostUnion
				for i := range n {
					list = append(list, a(fmt.Sprintf("h%d", i), "192.0.2.1", ""))
				}
				return with(dns.RecordBatchParams{}, fields{"ZoneID": r.zone.ID, "Posts": list})
			}
			if _, err := svc.Batch(t.Context(), posts(limit+1)); refused(err).Code != 1004 {
				t.Errorf("one too many: %v", err)
			}
			if _, err := svc.Batch(t.Context(), posts(limit)); err != nil {
				t.Error(err)
			}
			if _, err := svc.New(t.Context(), with(dns.RecordNewParams{}, fields{"ZoneID": r.zone.ID, "Body": a("more", "192.0.2.1", "")})); refused(err).Code != 81045 {
				t.Errorf("the zone is full: %v", err)
			}
		})
	}
}
