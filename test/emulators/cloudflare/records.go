// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var recordTypes = []string{
	"A", "AAAA", "CAA", "CERT", "CNAME", "DNSKEY", "DS", "HTTPS", "LOC", "MX", "NAPTR", "NS", "OPENPGPKEY", "PTR", "SMIMEA", "SRV", "SSHFP",
	"SVCB", "TLSA", "TXT", "URI",
}

// proxiable are the types whose traffic Cloudflare can take over: dns/proxy-status.
var proxiable = []string{"A", "AAAA", "CNAME"}

var hostname = regexp.MustCompile(`^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

// view is a record as the API shows it.
func (r Record) view() map[string]any {
	out := map[string]any{
		"id": r.ID, "type": r.Type, "name": r.Name, "content": r.Content, "proxiable": slices.Contains(proxiable, r.Type), "proxied": r.Proxied,
		"ttl": r.TTL, "settings": r.Settings, "meta": map[string]any{}, "comment": nil, "tags": r.Tags,
		"created_on": r.CreatedOn, "modified_on": r.ModifiedOn,
	}
	if r.Settings == nil {
		out["settings"] = map[string]any{}
	}
	if r.Tags == nil {
		out["tags"] = []string{}
	}
	if r.Comment != "" {
		out["comment"] = r.Comment
	}
	if r.CommentModifiedOn != nil {
		out["comment_modified_on"] = r.CommentModifiedOn
	}
	if r.Priority != nil {
		out["priority"] = *r.Priority
	}
	if r.Data != nil {
		out["data"] = r.Data
	}
	return out
}

func views(records []Record) []map[string]any {
	out := make([]map[string]any, 0, len(records))
	for _, r := range records {
		out = append(out, r.view())
	}
	return out
}

func listRecords(c *request) (reply, *apiError) {
	q := c.http.URL.Query()
	page, perPage, e := paging(q.Get("page"), q.Get("per_page"), 100, 5000)
	if e != nil {
		return reply{}, e
	}
	wanted := recordFilter(q)
	found := []Record{}
	for _, r := range c.zone.Records {
		if wanted(r) {
			found = append(found, r)
		}
	}
	sortRecords(found, cmp.Or(q.Get("order"), "type"), q.Get("direction") == "desc")
	items, info := pageOf(found, page, perPage)
	return reply{result: views(items), info: info}, nil
}

// recordFilter is the query of a list: with match=any one condition is enough, else all count.
func recordFilter(q map[string][]string) func(Record) bool {
	var conditions []func(Record) bool
	text := func(key string, of func(Record) string) {
		for suffix, test := range map[string]func(have, want string) bool{
			"": strings.EqualFold, ".exact": strings.EqualFold,
			".contains":   func(have, want string) bool { return strings.Contains(strings.ToLower(have), strings.ToLower(want)) },
			".startswith": func(have, want string) bool { return strings.HasPrefix(strings.ToLower(have), strings.ToLower(want)) },
			".endswith":   func(have, want string) bool { return strings.HasSuffix(strings.ToLower(have), strings.ToLower(want)) },
			".present":    func(have, _ string) bool { return have != "" },
			".absent":     func(have, _ string) bool { return have == "" },
		} {
			if values, ok := q[key+suffix]; ok {
				conditions = append(conditions, func(r Record) bool { return test(of(r), values[0]) })
			}
		}
	}
	text("name", func(r Record) string { return r.Name })
	text("content", func(r Record) string { return r.Content })
	text("comment", func(r Record) string { return r.Comment })
	text("type", func(r Record) string { return r.Type })
	text("proxied", func(r Record) string { return strconv.FormatBool(r.Proxied) })
	if values, ok := q["search"]; ok {
		conditions = append(conditions, func(r Record) bool {
			return strings.Contains(strings.ToLower(r.Name+" "+r.Content+" "+r.Comment), strings.ToLower(values[0]))
		})
	}
	anyOf := len(q["match"]) > 0 && q["match"][0] == "any"
	return func(r Record) bool {
		for _, condition := range conditions {
			if condition(r) == anyOf {
				return anyOf
			}
		}
		return !anyOf || len(conditions) == 0
	}
}

func sortRecords(records []Record, order string, descending bool) {
	key := func(r Record) string {
		switch order {
		case "name":
			return r.Name
		case "content":
			return r.Content
		case "ttl":
			return fmt.Sprintf("%010d", r.TTL)
		case "proxied":
			return strconv.FormatBool(r.Proxied)
		default:
			return r.Type
		}
	}
	slices.SortStableFunc(records, func(a, b Record) int {
		n := cmp.Or(cmp.Compare(key(a), key(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
		if descending {
			return -n
		}
		return n
	})
}

// paging reads page and per_page, which the client sends as decimals.
func paging(page, perPage string, def, limit int) (int, int, *apiError) {
	p, errPage := strconv.ParseFloat(cmp.Or(page, "1"), 64)
	n, errN := strconv.ParseFloat(cmp.Or(perPage, strconv.Itoa(def)), 64)
	if errPage != nil || errN != nil || p < 1 || n < 1 || int(n) > limit {
		return 0, 0, refuse(http.StatusBadRequest, 1004, "DNS Validation Error: page or per_page is out of range (per_page at most %d)", limit)
	}
	return int(p), int(n), nil
}

func (z *Zone) record(id string) int {
	return slices.IndexFunc(z.Records, func(r Record) bool { return r.ID == id })
}

func noRecord() *apiError { return refuse(http.StatusNotFound, 81044, "Record does not exist.") }

func getRecord(c *request) (reply, *apiError) {
	i := c.zone.record(c.http.PathValue("record"))
	if i < 0 {
		return reply{}, noRecord()
	}
	return reply{result: c.zone.Records[i].view()}, nil
}

func createRecord(c *request) (reply, *apiError) {
	r, e := c.postRecord(c.body)
	if e != nil {
		return reply{}, e
	}
	c.changed = true
	return reply{result: r.view()}, nil
}

func replaceRecord(c *request) (reply, *apiError) {
	r, e := c.changeRecord(c.http.PathValue("record"), c.body, true)
	if e != nil {
		return reply{}, e
	}
	c.changed = true
	return reply{result: r.view()}, nil
}

func patchRecord(c *request) (reply, *apiError) {
	r, e := c.changeRecord(c.http.PathValue("record"), c.body, false)
	if e != nil {
		return reply{}, e
	}
	c.changed = true
	return reply{result: r.view()}, nil
}

func deleteRecord(c *request) (reply, *apiError) {
	r, e := c.removeRecord(c.http.PathValue("record"))
	if e != nil {
		return reply{}, e
	}
	c.changed = true
	return reply{result: map[string]any{"id": r.ID}}, nil
}

// batchRecords does many changes or none, in the documented order, whatever the order in the body.
func batchRecords(c *request) (reply, *apiError) {
	var in struct {
		Deletes, Patches, Puts, Posts []json.RawMessage
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return reply{}, refuse(http.StatusBadRequest, 6007, "Malformed JSON in request body")
	}
	n, limit := len(in.Deletes)+len(in.Patches)+len(in.Puts)+len(in.Posts), planTable.batch(c.zone.Plan)
	if n > limit {
		return reply{}, refuse(http.StatusBadRequest, 1004, "DNS Validation Error: a batch may have %d operations on this plan, not %d", limit, n)
	}
	out := map[string]any{}
	for _, step := range []struct {
		name string
		in   []json.RawMessage
		do   func(json.RawMessage) (Record, *apiError)
	}{
		{"deletes", in.Deletes, func(b json.RawMessage) (Record, *apiError) { return c.removeRecord(idOf(b)) }},
		{"patches", in.Patches, func(b json.RawMessage) (Record, *apiError) { return c.changeRecord(idOf(b), b, false) }},
		{"puts", in.Puts, func(b json.RawMessage) (Record, *apiError) { return c.changeRecord(idOf(b), b, true) }},
		{"posts", in.Posts, func(b json.RawMessage) (Record, *apiError) { return c.postRecord(b) }},
	} {
		done := make([]Record, 0, len(step.in))
		for i, b := range step.in {
			r, e := step.do(b)
			if e != nil {
				return reply{}, e.at(fmt.Sprintf("/%s/%d", step.name, i))
			}
			done = append(done, r)
		}
		out[step.name] = views(done)
	}
	c.changed = n > 0
	return reply{result: out}, nil
}

func idOf(b json.RawMessage) string {
	var in struct{ ID string }
	_ = json.Unmarshal(b, &in) // without an id there is no record either
	return in.ID
}

// recordBody is a record in a request. A pointer that is nil was not sent.
type recordBody struct {
	Type     *string
	Name     *string
	Content  *string
	Priority *int
	Proxied  *bool
	TTL      *float64
	Comment  *string
	Tags     *[]string
	Data     map[string]any
	Settings map[string]any
}

func (c *request) postRecord(b []byte) (Record, *apiError) {
	now := c.now
	r := Record{ID: newID(), TTL: 1, CreatedOn: now, ModifiedOn: now}
	if e := c.fill(&r, b); e != nil {
		return Record{}, e
	}
	if limit := planTable.records(c.zone); len(c.zone.Records) >= limit {
		return Record{}, refuse(http.StatusBadRequest, 81045, "The record quota has been exceeded.")
	}
	if e := conflict(c.zone.Records, r); e != nil {
		return Record{}, e
	}
	c.zone.Records = append(c.zone.Records, r)
	return r, nil
}

// changeRecord patches a record, or replaces it: what a replacement leaves out gets its default back, the comment too.
func (c *request) changeRecord(id string, b []byte, replace bool) (Record, *apiError) {
	i := c.zone.record(id)
	if i < 0 {
		return Record{}, noRecord()
	}
	r := c.zone.Records[i].copy()
	if replace {
		r = Record{ID: r.ID, TTL: 1, CreatedOn: r.CreatedOn, CommentModifiedOn: r.CommentModifiedOn}
	}
	old := c.zone.Records[i]
	if e := c.fill(&r, b); e != nil {
		return Record{}, e
	}
	if e := conflict(slices.Delete(slices.Clone(c.zone.Records), i, i+1), r); e != nil {
		return Record{}, e
	}
	r.ModifiedOn = c.now
	if r.Comment != old.Comment {
		r.CommentModifiedOn = &r.ModifiedOn
	}
	c.zone.Records[i] = r
	return r, nil
}

func (c *request) removeRecord(id string) (Record, *apiError) {
	i := c.zone.record(id)
	if i < 0 {
		return Record{}, noRecord()
	}
	r := c.zone.Records[i]
	c.zone.Records = slices.Delete(c.zone.Records, i, i+1)
	return r, nil
}

// fill sets what the body says and checks what comes of it.
func (c *request) fill(r *Record, b []byte) *apiError {
	var in recordBody
	if err := json.Unmarshal(b, &in); err != nil {
		return refuse(http.StatusBadRequest, 1004, "DNS Validation Error: %v", err)
	}
	if in.Type != nil {
		r.Type = strings.ToUpper(*in.Type)
	}
	if in.Name != nil {
		r.Name = fullName(*in.Name, c.zone.Name)
	}
	if in.Content != nil {
		r.Content = *in.Content
	}
	if in.Priority != nil {
		r.Priority = in.Priority
	}
	if in.Proxied != nil {
		r.Proxied = *in.Proxied
	}
	if in.TTL != nil {
		r.TTL = int(*in.TTL)
	}
	if in.Comment != nil {
		r.Comment = *in.Comment
	}
	if r.Comment != "" && r.CommentModifiedOn == nil {
		r.CommentModifiedOn = new(c.now)
	}
	if in.Tags != nil {
		r.Tags = *in.Tags
	}
	if in.Settings != nil {
		r.Settings = in.Settings
	}
	if in.Data != nil {
		r.Data = in.Data
		r.Content = contentOf(*r)
	}
	return c.checkRecord(r)
}

// fullName completes a name as Cloudflare does: what doesn't end in the zone's name stands below it.
func fullName(name, zone string) string {
	name = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
	switch {
	case name == "" || name == "@":
		return zone
	case name == zone || strings.HasSuffix(name, "."+zone):
		return name
	default:
		return name + "." + zone
	}
}

// contentOf writes the content of the types that are given by their data.
func contentOf(r Record) string {
	d := r.Data
	switch r.Type {
	case "CAA":
		return fmt.Sprintf("%v %v %q", d["flags"], d["tag"], d["value"])
	case "SRV":
		return fmt.Sprintf("%v %v %v", d["weight"], d["port"], d["target"])
	case "HTTPS", "SVCB":
		return strings.TrimSpace(fmt.Sprintf("%v %v %v", d["priority"], d["target"], cmp.Or(fmt.Sprint(d["value"]), "")))
	default:
		return r.Content
	}
}

func (c *request) checkRecord(r *Record) *apiError {
	if !slices.Contains(recordTypes, r.Type) {
		e := refuse(http.StatusBadRequest, 1004, "DNS Validation Error")
		e.Chain = []chainEntry{{Code: 9002, Message: "DNS Record type is invalid."}}
		return e
	}
	if !hostname.MatchString(r.Name) || len(r.Name) > 253 {
		return refuse(http.StatusBadRequest, 9000, "DNS name is invalid.")
	}
	if e := checkContent(r); e != nil {
		return e
	}
	if r.Proxied && !slices.Contains(proxiable, r.Type) {
		return refuse(http.StatusBadRequest, 9004, "This record type cannot be proxied.")
	}
	lowest := 60
	if c.zone.Plan == Enterprise {
		lowest = 30 // dns/manage-dns-records/reference/ttl
	}
	if r.TTL != 1 && (r.TTL < lowest || r.TTL > 86400) {
		return refuse(http.StatusBadRequest, 9021, "Invalid TTL. Must be between %d and 86400 seconds, or 1 for Automatic.", lowest)
	}
	if r.Proxied {
		r.TTL = 1
	}
	if limit := planTable.comment(c.zone.Plan); utf8.RuneCountInString(r.Comment) > limit {
		return refuse(http.StatusBadRequest, 9313, "DNS record comment exceeds the maximum length of %d characters.", limit)
	}
	if len(r.Tags) > 0 && c.zone.Plan == Free {
		return refuse(http.StatusBadRequest, 9301, "DNS record tags are not available on this plan.")
	}
	return nil
}

func checkContent(r *Record) *apiError {
	addr, err := netip.ParseAddr(r.Content)
	target := strings.ToLower(strings.TrimSuffix(r.Content, "."))
	switch {
	case r.Type == "A" && (err != nil || !addr.Is4()):
		return refuse(http.StatusBadRequest, 9005, "Content for A record must be a valid IPv4 address.")
	case r.Type == "AAAA" && (err != nil || !addr.Is6() || addr.Is4In6()):
		return refuse(http.StatusBadRequest, 9006, "Content for AAAA record must be a valid IPv6 address.")
	case r.Type == "AAAA":
		r.Content = addr.String()
	case r.Type == "CNAME" && (err == nil || !hostname.MatchString(target) || target == r.Name):
		return refuse(http.StatusBadRequest, 9007, "Content for CNAME record is invalid.")
	case r.Type == "MX" && (err == nil || (target != "" && !hostname.MatchString(target))):
		return refuse(http.StatusBadRequest, 9009, "Content for MX record must be a hostname.")
	case r.Type == "MX" && r.Priority == nil:
		return refuse(http.StatusBadRequest, 9101, "priority is a required data field.")
	case r.Type == "CNAME", r.Type == "MX":
		r.Content = target
	case r.Content == "":
		return refuse(http.StatusBadRequest, 9101, "content is a required data field.")
	}
	return nil
}

// conflict looks for a record beside which the new one can't stand.
func conflict(others []Record, r Record) *apiError {
	for _, o := range others {
		if o.Name != r.Name {
			continue
		}
		switch {
		case o.Type == r.Type && o.Content == r.Content:
			return refuse(http.StatusBadRequest, 81058, "An identical record already exists.")
		case r.Type == "CNAME" && slices.Contains(proxiable, o.Type):
			return refuse(http.StatusBadRequest, 81053, "An A, AAAA, or CNAME record with that host already exists.")
		case o.Type == "CNAME" && slices.Contains(proxiable, r.Type):
			return refuse(http.StatusBadRequest, 81054, "A CNAME record with that host already exists.")
		}
	}
	return nil
}

// freeQuotaChange is when Cloudflare lowered the number of records in a new Free zone: dns/manage-dns-records.
func freeQuotaChange() time.Time { return time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC) }
