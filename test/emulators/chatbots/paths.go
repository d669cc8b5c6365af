// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// spelling is a way to write a path other than the one that routes have. Without a weakness such a path leads nowhere;
// with one it leads to its route, past the guard, for the guard compares paths as they were written.
type spelling struct {
	idor, admin string // the weaknesses that take it
	mend        func(escaped string) string
	// equal says that it means the same to everybody (RFC 3986 §2.3), so that it is routed, guarded, without a weakness.
	equal bool
}

var (
	encodedSlash = regexp.MustCompile("(?i)%2f")
	encodedPlain = regexp.MustCompile("(?i)%(2d|2e|3[0-9]|4[1-9a-f]|5[0-9a]|5f|6[1-9a-f]|7[0-9a]|7e)")
	parameter    = regexp.MustCompile(";[^/]*")
	slashes      = regexp.MustCompile("//+")
	staticSuffix = regexp.MustCompile(`^(/api/(?:conversations|documents)/[^/]+)/[^/]+\.(?:css|js|png|ico|woff2)$`)
)

// spellings in the order in which they are mended.
var spellings = []spelling{
	{idor: IDOREncodedSlash, admin: AdminEncodedSlash, mend: func(p string) string { return encodedSlash.ReplaceAllString(p, "/") }},
	{idor: IDOREncodedID, admin: AdminEncoded, equal: true, mend: func(p string) string {
		return encodedPlain.ReplaceAllStringFunc(p, func(letter string) string {
			plain, err := url.PathUnescape(letter)
			if err != nil {
				return letter
			}
			return plain
		})
	}},
	{idor: IDORSemicolon, admin: AdminSemicolon, mend: func(p string) string { return parameter.ReplaceAllString(p, "") }},
	{idor: IDORDoubleSlash, admin: AdminDoubleSlash, mend: func(p string) string { return slashes.ReplaceAllString(p, "/") }},
	{idor: IDORDotSegment, admin: AdminDotSegment, mend: func(p string) string {
		if !hasDots(p) {
			return p
		}
		return path.Clean(p)
	}},
	{idor: IDORTrailingSlash, admin: AdminTrailingSlash, mend: func(p string) string {
		if p == "/" {
			return p
		}
		return strings.TrimSuffix(p, "/")
	}},
	{idor: IDORExtension, admin: AdminExtension, mend: func(p string) string { return strings.TrimSuffix(p, ".json") }},
	{idor: IDORUpperCaseID, admin: AdminUpperCase, mend: lowerPlain},
	{idor: IDOROldVersion, admin: AdminOldVersion, mend: func(p string) string {
		if rest, ok := strings.CutPrefix(p, "/api/v0/"); ok {
			return "/api/" + rest
		}
		return p
	}},
}

// lowerPlain leaves percent-encoded bytes as they are.
func lowerPlain(p string) string {
	lower := []byte(strings.ToLower(p))
	for i := range lower {
		if p[i] == '%' && i+2 < len(p) {
			copy(lower[i:i+3], p[i:i+3])
		}
	}
	return string(lower)
}

func hasDots(p string) bool {
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

func isAdminPath(p string) bool { return p == "/admin" || strings.HasPrefix(p, "/api/admin/") }

// routable tells whether the mux would take a path as it is, and not redirect to another.
func routable(escaped string) bool { return !slashes.MatchString(escaped) && !hasDots(escaped) }

// respell turns a request to where a weakness leads it, and notes which guard it misses there.
func (a *App) respell(r *http.Request, f *front) {
	if a.weak(AdminXOriginalURL) {
		for _, name := range []string{"X-Original-Url", "X-Rewrite-Url"} {
			if target := r.Header.Get(name); target != "" {
				a.send(r, target)
				f.pastAdmin = true
			}
		}
	}
	a.mendPath(r, f)
	if found := staticSuffix.FindStringSubmatch(r.URL.EscapedPath()); found != nil && a.weak(CachedRepliesStaticSuffix) {
		a.send(r, found[1])
	}
	if method := r.Header.Get("X-Http-Method-Override"); method != "" {
		admin := isAdminPath(r.URL.Path)
		if admin && a.weak(AdminMethodOverride) {
			r.Method, f.pastAdmin = method, true
		}
		if !admin && a.weak(MethodOverrideWrite) {
			r.Method, f.pastOwner = method, true
		}
	}
}

// mendPath leaves the path alone unless everything that is unusual about it is taken.
func (a *App) mendPath(r *http.Request, f *front) {
	written := r.URL.EscapedPath()
	plain := written
	for _, s := range spellings {
		plain = s.mend(plain)
	}
	admin := isAdminPath(plain)
	if plain == written || !admin && !strings.HasPrefix(plain, "/api/") {
		return
	}
	past := false
	at := written
	for _, s := range spellings {
		next := s.mend(at)
		if next == at {
			continue
		}
		at = next
		weak := a.weak(s.idor) && !admin || a.weak(s.admin) && admin
		if !weak && !s.equal {
			// Nobody mends this one, but what is equal to everybody is equal all the same.
			return
		}
		past = past || weak
	}
	a.send(r, plain)
	f.pastAdmin = f.pastAdmin || past && admin
	f.pastOwner = f.pastOwner || past && !admin
}

// send turns a request to another path.
func (a *App) send(r *http.Request, escaped string) {
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return
	}
	target := *r.URL
	target.Path, target.RawPath = plain, escaped
	r.URL = &target
}
