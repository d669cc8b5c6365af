// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

// cachedExtensions are cached by default, and /robots.txt.
// Source: developers.cloudflare.com/cache/concepts/, "Default cached file extensions"
var cachedExtensions = strings.Fields(`7z csv gif midi png tif zip avi doc gz mkv ppt tiff zst avif docx ico mp3 pptx ttf apk dmg iso mp4
	ps webm bin ejs jar ogg rar webp bmp eot jpg otf svg woff bz2 eps jpeg pdf svgz woff2 class exe js pict swf xls css flac mid pls tar xlsx`)

func extension(x *exchange) string { return expression.Extension(x.view.Path) }

// cacheRule is what cache rules set. Source: developers.cloudflare.com/cache/how-to/cache-rules/settings/
type cacheRule struct {
	Cache      *bool      `json:"cache"`
	EdgeTTL    *edgeTTL   `json:"edge_ttl"`
	BrowserTTL *ttl       `json:"browser_ttl"`
	Key        *cacheKey  `json:"cache_key"`
	Stale      *staleness `json:"serve_stale"`
	StrongETag *bool      `json:"respect_strong_etags"`
}

type ttl struct {
	Mode    string `json:"mode"`
	Default int64  `json:"default"`
}

type edgeTTL struct {
	ttl
	ByStatus []statusTTL `json:"status_code_ttl"`
}

type statusTTL struct {
	Code  int `json:"status_code"`
	Range *struct {
		From int `json:"from"`
		To   int `json:"to"`
	} `json:"status_code_range"`
	Value int64 `json:"value"`
}

type cacheKey struct {
	DeceptionArmor bool `json:"cache_deception_armor"`
	IgnoreOrder    bool `json:"ignore_query_strings_order"`
	ByDevice       bool `json:"cache_by_device_type"`
}

type staleness struct {
	DisableUpdating bool `json:"disable_stale_while_updating"`
}

func readCacheRule(raw json.RawMessage) (*cacheRule, error) {
	c := &cacheRule{}
	if err := strictly(raw, c); err != nil {
		return nil, err
	}
	if c.Key != nil && (c.Key.IgnoreOrder || c.Key.ByDevice) {
		return nil, fmt.Errorf("custom cache keys aren't emulated")
	}
	if c.EdgeTTL != nil {
		switch c.EdgeTTL.Mode {
		case "respect_origin", "override_origin", "bypass_by_default":
		default:
			return nil, fmt.Errorf("edge_ttl mode %q isn't emulated", c.EdgeTTL.Mode)
		}
	}
	return c, nil
}

// cacheSettings gathers what the cache rules set: for each setting, the last rule that matches counts.
// Source: developers.cloudflare.com/cache/how-to/cache-rules/order/
func (x *exchange) cacheSettings() (*http.Response, error) {
	return nil, x.each(expression.PhaseCache, func(r *rule) (bool, error) {
		c := r.params.cache
		if c.Cache != nil {
			x.cacheRule.Cache = c.Cache
		}
		if c.EdgeTTL != nil {
			x.cacheRule.EdgeTTL = c.EdgeTTL
		}
		if c.BrowserTTL != nil {
			x.cacheRule.BrowserTTL = c.BrowserTTL
		}
		if c.Key != nil {
			x.cacheRule.Key = c.Key
		}
		return false, nil
	})
}

// store is the cache.
type store struct {
	mu    sync.Mutex
	kept  map[string]*kept
	bytes int
}

type kept struct {
	status        int
	header        http.Header
	body          []byte
	since, expiry time.Time
}

// Limits of the store: it is for tests. Cloudflare's own limit for a file is 512 MB.
const (
	maxKept  = 8 << 20
	maxStore = 128 << 20
)

func (s *store) purge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept, s.bytes = nil, 0
}

func (s *store) get(key string) *kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[key]
}

func (s *store) put(key string, k *kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || s.bytes+len(k.body) > maxStore {
		s.kept, s.bytes = map[string]*kept{}, 0
	}
	if old := s.kept[key]; old != nil {
		s.bytes -= len(old.body)
	}
	s.kept[key] = k
	s.bytes += len(k.body)
}

// eligible says whether the request may be answered from the cache.
func (x *exchange) eligible() bool {
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead || x.upgrade() {
		return false
	}
	if len(x.onReply) > 0 {
		// Where a rate limit counts by the reply, "the request is sent to the origin, skipping any cached content".
		// Source: developers.cloudflare.com/waf/rate-limiting-rules/request-rate/#example-b
		return false
	}
	if x.cacheRule.Cache != nil {
		return *x.cacheRule.Cache
	}
	return x.view.Path == "/robots.txt" || slices.Contains(cachedExtensions, extension(x))
}

// cacheKey is the whole URL and the Origin header; a part of a file is kept apart from the whole.
// Source: developers.cloudflare.com/cache/how-to/cache-keys/
func (x *exchange) cacheKey() string {
	return strings.Join([]string{
		x.z.ID, strconv.FormatBool(x.https), x.host, x.view.Path, x.view.Query, x.r.Header.Get("Origin"), x.r.Header.Get("Range"),
	}, "\x00")
}

// cached answers from the cache, if it can.
func (x *exchange) cached(key string) *http.Response {
	k := x.e.cache.get(key)
	switch {
	case k == nil:
		x.cacheStatus = "MISS"
		return nil
	case !x.now.Before(k.expiry):
		x.cacheStatus = "EXPIRED"
		return nil
	}
	x.cacheStatus = "HIT"
	reply := x.reply(k.status, "", string(k.body))
	reply.Header = k.header.Clone()
	reply.Header.Set("Age", strconv.FormatInt(int64(x.now.Sub(k.since)/time.Second), 10))
	return reply
}

