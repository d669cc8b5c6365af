// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestWhoIsNext(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	for name, test := range map[string]struct {
		waiting []Waiting
		running []Running
		limit   int
		want    []string
	}{
		"nobody": {nil, nil, 3, nil},
		"the oldest verdict": {
			[]Waiting{{Key: "a", OldestVerdict: ago(time.Hour)}, {Key: "b", OldestVerdict: ago(2 * time.Hour)}, {Key: "c"}},
			nil, 3,
			[]string{"c", "b", "a"},
		},
		"no verdict, whatever its time": {
			[]Waiting{{Key: "a", OldestVerdict: ago(48 * time.Hour)}, {Key: "b", OldestVerdict: noon, Unmeasured: true}},
			nil, 1,
			[]string{"b"},
		},
		"of the same age, who waits longer": {
			[]Waiting{{Key: "a", Since: ago(time.Minute)}, {Key: "b", Since: ago(2 * time.Minute)}},
			nil, 3,
			[]string{"b", "a"},
		},
		"of the same wait, by name": {[]Waiting{{Key: "b"}, {Key: "a"}}, nil, 3, []string{"a", "b"}},
		"who has waited too long": {
			[]Waiting{{Key: "a"}, {Key: "b", OldestVerdict: ago(time.Minute), Since: ago(2 * MaxWait)}, {Key: "c", OldestVerdict: noon, Since: ago(3 * MaxWait)}},
			nil, 3,
			[]string{"c", "b", "a"},
		},
		"one an app":               {[]Waiting{{Key: "a"}, {Key: "a"}, {Key: "b"}}, []Running{{Key: "b"}}, 5, []string{"a"}},
		"up to the limit":          {[]Waiting{{Key: "a"}, {Key: "b"}, {Key: "c"}}, []Running{{Key: "x"}, {Key: "y"}}, 4, []string{"a", "b"}},
		"the limit has been lower": {[]Waiting{{Key: "a"}}, []Running{{Key: "x"}, {Key: "y"}}, 1, nil},
		"no probes at all":         {[]Waiting{{Key: "a"}}, nil, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range test.waiting {
				if test.waiting[i].Since.IsZero() {
					test.waiting[i].Since = noon
				}
			}
			if diff := cmp.Diff(test.want, Next(test.waiting, test.running, test.limit, noon)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNextKeepsToItsLimits(t *testing.T) {
	key := rapid.SampledFrom([]string{"a/a", "a/b", "b/a", "b/b", "c/a"})
	at := rapid.Custom(func(t *rapid.T) time.Time {
		return noon.Add(-time.Duration(rapid.IntRange(0, 300).Draw(t, "ago")) * time.Minute)
	})
	rapid.Check(t, func(t *rapid.T) {
		waiting := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Waiting {
			return Waiting{Key: key.Draw(t, "key"), OldestVerdict: at.Draw(t, "verdict"), Since: at.Draw(t, "since"), Unmeasured: rapid.Bool().Draw(t, "unmeasured")}
		})).Draw(t, "waiting")
		running := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Running { return Running{Key: key.Draw(t, "key")} })).Draw(t, "running")
		limit := rapid.IntRange(-1, 6).Draw(t, "limit")
		got := Next(waiting, running, limit, noon)
		if len(got) > 0 && len(got)+len(running) > limit {
			t.Errorf("%d start beside %d, and the limit is %d", len(got), len(running), limit)
		}
		apps := map[string]bool{}
		for _, r := range running {
			apps[r.Key] = true
		}
		for _, k := range got {
			if apps[k] {
				t.Errorf("%s has two Jobs", k)
			}
			apps[k] = true
		}
		left := slices.ContainsFunc(waiting, func(w Waiting) bool { return !apps[w.Key] })
		if left && len(got)+len(running) < limit {
			t.Error("there was room, and somebody was left waiting")
		}
		shuffled := slices.Clone(waiting)
		rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed"))).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if diff := cmp.Diff(got, Next(shuffled, running, limit, noon)); diff != "" {
			t.Errorf("it depends on the order of those who wait:\n%s", diff)
		}
	})
}

// A world in which some apps never get a verdict, and so would always be the oldest: everybody else is served all the same.
func TestNobodyStarves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		apps := rapid.IntRange(1, 30).Draw(t, "apps")
		limit := rapid.IntRange(1, 4).Draw(t, "limit")
		broken := rapid.IntRange(0, apps).Draw(t, "broken")
		const tick = 5 * time.Minute // Each Job takes one.
		waiting := make([]Waiting, apps)
		for i := range waiting {
			waiting[i] = Waiting{Key: fmt.Sprintf("app-%02d", i), Since: noon, Unmeasured: i < broken, OldestVerdict: noon}
		}
		bound := MaxWait + tick*time.Duration(2*apps/limit+2)
		for now := noon; now.Before(noon.Add(24 * time.Hour)); now = now.Add(tick) {
			for i := range waiting {
				if w := now.Sub(waiting[i].Since); w > bound {
					t.Fatalf("%s has waited %s of at most %s", waiting[i].Key, w, bound)
				}
			}
			for _, k := range Next(waiting, nil, limit, now) {
				i := slices.IndexFunc(waiting, func(w Waiting) bool { return w.Key == k })
				// It falls due again at once, which is as bad as it gets.
				waiting[i].Since = now.Add(tick)
				if !waiting[i].Unmeasured {
					waiting[i].OldestVerdict = now
				}
			}
		}
	})
}

func TestAttemptsEnd(t *testing.T) {
	var waits []time.Duration
	attempts := 0
	for {
		wait, again := Backoff(attempts)
		if !again {
			break
		}
		waits = append(waits, wait)
		attempts++
	}
	if diff := cmp.Diff([]time.Duration{0, 30 * time.Second, 2 * time.Minute}, waits); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJitterSpreadsAndStays(t *testing.T) {
	var early, late int
	for i := range 1000 {
		key := fmt.Sprintf("shop/app-%d", i)
		j := Jitter(key, time.Hour)
		if j < 0 || j >= time.Hour || j != Jitter(key, time.Hour) {
			t.Fatalf("%s: %s", key, j)
		}
		if j < 30*time.Minute {
			early++
		} else {
			late++
		}
	}
	if early < 400 || late < 400 {
		t.Errorf("%d early and %d late", early, late)
	}
	if Jitter("a", 0) != 0 || Jitter("a", -time.Second) != 0 {
		t.Error("a period of nothing has a part")
	}
}
