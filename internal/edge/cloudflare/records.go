// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"context"
	"errors"
	"slices"

	"github.com/cloudflare/cloudflare-go/v7/dns"
	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/launchready/launchready/internal/edge"
)

const (
	// pageSize of DNS records: a zone has at most 3,500 records, but for Enterprise, so that all come on one page and nothing
	// can move between two. Cloudflare's OpenAPI description allows 5,000,000, which no bound on a reply could go with, and
	// others found 5,000 to be the most (external-dns: cloudflare-dns-records-per-page).
	pageSize = 5_000
	// maxPages bounds a zone: 200,000 records are what Cloudflare gives out on request.
	maxPages = 40
)

// errMoving says that records came and went while they were listed, twice.
var errMoving = errors.New("the records changed while they were listed")

// errTooMany says that a list has no end that we would wait for.
var errTooMany = errors.New("the list is longer than any that was expected")

type recordReply struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	Content  string  `json:"content"`
	Proxied  bool    `json:"proxied"`
	TTL      float64 `json:"ttl"`
	Priority *int    `json:"priority"`
	Comment  string  `json:"comment"`
}

// listRecords gives all records of a zone: as they were at one moment, or an error. A part of them must not be taken for all.
func (c *Client) listRecords(ctx context.Context, zoneID string) ([]edge.Record, error) {
	for range 2 {
		records, whole, err := c.listRecordsOnce(ctx, zoneID)
		if err != nil {
			return nil, err
		}
		if whole {
			return records, nil
		}
	}
	return nil, &edge.APIError{Kind: edge.KindTransient, Doing: actionRecords.doing, Err: errMoving}
}

// listRecordsOnce lists page by page. The list is whole if no record came twice, and there are as many as every page said.
func (c *Client) listRecordsOnce(ctx context.Context, zoneID string) (records []edge.Record, whole bool, err error) {
	var params dns.RecordListParams
	params.ZoneID.Value = zoneID
	params.PerPage.Value, params.PerPage.Present = pageSize, true
	seen, total := map[string]bool{}, -1
	for page := 1; page <= maxPages; page++ {
		params.Page.Value, params.Page.Present = float64(page), true
		got, err := ask[[]recordReply](ctx, c, actionRecords, func(ctx context.Context, opts ...option.RequestOption) error {
			_, err := c.records.List(ctx, params, opts...)
			return err
		})
		if err != nil {
			return nil, false, err
		}
		if said := got.Info.TotalCount; said != nil {
			if total >= 0 && total != *said {
				return nil, false, nil
			}
			total = *said
		}
		records = slices.Grow(records, len(*got.Result))
		for _, r := range *got.Result {
			if seen[r.ID] {
				return nil, false, nil
			}
			seen[r.ID] = true
			records = append(records, edge.Record{
				ID: r.ID, Name: r.Name, Type: r.Type, Content: r.Content, Proxied: r.Proxied, TTL: int(r.TTL),
				Priority: r.Priority, Comment: r.Comment,
			})
		}
		// A server may give less on a page than it was asked for: what it says of the whole decides.
		switch {
		case total >= 0 && len(records) >= total, total >= 0 && len(*got.Result) == 0:
			return records, len(records) == total, nil
		case total < 0 && len(*got.Result) < pageSize:
			return records, true, nil
		}
	}
	return nil, false, &edge.APIError{Kind: edge.KindInvalid, Doing: actionRecords.doing, Err: errTooMany}
}

// batchLimit is how many records a batch may change.
// Source: developers.cloudflare.com/dns/manage-dns-records/how-to/batch-record-changes/
func batchLimit(plan edge.PlanName) int {
	switch plan {
	case edge.PlanPro, edge.PlanBusiness, edge.PlanEnterprise:
		return 3500
	default:
		return 200
	}
}

// recordID is a record to delete.
type recordID struct {
	ID string `json:"id"`
}

// recordChange is a record as it is to be: what is false or empty is said, since a patch leaves what isn't said as it is.
type recordChange struct {
	ID       string  `json:"id,omitempty"`
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	Content  string  `json:"content"`
	Proxied  *bool   `json:"proxied,omitempty"`
	TTL      int     `json:"ttl,omitempty"`
	Priority *int    `json:"priority,omitempty"`
	Comment  *string `json:"comment,omitempty"`
}

func changeOf(r edge.Record) recordChange {
	change := recordChange{ID: r.ID, Name: r.Name, Type: r.Type, Content: r.Content, TTL: r.TTL, Priority: r.Priority}
	if r.Type == "A" || r.Type == "AAAA" || r.Type == "CNAME" {
		// Only these can be proxied. Source: developers.cloudflare.com/dns/proxy-status/
		change.Proxied = &r.Proxied
	}
	if r.Comment != "" || r.ID != "" {
		change.Comment = &r.Comment
	}
	return change
}

type batchBody struct {
	Deletes []recordID     `json:"deletes,omitempty"`
	Patches []recordChange `json:"patches,omitempty"`
	Posts   []recordChange `json:"posts,omitempty"`
}

// ChangeRecords implements edge.API. Each batch is one transaction, in which Cloudflare keeps the order deletes, patches, posts;
// over several batches it is kept as well. Where a later batch fails, the error is Unsure: the earlier ones are done.
func (c *Client) ChangeRecords(ctx context.Context, zone edge.Zone, batch edge.RecordBatch) error {
	if err := checkIDs(actionChangeRecords, zone.ID); err != nil {
		return err
	}
	var params dns.RecordBatchParams
	params.ZoneID.Value = zone.ID
	for i, body := range split(batch, batchLimit(zone.Plan)) {
		err := c.change(ctx, actionChangeRecords, zone, body, func(ctx context.Context, opts ...option.RequestOption) error {
			_, err := c.records.Batch(ctx, params, opts...)
			return err
		})
		if err != nil {
			return partly(err, i > 0)
		}
	}
	return nil
}

// split cuts a batch at the limit, in order.
func split(batch edge.RecordBatch, limit int) []batchBody {
	var (
		bodies []batchBody
		last   batchBody
		n      int
	)
	full := func() {
		if n++; n == limit {
			bodies, last, n = append(bodies, last), batchBody{}, 0
		}
	}
	for _, id := range batch.Delete {
		last.Deletes = append(last.Deletes, recordID{ID: id})
		full()
	}
	for _, r := range batch.Patch {
		last.Patches = append(last.Patches, changeOf(r))
		full()
	}
	for _, r := range batch.Post {
		r.ID = ""
		last.Posts = append(last.Posts, changeOf(r))
		full()
	}
	if n > 0 {
		bodies = append(bodies, last)
	}
	return bodies
}
