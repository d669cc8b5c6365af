// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/netguard"
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
	base, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	guard, err := netguard.New(netguard.Options{Proven: []netip.AddrPort{netip.MustParseAddrPort(base.Host)}})
	if err != nil {
		b.Fatal(err)
	}
	target := &httpstep.Target{Base: base, Host: "app.example.com", Transport: guard.Transport(), Timeout: 10 * time.Second, UserAgent: "LaunchReady/test", Run: "test"}
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
