// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge_test

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/launchready/launchready/test/emulators/cloudflare/edge"
)

// BenchmarkEdge is a request over TLS through ten rules to an origin on loopback.
func BenchmarkEdge(b *testing.B) {
	for name, managedRules := range map[string]bool{"custom": false, "with the Core Rule Set": true} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, zone())
			r.settings("ssl", `"flexible"`)
			var rules []edge.Rule
			for i := range 8 {
				rules = append(rules, on(fmt.Sprintf(
					`http.host in {"app.example.com" "x.example.com"} and starts_with(http.request.uri.path, "/private%d/") and not any(http.request.headers["x-key"][*] eq "s")`, i), "block", ""))
			}
			r.rules(custom, rules...)
			r.rules(limits, limit(`http.request.uri.path eq "/login"`, "block",
				`{"characteristics": ["cf.colo.id", "ip.src"], "period": 10, "requests_per_period": 5, "mitigation_timeout": 10}`))
			r.rules("http_response_headers_transform", on("ssl", "rewrite", `{"headers": {"x-frame-options": {"operation": "set", "value": "DENY"}}}`))
			if managedRules {
				r.rules(managed, on("true", "execute", `{"id": "efb7b8c949ac4650a09736fc376e9aee"}`))
			}
			r.get(app+"/").want(b, "warming up", 200)
			var wrong atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, app+"/page?a=b", http.NoBody)
					if err != nil {
						wrong.Add(1)
						continue
					}
					resp, err := r.client.Do(req)
					if err != nil {
						wrong.Add(1)
						continue
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						wrong.Add(1)
					}
				}
			})
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			if n := wrong.Load(); n > 0 {
				b.Errorf("%d requests went wrong", n)
			}
		})
	}
}
