// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/launchready/launchready/internal/detect/logmark"
)

// requests is how many requests of a run carry markers.
const requests = 20

var seed = []byte("a nonce of thirty-two characters")

func markers(t testing.TB) logmark.Markers {
	t.Helper()
	m, err := logmark.NewMarkers(seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func searcher(t testing.TB) *logmark.Searcher {
	t.Helper()
	s, err := logmark.NewSearcher(markers(t), requests)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ordinary gives log text as apps write it, without a marker: JSON, logfmt, access logs, klog, traces, other addresses, identifiers,
// card numbers and base64. It is the same every time.
func ordinary(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	uuid := func() string {
		b := noise(16)
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	}
	lines := []func() string{
		func() string {
			return fmt.Sprintf(`{"time":"2026-11-26T21:%02d:%02d.123Z","level":"info","msg":"request","method":"POST","path":"/api/chat","status":200,"duration":%.6f,"request_id":"%s","trace_id":"%x","user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"}`, r.IntN(60), r.IntN(60), r.Float64(), uuid(), noise(16))
		},
		func() string {
			return fmt.Sprintf(`10.0.%d.%d - - [26/Nov/2026:21:%02d:07 +0000] "GET /api/conversations/%s?limit=20 HTTP/1.1" 200 %d "https://chat.example.org/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"`, r.IntN(256), r.IntN(256), r.IntN(60), uuid(), r.IntN(90000))
		},
		func() string {
			return fmt.Sprintf(`ts=2026-11-26T21:00:%02dZ level=debug caller=store.go:%d msg="select took %dms" rows=%d user=user%d@example.com`, r.IntN(60), r.IntN(900), r.IntN(99), r.IntN(1000), r.IntN(1000000))
		},
		func() string {
			return fmt.Sprintf(`I1126 21:00:%02d.%06d       1 controller.go:%d] "Reconciled" object="shop/chat-%d" duration="%dms"`, r.IntN(60), r.IntN(1000000), r.IntN(900), r.IntN(100), r.IntN(900))
		},
		func() string {
			return fmt.Sprintf("\tat com.example.shop.ChatController.handle(ChatController.java:%d)", r.IntN(900))
		},
		func() string {
			return fmt.Sprintf(`{"level":"debug","body":"%s","sig":"%x"}`, base64.StdEncoding.EncodeToString(noise(120)), noise(32))
		},
		func() string {
			return fmt.Sprintf("paid with 400000%010d, order %d, bytes %v", r.Int64N(10000000000), r.Int64(), noise(24))
		},
	}
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(lines[r.IntN(len(lines))]() + "\n")
	}
	return []byte(b.String()[:size])
}

// endless gives a text over and over, up to a size.
type endless struct {
	text []byte
	at   int
	left int64
}

func (e *endless) Read(b []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(int64(len(b)), e.left)], e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	e.left -= int64(n)
	return n, nil
}

func BenchmarkSearch(b *testing.B) {
	const size = 16 << 20
	for name, text := range map[string][]byte{
		"ordinary": ordinary(size), "every hundredth line leaks": leaking(b, size),
		// What looks most like encoded markers.
		"bytes as numbers": []byte(strings.Repeat(fmt.Sprintf("%d\n", []byte("abcdefghjkmnpqrstuvwxyz23456789 bcaedf")), size/128)),
		"escapes":          []byte(strings.Repeat(each("abcdefghjkmnpqrstuvwxyz23456789 bcaedf", `\u%04x`)+"\n", size/240)),
		"bits":             []byte(strings.Repeat(each("abcdefghjkmnpqrstuvwxyz23456789 bcaedf", "%08b")+"\n", size/300)),
		"base64":           []byte(strings.Repeat(base64.StdEncoding.EncodeToString(ordinary(1<<20)), size>>20)),
	} {
		b.Run(name, func(b *testing.B) {
			s := searcher(b)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Search(b.Context(), &endless{text: text, left: int64(len(text))}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// leaking is a log in which every hundredth line has a marker.
func leaking(t testing.TB, size int) []byte {
	lines := strings.SplitAfter(string(ordinary(size)), "\n")
	all := markers(t).All()
	for i := 0; i < len(lines); i += 100 {
		lines[i] = fmt.Sprintf(`{"level":"debug","headers":{"authorization":%q}}`+"\n", all[i/100%len(all)].Value)
	}
	return []byte(strings.Join(lines, ""))
}

// BenchmarkSearch1GB searches a gigabyte once, and tells what lived on the heap meanwhile.
func BenchmarkSearch1GB(b *testing.B) {
	s, text := searcher(b), ordinary(16<<20)
	const size = 1 << 30
	b.SetBytes(size)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		seen, err := s.Search(context.Background(), &endless{text: text, left: size})
		runtime.ReadMemStats(&after)
		if err != nil || len(seen.Leaks) > 0 || seen.Bytes != size {
			b.Fatal(err, seen)
		}
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/1024, "KiB-allocated")
	}
}

func BenchmarkNewSearcher(b *testing.B) {
	m := markers(b)
	for b.Loop() {
		if _, err := logmark.NewSearcher(m, requests); err != nil {
			b.Fatal(err)
		}
	}
}