// lifetime says how long a reply may be kept. Where it may not, the status that says so takes the place of MISS.
func (x *exchange) lifetime(reply *http.Response) (keep time.Duration, status string) {
	if reply.StatusCode == http.StatusNotModified {
		return 0, ""
	}
	edge := x.cacheRule.EdgeTTL
	explicit := x.cacheRule.Cache != nil
	if age, ok := edge.forced(reply.StatusCode); ok {
		// An explicit TTL counts even for replies with cookies, which lose them.
		reply.Header.Del("Set-Cookie")
		return age, ""
	}
	if x.deceived(reply) {
		return 0, "BYPASS"
	}
	if len(reply.Header.Values("Set-Cookie")) > 0 {
		if explicit {
			return 0, "" // "A cache MISS will be returned every time."
		}
		return 0, "BYPASS"
	}
	control := directives(reply.Header.Values("Cache-Control"))
	for _, d := range []string{"private", "no-store", "no-cache"} {
		if _, ok := control[d]; ok {
			return 0, "BYPASS"
		}
	}
	_, public := control["public"]
	_, shared := control["s-maxage"]
	_, revalidate := control["must-revalidate"]
	if x.r.Header.Get("Authorization") != "" && !public && !shared && !revalidate {
		return 0, "BYPASS" // developers.cloudflare.com/cache/concepts/cache-control/#conditions
	}
	return x.age(control, reply, edge != nil && edge.Mode == "bypass_by_default")
}

// age is how long the origin says that a reply is fresh, or Cloudflare's default for its status.
// Source: developers.cloudflare.com/cache/how-to/configure-cache-status-code/#edge-ttl
func (x *exchange) age(control map[string]string, reply *http.Response, strict bool) (time.Duration, string) {
	for _, d := range []string{"s-maxage", "max-age"} {
		if s, ok := control[d]; ok {
			n, err := strconv.ParseInt(s, 10, 32)
			if err != nil || n <= 0 {
				return 0, "BYPASS"
			}
			return time.Duration(n) * time.Second, ""
		}
	}
	if expires, err := http.ParseTime(reply.Header.Get("Expires")); err == nil {
		if keep := expires.Sub(x.now); keep > 0 {
			return keep, ""
		}
		return 0, "BYPASS"
	}
	if strict {
		return 0, "BYPASS"
	}
	switch reply.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusMovedPermanently:
		return 120 * time.Minute, ""
	case http.StatusFound, http.StatusSeeOther:
		return 20 * time.Minute, ""
	case http.StatusNotFound, http.StatusGone:
		return 3 * time.Minute, ""
	}
	return 0, ""
}

// forced is the TTL that a rule sets whatever the origin says.
func (e *edgeTTL) forced(status int) (time.Duration, bool) {
	if e == nil {
		return 0, false
	}
	for _, s := range e.ByStatus {
		if s.Code == status || s.Range != nil && status >= s.Range.From && (s.Range.To == 0 || status <= s.Range.To) {
			return max(time.Duration(s.Value)*time.Second, 0), true
		}
	}
	if e.Mode == "override_origin" && status < http.StatusInternalServerError {
		return time.Duration(e.Default) * time.Second, true
	}
	return 0, false
}

// deceived says whether the armour against cache deception is on and the reply isn't of the type that the path's extension promises.
// Source: developers.cloudflare.com/cache/cache-security/
func (x *exchange) deceived(reply *http.Response) bool {
	if x.cacheRule.Key == nil || !x.cacheRule.Key.DeceptionArmor {
		return false
	}
	ext := extension(x)
	promised, _, _ := strings.Cut(mime.TypeByExtension("."+ext), ";")
	given, _, _ := strings.Cut(reply.Header.Get("Content-Type"), ";")
	if ext == "" || promised == "" || given == "" || given == "application/octet-stream" {
		return false
	}
	return !strings.EqualFold(promised, strings.TrimSpace(given)) && !(ext == "js" || ext == "mjs") ||
		(ext == "js" || ext == "mjs") && !strings.Contains(given, "javascript")
}

func directives(headers []string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name != "" {
			out[strings.ToLower(name)] = strings.Trim(value, `"`)
		}
	}
	return out
}

// browserTTL says to the browser how long it may keep what is eligible for the cache.
// Source: developers.cloudflare.com/cache/how-to/edge-browser-cache-ttl/
func (x *exchange) browserTTL(reply *http.Response) {
	rule := x.cacheRule.BrowserTTL
	switch {
	case rule == nil:
		// The zone's setting only lengthens what the origin says.
		want := x.z.settings.browserTTL
		control := directives(reply.Header.Values("Cache-Control"))
		n, _ := strconv.ParseInt(control["max-age"], 10, 64)
		if want > 0 && want > n && x.cacheStatus != "BYPASS" {
			reply.Header.Set("Cache-Control", "max-age="+strconv.FormatInt(want, 10))
		}
	case rule.Mode == "override_origin":
		reply.Header.Set("Cache-Control", "max-age="+strconv.FormatInt(rule.Default, 10))
	case rule.Mode == "bypass_by_default":
		reply.Header.Set("Cache-Control", "no-store")
	}
}
