// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

func TestPaceIsBelowWhatTheChatTakes(t *testing.T) {
	for name, test := range map[string]struct {
		chat     *v1alpha1.Chat
		interval time.Duration
		deadline time.Duration // for eight questions, of at least 3 s each
	}{
		"no chat":            {nil, 0, 10*time.Minute + 24*time.Second},
		"no rate":            {&v1alpha1.Chat{}, 0, 10*time.Minute + 24*time.Second},
		"one a minute":       {&v1alpha1.Chat{RatePerMinute: ptr.To[int32](1)}, 75 * time.Second, 20 * time.Minute},
		"ten a minute":       {&v1alpha1.Chat{RatePerMinute: ptr.To[int32](10)}, 7500 * time.Millisecond, 11 * time.Minute},
		"a hundred a second": {&v1alpha1.Chat{RatePerMinute: ptr.To[int32](6000)}, 12500 * time.Microsecond, 10*time.Minute + 24*time.Second},
	} {
		app := &v1alpha1.App{Chat: test.chat}
		if got := ChatInterval(app); got != test.interval {
			t.Errorf("%s: a question each %s, want %s", name, got, test.interval)
		}
		if got := (Plan{Chats: 8}).Deadline(app); got != test.deadline {
			t.Errorf("%s: it has %s, want %s", name, got, test.deadline)
		}
	}
}
