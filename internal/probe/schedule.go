// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

const (
	// MaxAttempts is how many Jobs a measurement gets; after that its next due time counts.
	MaxAttempts = 3
	// MaxWait is how long somebody waits until the order is that of waiting and no longer that of age: else apps that never
	// get a verdict would stand first forever.
	MaxWait = time.Hour
)

// Waiting is a suite of an app that is due.
type Waiting struct {
	// Key is the app: the namespace and name of its launch.
	Key string
	// OldestVerdict is the oldest of the suite's verdicts; zero if there is none.
	OldestVerdict time.Time
	// Since is when it fell due.
	Since time.Time
	// Unmeasured says that there is no verdict, whatever OldestVerdict says.
	Unmeasured bool
}

// Running is a Job that has not ended.
type Running struct {
	Key string
}

// Next says whose Jobs may start now, in this order: one an app, and with those that run at most limit over all. The oldest
// verdict is first, and none at all is the oldest; whoever has waited longer than MaxWait is before all of these.
func Next(waiting []Waiting, running []Running, limit int, now time.Time) []string {
	room := limit - len(running)
	if room <= 0 {
		return nil
	}
	order := slices.Clone(waiting)
	slices.SortStableFunc(order, func(a, b Waiting) int { return compareWaiting(a, b, now) })
	busy := map[string]bool{}
	for _, r := range running {
		busy[r.Key] = true
	}
	var next []string
	for _, w := range order {
		if len(next) == room {
			break
		}
		if !busy[w.Key] {
			busy[w.Key] = true
			next = append(next, w.Key)
		}
	}
	return next
}

func compareWaiting(a, b Waiting, now time.Time) int {
	overdue := func(w Waiting) bool { return now.Sub(w.Since) > MaxWait }
	switch oa, ob := overdue(a), overdue(b); {
	case oa && ob:
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Key, b.Key))
	case oa:
		return -1
	case ob:
		return 1
	}
	oldest := func(w Waiting) time.Time {
		if w.Unmeasured {
			return time.Time{}
		}
		return w.OldestVerdict
	}
	return cmp.Or(oldest(a).Compare(oldest(b)), a.Since.Compare(b.Since), cmp.Compare(a.Key, b.Key))
}

// Backoff says how long to wait after so many attempts have failed. After MaxAttempts there is no other one, and the
// measurement waits until it is due again.
func Backoff(attempts int) (wait time.Duration, again bool) {
	switch {
	case attempts <= 0:
		return 0, true
	case attempts >= MaxAttempts:
		return 0, false
	}
	// 30 s, 2 min: long enough for a node or a registry to come back, short enough for whoever watches the first run.
	return 30 * time.Second << (2 * (attempts - 1)), true
}

// Jitter spreads what is due at the same time: a part of the period, the same each time for the same key.
func Jitter(key string, period time.Duration) time.Duration {
	if period <= 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(key))
	return time.Duration(binary.BigEndian.Uint64(sum[:8]) % uint64(period)) //nolint:gosec // It is below period.
}
