// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/netguard"
	"github.com/launchready/launchready/internal/probe/suites/injection"
	"github.com/launchready/launchready/test/emulators/chatbots"
)

// maxMemory is what a probe may hold: half of its container's limit.
const maxMemory = 64 << 20

// peak gives the heap in use now, before anything is collected.
func peak(b *testing.B) float64 {
	b.Helper()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapInuse > maxMemory {
		b.Errorf("%d MiB are in use", stats.HeapInuse>>20)
	}
	return float64(stats.HeapInuse) / (1 << 20)
}

// BenchmarkAccess runs the whole suite against the emulated chatbot, which shares the process and its memory.
func BenchmarkAccess(b *testing.B) {
	requests, most := 0, 0.0
	for b.Loop() {
		r := newRig(b, chatbots.Config{})
		r.wire.silent = true
		r.access(b, described(b))
		requests += r.target.Budget.Spent()
		most = max(most, peak(b))
	}
	b.ReportMetric(float64(requests)/float64(b.N), "requests/op")
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/op")
	b.ReportMetric(most, "MiB")
}

// BenchmarkProbe sends requests one after another to a server that answers at once.
func BenchmarkProbe(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"id":"7","title":"a note"}`))
	}))
	defer server.Close()
	target := bare(b, server.URL)
	request := httpstep.Request{Method: http.MethodGet, Path: "/api/notes/7", Header: http.Header{"Authorization": {"Bearer x"}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := target.Send(b.Context(), request, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(peak(b), "MiB")
}

// BenchmarkAttacks runs the suite injection against a chatbot that answers at once, and keeps nothing.
func BenchmarkAttacks(b *testing.B) {
	handshake, err := injection.NewHandshake(canarySeed)
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Message string }
		_ = json.NewDecoder(r.Body).Decode(&asked) // of the suite
		reply := "I am the assistant of a shop for bicycles, and glad to help you with orders, repairs and returns. What would you like to know?"
		if asked.Message == handshake.Ask {
			reply = handshake.Answer
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"reply": reply, "conversation": "7"}) // to the suite
	}))
	defer server.Close()
	all, err := catalogue()
	if err != nil {
		b.Fatal(err)
	}
	app := &v1alpha1.App{Absent: []v1alpha1.AppFeature{v1alpha1.FeatureTools}, Chat: asked(b, described(b), injected).Chat}
	app.Chat.Sources = nil // nobody is there to write any
	app.Chat.Tools = nil
	target := bare(b, server.URL)
	attacks, most := 0, 0.0
	for b.Loop() {
		result := injection.Run(b.Context(), injection.Options{App: app, Target: target, Seed: canarySeed, Catalogue: all})[0]
		if result.Verdict != v1alpha1.VerdictPass {
			b.Fatal(told(result))
		}
		attacks += int(result.Cases)
		most = max(most, peak(b))
	}
	b.ReportMetric(float64(attacks)/b.Elapsed().Seconds(), "attacks/s")
	b.ReportMetric(most, "MiB")
}

// bare gives a target that leads to a server, without a budget.
func bare(b *testing.B, address string) *httpstep.Target {
	b.Helper()
	base, err := url.Parse(address)
	if err != nil {
		b.Fatal(err)
	}
	guard, err := netguard.New(netguard.Options{Proven: []netip.AddrPort{netip.MustParseAddrPort(base.Host)}})
	if err != nil {
		b.Fatal(err)
	}
	return &httpstep.Target{Base: base, Host: "app.example.com", Transport: guard.Transport(), Timeout: 10 * time.Second, UserAgent: "LaunchReady/test", Run: "test"}
}
