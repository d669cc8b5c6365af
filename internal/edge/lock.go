// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strconv"

	"github.com/launchready/launchready/api/v1alpha1"
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
	var block []string
	var who served
	pages := map[string]*lockedHosts{}
	retry := map[int32]*lockedHosts{}
	for _, l := range d.in.Launches {
		hosts := d.lockedHosts(l)
		if len(hosts) == 0 {
			continue
		}
		d.want.Locked[l.LaunchID] = hosts
		condition := "(" + all(hostIn(hosts), `not any(http.request.headers["`+LockHeader+`"][*] eq `+quoted(l.Secret)+")") + ")"
		block = append(block, condition)
		who.add(l.LaunchID, hosts...)
		page, seconds := holding(l)
		gather(pages, page).add(l.LaunchID, hosts, condition)
		gather(retry, seconds).add(l.LaunchID, hosts, condition)
	}
	const words = "show strangers a holding page until launch"
	for i, expression := range chunks(block, " and "+notACME) {
		d.want.Rules[PhaseCustomWAF] = append(d.want.Rules[PhaseCustomWAF], WantRule{
			Rule: d.rule(effectLock, i, expression, actionBlock, nil, words),
			Area: v1alpha1.AreaWAF, Launches: who.launches, First: true, Words: words + " on " + listed(who.sorted()),
		})
	}
	d.lockPages(pages)
	d.lockRetry(retry)
	if len(who.hosts) > 0 {
		headers := map[string]any{"headers": map[string]any{LockHeader: map[string]any{"operation": "remove"}}}
		d.rules(PhaseRequestHeaders, effectStrip, v1alpha1.AreaHeaders, who, "", Rule{Action: actionRewrite, Parameters: parameters(headers)},
			"keep the header "+LockHeader+" from the origin")
	}
}

// lockedHosts are the hosts of a launch that the ledger says are locked.
func (d *desired) lockedHosts(l Launch) []string {
	if l.Leaving || l.Mode() != v1alpha1.EdgeEnforce {
		return nil
	}
	return slices.DeleteFunc(l.Hosts(), func(h string) bool {
		c := d.in.Ledger.claim(h)
		return c == nil || c.Lock != LockHeld
	})
}

// lockedHosts are hosts that are answered alike.
type lockedHosts struct {
	served
	conditions []string
}

func (h *lockedHosts) add(l LaunchID, hosts []string, condition string) {
	h.served.add(l, hosts...)
	h.conditions = append(h.conditions, condition)
}

func gather[K comparable](by map[K]*lockedHosts, key K) *lockedHosts {
	if by[key] == nil {
		by[key] = &lockedHosts{}
	}
	return by[key]
}

// lockPages wants a custom error for each page. Custom errors apply to what the WAF blocks where they ask for it by name
// (developers.cloudflare.com/ruleset-engine/rules-language/fields/reference/cf.response.error_type/).
func (d *desired) lockPages(pages map[string]*lockedHosts) {
	n := 0
	for _, page := range sortedKeys(pages) {
		h := pages[page]
		words := "answer strangers 503 with the holding page"
		for _, expression := range chunks(h.conditions, ` and cf.response.error_type eq "waf"`) {
			d.want.Rules[PhaseErrors] = append(d.want.Rules[PhaseErrors], WantRule{
				Rule: d.rule(effectHolding, n, expression, actionError,
					map[string]any{"status_code": holdingStatus, "content_type": "text/html", "content": page}, words),
				Area: v1alpha1.AreaHeaders, Launches: h.launches, Words: words + " on " + listed(h.sorted()),
			})
			n++
		}
	}
}

func (d *desired) lockRetry(retry map[int32]*lockedHosts) {
	n := 0
	for _, seconds := range sortedKeys(retry) {
		h := retry[seconds]
		words := "say on the holding page when to come back"
		headers := map[string]any{
			"retry-after":   map[string]any{"operation": "set", "value": strconv.Itoa(int(seconds))},
			"cache-control": map[string]any{"operation": "set", "value": "no-store"},
		}
		for _, expression := range chunks(h.conditions, ` and cf.response.error_type eq "waf"`) {
			d.want.Rules[PhaseResponseHeaders] = append(d.want.Rules[PhaseResponseHeaders], WantRule{
				Rule: d.rule(effectRetryAfter, n, expression, actionRewrite, map[string]any{"headers": headers}, words),
				Area: v1alpha1.AreaHeaders, Launches: h.launches, Words: words + " on " + listed(h.sorted()),
			})
			n++
		}
	}
}

// rule writes the n-th rule of an effect.
func (d *desired) rule(effect string, n int, expression, action string, params map[string]any, words string) Rule {
	r := Rule{Ref: d.in.Marker.RuleRef(effect), Description: "LaunchReady: " + words, Expression: expression, Action: action, Enabled: true}
	if n > 0 {
		r.Ref += "-" + strconv.Itoa(n+1)
	}
	if params != nil {
		r.Parameters = parameters(params)
	}
	return r
}

func holding(l Launch) (page string, retryAfter int32) {
	page, retryAfter = DefaultHoldingPage, DefaultRetryAfterSeconds
	if h := l.Spec.Cloudflare.HoldingPage; h != nil {
		if h.HTML != "" {
			page = h.HTML
		}
		if h.RetryAfterSeconds != nil {
			retryAfter = *h.RetryAfterSeconds
		}
	}
	return page, retryAfter
}
