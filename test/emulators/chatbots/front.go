// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

var suspicious = regexp.MustCompile(`(?i)\.\.|;|//|%2e|%2f|%00`)

// filtered answers suspicious requests, as a web application firewall in front would (oddity waf-403).
func (a *App) filtered(w http.ResponseWriter, r *http.Request) bool {
	if !a.odd(WAF403) {
		return false
	}
	bad := suspicious.MatchString(r.URL.EscapedPath())
	for _, name := range []string{"X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "X-Forwarded-For", "X-Real-Ip"} {
		bad = bad || r.Header.Get(name) != ""
	}
	if !bad {
		return false
	}
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.Header().Set("Server", "edge")
	w.WriteHeader(http.StatusForbidden)
	_, _ = fmt.Fprint(w, "<!DOCTYPE html><title>Attention Required!</title><h1>Sorry, you have been blocked</h1>\n")
	return true
}

// limiter counts the requests of each address in the current second.
type limiter struct {
	mu     sync.Mutex
	second int64
	counts map[string]int
}

// limited answers an address that asks too much (oddity rate-limit).
func (a *App) limited(w http.ResponseWriter, r *http.Request) bool {
	if !a.odd(RateLimit) {
		return false
	}
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	l := &a.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if second := a.now().Unix(); second != l.second || l.counts == nil {
		l.second, l.counts = second, map[string]int{}
	}
	l.counts[address]++
	if l.counts[address] <= a.cfg.RequestsPerSecond {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = fmt.Fprintln(w, `{"error":{"code":"rate_limited","message":"slow down"}}`)
	return true
}

// waited takes its time (oddity slow-replies), and tells whether the client still waits.
func (a *App) waited(r *http.Request) bool {
	if !a.odd(SlowReplies) {
		return true
	}
	//nolint:gosec // a delay guards nothing
	timer := time.NewTimer(100*time.Millisecond + rand.N(200*time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// thought takes the second that the first piece of a reply takes under the defence bot-slow-first-token, and tells whether
// the client still waits.
func (*App) thought(ctx context.Context) bool {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fetchByHTTP gets what is at an address, as an app does that follows every link.
func fetchByHTTP(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	return res.Body.Close()
}

// LookUp looks a name up at a server, or where that is empty by the machine's own resolver.
func LookUp(ctx context.Context, name, server string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	resolver := net.DefaultResolver
	if server != "" {
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server)
		}}
	}
	if _, err := resolver.LookupNetIP(ctx, "ip4", name+"."); err != nil { // the dot keeps search lists out
		return fmt.Errorf("lookup: %w", err)
	}
	return nil
}

// cacheLife is how long the cache in front keeps a reply.
const cacheLife = time.Minute

// cache keeps replies by their path, for the weaknesses that put it in front.
type cache struct {
	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	header http.Header
	body   []byte
	until  time.Time
}

var cacheable = regexp.MustCompile(`^/api/(?:me|(?:conversations|documents)(?:/[^/]+)?)$`)

// cached answers from the cache, or by next, whose good replies it keeps. A change of a path empties it there.
func (a *App) cached(w http.ResponseWriter, r *http.Request, next http.Handler) {
	path := r.URL.EscapedPath()
	if !(a.weak(CachedReplies) && cacheable.MatchString(path) || a.weak(CachedRepliesStaticSuffix) && staticSuffix.MatchString(path)) {
		next.ServeHTTP(w, r)
		return
	}
	c := &a.cache
	if r.Method != http.MethodGet {
		c.mu.Lock()
		delete(c.kept, path)
		c.mu.Unlock()
		next.ServeHTTP(w, r)
		return
	}
	c.mu.Lock()
	hit, ok := c.kept[path]
	c.mu.Unlock()
	if !ok || a.now().After(hit.until) {
		fresh := &recorded{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(fresh, r)
		if fresh.status != http.StatusOK {
			w.WriteHeader(fresh.status)
			_, _ = w.Write(fresh.body.Bytes())
			return
		}
		hit = kept{header: maps.Clone(w.Header()), body: fresh.body.Bytes(), until: a.now().Add(cacheLife)}
		for _, name := range []string{"X-Request-Id", "X-REQUEST-ID", "Set-Cookie"} {
			delete(hit.header, name)
		}
		c.mu.Lock()
		if c.kept == nil {
			c.kept = map[string]kept{}
		}
		c.kept[path] = hit
		c.mu.Unlock()
		w.Header().Set("X-Cache", "MISS")
	} else {
		w.Header().Set("X-Cache", "HIT")
	}
	maps.Copy(w.Header(), hit.header)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(hit.body)
}

// recorded is a reply that is held back.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header            { return r.header }
func (r *recorded) WriteHeader(status int)         { r.status = status }
func (r *recorded) Write(data []byte) (int, error) { return r.body.Write(data) }

// home, healthz and version need no login.

func (a *App) healthz(c *call) error { return a.json(c, http.StatusOK, fields{"status": "ok"}) }

func (a *App) version(c *call) error {
	return a.json(c, http.StatusOK, fields{"version": a.cfg.Version, "name": strings.ToLower(issuer)})
}
