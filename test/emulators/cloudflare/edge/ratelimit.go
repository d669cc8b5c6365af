// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

// rateLimit as in the API. Source: developers.cloudflare.com/waf/rate-limiting-rules/parameters/
type rateLimit struct {
	Characteristics    []string `json:"characteristics"`
	Period             int      `json:"period"`
	RequestsPerPeriod  int      `json:"requests_per_period"`
	MitigationTimeout  int      `json:"mitigation_timeout"`
	CountingExpression string   `json:"counting_expression"`
	RequestsToOrigin   bool     `json:"requests_to_origin"`

	counting *expression.Expression
	keys     []*expression.Expression
}

func readRateLimit(z *zone, in Rule) (*rateLimit, error) {
	l := &rateLimit{}
	if err := strictly(in.RateLimit, l); err != nil {
		return nil, err
	}
	switch {
	case l.Period <= 0 || l.RequestsPerPeriod <= 0 || l.MitigationTimeout < 0:
		return nil, fmt.Errorf("a rate limit needs period and requests_per_period")
	case !slices.Contains(l.Characteristics, "cf.colo.id"):
		return nil, fmt.Errorf("a rate limit's characteristics hold cf.colo.id")
	}
	plan := expression.Plan(z.Plan)
	for _, c := range l.Characteristics {
		key, err := expression.ParseValue(expression.PhaseRateLimitCharacteristic, plan, c)
		if err != nil {
			return nil, fmt.Errorf("characteristic %s: %w", c, err)
		}
		l.keys = append(l.keys, key)
	}
	if l.CountingExpression != "" {
		var err error
		if l.counting, err = expression.Parse(expression.PhaseRateLimitCounting, plan, l.CountingExpression); err != nil {
			return nil, fmt.Errorf("counting_expression: %w", err)
		}
	}
	return l, nil
}

// key of the counter that a request belongs to. A missing value counts apart from an empty one.
func (l *rateLimit) key(zone, rule string, r *expression.Request) (string, error) {
	parts := []string{zone, rule}
	for _, k := range l.keys {
		v, present, err := k.Value(r)
		if err != nil {
			return "", err
		}
		if present {
			v = strconv.Quote(v)
		}
		parts = append(parts, v)
	}
	return strings.Join(parts, "\x00"), nil
}

// limiter holds the counters of rate limits. A period begins with the first request that is counted in it.
type limiter struct {
	mu       sync.Mutex
	counters map[string]*counter
}

type counter struct {
	begun, until time.Time
	count        int
}

// at gives a counter, begun anew if its period or its mitigation is over.
func (l *limiter) at(key string, limit *rateLimit, now time.Time) *counter {
	if l.counters == nil {
		l.counters = map[string]*counter{}
	}
	c := l.counters[key]
	period := time.Duration(limit.Period) * time.Second
	over := c != nil && !now.Before(c.begun.Add(period)) && !now.Before(c.until) || c != nil && !c.until.IsZero() && !now.Before(c.until)
	if c == nil || over {
		c = &counter{begun: now}
		l.counters[key] = c
	}
	return c
}

func (l *limiter) count(key string, limit *rateLimit, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.at(key, limit, now)
	c.count++
	if c.count <= limit.RequestsPerPeriod || !c.until.IsZero() {
		return
	}
	c.until = now.Add(time.Duration(limit.MitigationTimeout) * time.Second)
	if limit.MitigationTimeout == 0 {
		// Requests are throttled: those over the limit are acted on until the period is over.
		c.until = c.begun.Add(time.Duration(limit.Period) * time.Second)
	}
}

// left is how long requests are still acted on; 0 if they are not.
func (l *limiter) left(key string, limit *rateLimit, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.at(key, limit, now).until.Sub(now), 0)
}

// rateLimits counts the request and acts on it where there were too many.
func (x *exchange) rateLimits() (*http.Response, error) {
	if x.skipped[string(expression.PhaseRateLimit)] {
		return nil, nil
	}
	for _, r := range x.z.rules[string(expression.PhaseRateLimit)] {
		reply, err := x.rateLimit(r)
		if err != nil {
			return nil, failed(r, err)
		}
		if reply != nil {
			return reply, nil
		}
	}
	return nil, nil
}

func (x *exchange) rateLimit(r *rule) (*http.Response, error) {
	if r.filterErr != nil {
		return nil, r.filterErr
	}
	matched, err := r.filter.Eval(x.view)
	if err != nil {
		return nil, err
	}
	if r.paramErr != nil {
		return nil, r.paramErr
	}
	key, err := r.limit.key(x.z.ID, r.ID, x.view)
	if err != nil {
		return nil, err
	}
	if err := x.countFor(r, key, matched); err != nil {
		return nil, err
	}
	left := x.e.limits.left(key, r.limit, x.now)
	if !matched || left == 0 {
		return nil, nil
	}
	x.event(r.phase, r.name(), r.Action, "")
	reply := x.act(r.Action, r.params.block, typeRateLimit)
	if reply != nil && r.Action == "block" {
		reply.Header.Set("Retry-After", seconds(left))
	}
	return reply, nil
}

// countFor counts a request at once, when it goes to the origin, or by its reply, as the rule says. A counting expression counts alone:
// "it will not automatically extend the rule matching expression".
func (x *exchange) countFor(r *rule, key string, matched bool) error {
	count := func() { x.e.limits.count(key, r.limit, x.now) }
	counting := r.limit.counting
	if counting != nil && counting.UsesResponse() {
		x.onReply = append(x.onReply, func() error {
			counted, err := counting.Eval(x.view)
			if counted {
				count()
			}
			return err
		})
		return nil
	}
	if counting != nil {
		var err error
		if matched, err = counting.Eval(x.view); err != nil {
			return err
		}
	}
	switch {
	case !matched:
	case r.limit.RequestsToOrigin:
		x.toOrigin = append(x.toOrigin, count)
	default:
		count()
	}
	return nil
}
