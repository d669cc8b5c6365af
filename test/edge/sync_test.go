// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"testing"
	"time"

	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare"
)

const app = `
domains:
  canonical: app.example.com
  hosts: [api.example.com]
  redirects: [example.com, www.example.com]
  origin: {addresses: [203.0.113.7]}
cloudflare:
  zone: example.com
  apiTokenSecretRef: {name: cloudflare, key: token}
  mode: Enforce
app:
  login:
    steps:
    - request: {method: POST, path: /login, form: {password: $(credentials.password)}}
  chat:
    request: {method: POST, path: /api/chat, json: {message: $(prompt)}}
    reply: response.json.reply
    ratePerMinute: 30
gate: {mode: Enforce, edge: LockedUntilLaunched}
`

func TestANewAppIsSetUpLockedAndOpenedByItsLaunch(t *testing.T) {
	r := newRig(t, cloudflare.Pro)
	lr := r.launch("chat", app)
	r.sync()
	for _, host := range []string{"app.example.com", "api.example.com", "example.com", "www.example.com"} {
		records := r.records(host)
		if len(records) == 0 || !records[0].Proxied {
			t.Errorf("records of %s: %+v", host, records)
		}
	}
	for _, want := range []struct {
		phase  edge.Phase
		effect string
	}{
		{edge.PhaseCustomWAF, "lock"},
		{edge.PhaseCustomWAF, "waf"},
		{edge.PhaseErrors, "holding"},
		{edge.PhaseRedirect, "https"},
		{edge.PhaseConfig, "tls"},
		{edge.PhaseManagedWAF, "managed"},
		{edge.PhaseRateLimit, "rate"},
		{edge.PhaseRateLimit, "rate-2"},
		{edge.PhaseCache, "files"},
		{edge.PhaseCache, "private"},
	} {
		if r.rule(want.phase, want.effect) == nil {
			t.Errorf("no rule %s in %s", want.effect, want.phase)
		}
	}
	r.cloudflare.ResetCalls()
	r.later(2 * time.Minute)
	r.sync()
	if w := r.writes(); len(w) > 0 {
		t.Errorf("a zone that is as wanted was written: %v", w)
	}
	r.launched(lr)
	r.sync()
	if r.rule(edge.PhaseCustomWAF, "lock") != nil || r.rule(edge.PhaseErrors, "holding") != nil {
		t.Error("the launch did not lift the lock")
	}
	if v := r.cloudflare.Violations(); len(v) > 0 {
		t.Errorf("requests that Cloudflare's description doesn't allow: %v", v)
	}
}
