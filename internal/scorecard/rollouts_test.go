// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/api/v1alpha1"
)

// running gives a revision: "c" is configuration c without digests, "c:d" the same with digest d.
func running(name string) Revision {
	configuration, digest, resolved := strings.Cut(name, ":")
	if !resolved {
		return Revision{Hash: configuration, Configuration: configuration}
	}
	return Revision{Hash: name, Configuration: configuration, Images: []string{digest}, Resolved: true}
}

func TestSeenRollouts(t *testing.T) {
	for _, test := range []struct {
		name string
		runs []string
		want string
	}{
		{"none is known", []string{""}, ""},
		{"a first one", []string{"a:1"}, "a:1@0"},
		{"the same again", []string{"a:1", "a:1", "a:1"}, "a:1@0"},
		{"its digests become known", []string{"a", "a:1"}, "a:1@0"},
		{"scaled to zero", []string{"a:1", "a", "a:1"}, "a:1@0"},
		{"not to be read for a moment", []string{"a:1", "", "a:1"}, "a:1@0"},
		{"a tag that moved", []string{"a:1", "a:2"}, "a:2@1 a:1@0"},
		{"another configuration", []string{"a:1", "b", "b:1"}, "b:1@1 a:1@0"},
		{"back again", []string{"a:1", "b:1", "a:1"}, "a:1@2 b:1@1 a:1@0"},
		{
			"more than there is room for",
			[]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"},
			"l@11 i@8 h@7 g@6 f@5 e@4 d@3 c@2 b@1 a@0",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var rollouts []v1alpha1.Rollout
			for i, name := range test.runs {
				before := fmt.Sprint(rollouts)
				next := seen(rollouts, running(name), start.Add(time.Duration(i)*time.Second))
				if fmt.Sprint(rollouts) != before {
					t.Fatal("the previous status was written to")
				}
				rollouts = next
			}
			if got := told(rollouts); got != test.want {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
}

func told(rollouts []v1alpha1.Rollout) string {
	var parts []string
	for _, r := range rollouts {
		parts = append(parts, fmt.Sprintf("%s@%d", r.Revision, int(r.At.Sub(start).Seconds())))
	}
	return strings.Join(parts, " ")
}

// history gives rollouts, newest first, a second apart.
func history(revisions ...string) []v1alpha1.Rollout {
	rollouts := make([]v1alpha1.Rollout, 0, len(revisions))
	for i, r := range revisions {
		rollouts = append(rollouts, v1alpha1.Rollout{Revision: r, Configuration: "c" + r, At: metav1.NewTime(start.Add(time.Duration(len(revisions)-1-i) * time.Second))})
	}
	return rollouts
}

func TestFirstRolloutAfterARevision(t *testing.T) {
	rollouts := history("c", "b", "a")
	for revision, want := range map[string]time.Time{
		"a": start.Add(time.Second), "b": start.Add(2 * time.Second), "c": {}, "unheard of": {},
	} {
		if got := firstAfter(rollouts, revision); !got.Equal(want) {
			t.Errorf("after %q: want %s, got %s", revision, want, got)
		}
	}
	if got := firstAfter(history("c", "a", "b", "a"), "a"); !got.Equal(start.Add(3 * time.Second)) {
		t.Errorf("after a rollback the newer of two counts, got %s", got)
	}
}

func TestRolloutsThatNobodyAsksForAreDropped(t *testing.T) {
	on := func(revisions ...string) (measurements []v1alpha1.Measurement) {
		for _, r := range revisions {
			measurements = append(measurements, v1alpha1.Measurement{Revision: r})
		}
		return measurements
	}
	for _, test := range []struct {
		name     string
		measured []v1alpha1.Measurement
		want     string
	}{
		{"all rows on the newest", on("c", "c"), "c"},
		{"one row behind", on("c", "b"), "c b"},
		{"one row never measured", on("c", ""), "c b a"},
		{"one row on a revision that is gone", on("c", "z"), "c"},
		{"no row", nil, "c"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, r := range trimmed(history("c", "b", "a"), test.measured) {
				got = append(got, r.Revision)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
	if got := trimmed(nil, nil); len(got) != 0 {
		t.Errorf("want none, got %v", got)
	}
}

func TestScaleToZeroKeepsVerdictsFresh(t *testing.T) {
	w := launchedWorld(t)
	w.Revision = Revision{Hash: w.Revision.Configuration, Configuration: w.Revision.Configuration}
	w.at(time.Minute).same(w.pass(secretsSafe), w.pass(rollbackReady))
}

func TestRollbackToTheMeasuredRevisionIsFreshAtOnce(t *testing.T) {
	w := launchedWorld(t)
	w.rollOut("r2")
	w.at(time.Minute).score()
	w.is("SecretsSafe True Passed", "Launchable True KeepingLastState")
	w.rollOut("r1")
	w.at(2 * time.Minute).score()
	w.is("SecretsSafe True Passed", "Launchable True AllRowsPass")
	if since := w.measurement(secretsSafe).UnmeasuredSince; !since.IsZero() {
		t.Errorf("unmeasured since %s", since)
	}
}

// The window runs from the first rollout that the suite did not measure, not from the suite's end.
func TestASuiteThatEndsOnItsRevisionMovesTheWindowOnToTheNext(t *testing.T) {
	w := launchedWorld(t)
	for i := 2; i <= 4; i++ {
		w.rollOut(fmt.Sprintf("r%d", i))
		w.at(time.Duration(i) * 10 * time.Minute).keep()
	}
	if since := w.measurement(secretsSafe).UnmeasuredSince; !since.Time.Equal(start.Add(20 * time.Minute)) {
		t.Errorf("before: unmeasured since %s", since)
	}
	w.at(42 * time.Minute).keep(on("r2", w.pass(secretsSafe)))
	if since := w.measurement(secretsSafe).UnmeasuredSince; !since.Time.Equal(start.Add(30 * time.Minute)) {
		t.Errorf("after: unmeasured since %s", since)
	}
}
