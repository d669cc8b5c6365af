// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strconv"
	"strings"
)

// LockHeader carries the secret that lets a probe through the edge lock. It is removed before the origin sees it.
const LockHeader = "x-launchready-edge"

const (
	// DefaultRetryAfterSeconds is an hour: long enough that crawlers don't hammer, short enough for a launch.
	DefaultRetryAfterSeconds = 3600
	// holdingStatus tells people and crawlers to come back (RFC 9110 §15.6.4). A WAF rule may answer 4xx alone, so that it is given
	// by a custom error rule, on plans that have them.
	holdingStatus = 503
)

// DefaultHoldingPage is what strangers see while the edge is locked.
const DefaultHoldingPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex">` +
	`<meta name="viewport" content="width=device-width"><title>Not open yet</title></head>` +
	`<body style="font:1.1rem/1.6 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem">` +
	`<h1>Not open yet</h1><p>This service is being made ready. Please come back later.</p></body></html>`

// lock wants the rules that keep strangers out: one that blocks, and those that make its reply a holding page that says when to
// come back. Requests that carry the launch's secret pass, and so do those of certificate authorities.
func (d *desired) lock() {
	who := served{needed: true}
	var block []string
	pages, retry := map[string]*alike{}, map[int32]*alike{}
	for _, l := range d.in.Launches {
		hosts := d.lockedHosts(l)
		if len(hosts) == 0 {
			continue
		}
		d.want.Locked[l.LaunchID] = hosts
		locked := conditions(hosts, withoutSecret(l.Secret))
		block = append(block, locked...)
		who.add(l.LaunchID, hosts...)
		page, seconds := holding(l)
		gather(pages, page).add(l.LaunchID, hosts, locked)
		gather(retry, seconds).add(l.LaunchID, hosts, locked)
	}
	left := d.leftLocked()
	for _, name := range sortedKeys(left) {
		namespace, launch, _ := strings.Cut(name, "/")
		id, hosts := LaunchID{namespace, launch}, left[name]
		d.want.Locked[id] = hosts
		block = append(block, conditions(hosts, nil)...)
		who.add(id, hosts...)
	}
	d.add(PhaseCustomWAF, effectLock, who, chunks(block, " and "+notACME), Rule{Action: actionBlock}, "show strangers a holding page until launch")
	for _, page := range sortedKeys(pages) {
		d.add(PhaseErrors, effectHolding, pages[page].served, chunks(pages[page].conditions, refusedByWAF), Rule{
			Action: actionError, Parameters: parameters(map[string]any{"status_code": holdingStatus, "content_type": "text/html", "content": page}),
		}, "answer strangers 503 with the holding page")
	}
	for _, seconds := range sortedKeys(retry) {
		headers := map[string]any{
			"retry-after":   map[string]any{"operation": "set", "value": strconv.Itoa(int(seconds))},
			"cache-control": map[string]any{"operation": "set", "value": "no-store"},
		}
		d.add(PhaseResponseHeaders, effectRetryAfter, retry[seconds].served, chunks(retry[seconds].conditions, refusedByWAF),
			Rule{Action: actionRewrite, Parameters: parameters(map[string]any{"headers": headers})}, "say on the holding page when to come back")
	}
	who.needed = false
	d.rules(PhaseRequestHeaders, effectStrip, who, "", Rule{Action: actionRewrite, Parameters: parameters(map[string]any{
		"headers": map[string]any{LockHeader: map[string]any{"operation": "remove"}},
	})}, "keep the header "+LockHeader+" from the origin")
}

// refusedByWAF is a reply that the WAF gave. Custom errors apply to what it blocks where they ask for it by name
// (developers.cloudflare.com/ruleset-engine/rules-language/fields/reference/cf.response.error_type/).
const refusedByWAF = ` and cf.response.error_type eq "waf"`

// withoutSecret selects the requests that don't carry a launch's secret: all, where it has none.
func withoutSecret(secret string) []string {
	if secret == "" {
		return nil
	}
	return []string{`not any(http.request.headers["` + LockHeader + `"][*] eq ` + quoted(secret) + ")"}
}

// lockedHosts are the hosts of a launch that the ledger says are locked. One that it leaves stays locked as long as a record of ours
// leads there: the record goes first.
func (d *desired) lockedHosts(l Launch) []string {
	hosts := l.Hosts()
	if l.frozen() {
		return slices.DeleteFunc(hosts, func(h string) bool { return !d.covered(effectLock, h) })
	}
	var out []string
	for _, c := range d.in.Ledger.Claims {
		if c.Lock != LockHeld || c.Namespace != l.Namespace || c.Name != l.Name {
			continue
		}
		stays := l.enforces() && slices.Contains(hosts, c.Host)
		if stays || d.covered(effectLock, c.Host) && slices.ContainsFunc(d.records.addresses(c.Host), d.in.Marker.OwnsRecord) {
			out = append(out, c.Host)
		}
	}
	return out
}

// leftLocked are the locked hosts of launches that are no longer in the zone, and of which a record of ours still leads there: the record
// goes first, by whoever deletes it. Nobody passes.
func (d *desired) leftLocked() map[string][]string {
	left := map[string][]string{}
	for _, c := range d.in.Ledger.Claims {
		id := LaunchID{c.Namespace, c.Name}
		present := slices.ContainsFunc(d.in.Launches, func(l Launch) bool { return l.LaunchID == id })
		if c.Lock == LockHeld && !present && d.covered(effectLock, c.Host) && slices.ContainsFunc(d.records.addresses(c.Host), d.in.Marker.OwnsRecord) {
			left[id.String()] = append(left[id.String()], c.Host)
		}
	}
	return left
}

// alike are hosts that are dealt with alike.
type alike struct {
	served
	conditions []string
}

func (a *alike) add(l LaunchID, hosts, conditions []string) {
	a.served.add(l, hosts...)
	a.conditions = append(a.conditions, conditions...)
}

func gather[K comparable](by map[K]*alike, key K) *alike {
	if by[key] == nil {
		by[key] = &alike{}
	}
	return by[key]
}

func holding(l Launch) (page string, retryAfter int32) {
	page, retryAfter = DefaultHoldingPage, DefaultRetryAfterSeconds
	if h := l.cloudflare().HoldingPage; h != nil {
		if h.HTML != "" {
			page = h.HTML
		}
		if h.RetryAfterSeconds != nil {
			retryAfter = *h.RetryAfterSeconds
		}
	}
	return page, retryAfter
}
