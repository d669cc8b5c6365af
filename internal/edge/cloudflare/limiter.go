// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"

	"github.com/launchready/launchready/internal/edge"
)

// Cloudflare takes 1,200 requests in 5 minutes from a user, the dashboard and other tokens included, and blocks all calls for
// 5 minutes after that. Source: developers.cloudflare.com/fundamentals/api/reference/limits/
// A token of ours takes half of it: a burst, and what is refilled in the window.
const (
	quotaWindow = 5 * time.Minute
	quota       = 1200 / 2
	// burst is enough for a first look at four zones.
	burst = 60
	// perSecond keeps burst and refill of one window within the quota.
	perSecond = float64(quota-burst) / float64(quotaWindow/time.Second)
	// blockedFor is how long Cloudflare blocks, where its reply doesn't say.
	blockedFor = 5 * time.Minute
	// maxBlocked bounds what a reply may ask for: a mistaken date must not stop us for years.
	maxBlocked = time.Hour
)

var (
	errHeldBack = errors.New("calls with this token are held back, as Cloudflare asked for")
	errTooBusy  = errors.New("too many calls with this token are waiting")
)

// limiter is the budget of calls of one token.
type limiter struct {
	clock clock.Clock
	rate  *rate.Limiter

	mu sync.Mutex
	// until is when Cloudflare takes calls again.
	until time.Time
}

func newLimiter(c clock.Clock) *limiter {
	return &limiter{clock: c, rate: rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// wait waits for leave to send one request. It fails at once while Cloudflare blocks the token, and where the turn would come
// only after the context's deadline.
func (l *limiter) wait(ctx context.Context) *edge.APIError {
	if err := ctx.Err(); err != nil {
		return &edge.APIError{Kind: edge.KindTransient, Err: err}
	}
	if left := l.blocked(); left > 0 {
		return &edge.APIError{Kind: edge.KindRateLimit, RetryAfter: left, Err: errHeldBack}
	}
	now := l.clock.Now()
	turn := l.rate.ReserveN(now, 1)
	delay := turn.DelayFrom(now)
	if delay == 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < delay {
		turn.CancelAt(now)
		return &edge.APIError{Kind: edge.KindRateLimit, RetryAfter: delay, Err: errTooBusy}
	}
	timer := l.clock.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		turn.CancelAt(l.clock.Now())
		return &edge.APIError{Kind: edge.KindTransient, Err: ctx.Err()}
	case <-timer.C():
	}
	// Cloudflare may have blocked the token while we waited.
	if left := l.blocked(); left > 0 {
		return &edge.APIError{Kind: edge.KindRateLimit, RetryAfter: left, Err: errHeldBack}
	}
	return nil
}

// blocked says for how long Cloudflare still blocks the token.
func (l *limiter) blocked() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until.Sub(l.clock.Now())
}

// block holds all further calls back.
func (l *limiter) block(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.clock.Now().Add(d); until.After(l.until) {
		l.until = until
	}
}
