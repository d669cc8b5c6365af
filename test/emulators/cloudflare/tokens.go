// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"crypto/subtle"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The states of a token, as /user/tokens/verify names them.
const (
	TokenActive   = "active"
	TokenDisabled = "disabled"
	TokenExpired  = "expired"
)

// Token is an API token. Its value is known to whoever made it, and stands in the state file.
type Token struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Value string `json:"value"`
	// Zones are names or ids; "*" is all of them.
	Zones []string `json:"zones"`
	// Permissions are groups as the documentation names them: "DNS Write", "Zone Read". Write contains Read.
	Permissions []string   `json:"permissions"`
	Status      string     `json:"status"`
	ExpiresOn   *time.Time `json:"expires_on,omitempty"`
}

// String leaves the value out.
func (t Token) String() string { return "token " + t.Name }

// GoString leaves the value out, of %#v too.
func (t Token) GoString() string { return t.String() }

// Format leaves the value out, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(t.String())) }

// AllPermissions are the groups that the emulator knows, all to be written.
func AllPermissions() []string {
	out := []string{"Zone Write", "DNS Write", "Zone Settings Write", "Bot Management Write", "SSL and Certificates Write", "Cache Purge", "Managed headers Write"}
	for _, group := range phaseGroups() {
		if p := group + " Write"; !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

func (t *Token) covers(z *Zone) bool {
	return t != nil && slices.ContainsFunc(t.Zones, func(n string) bool { return n == "*" || n == z.Name || n == z.ID })
}

// may says whether the token has one of the groups, to read or to write.
func (t *Token) may(write bool, groups ...string) bool {
	if t == nil {
		return false
	}
	for _, g := range groups {
		if slices.Contains(t.Permissions, g+" Write") || slices.Contains(t.Permissions, g) || (!write && slices.Contains(t.Permissions, g+" Read")) {
			return true
		}
	}
	return false
}

func (t *Token) status(now time.Time) string {
	if t.ExpiresOn != nil && !now.Before(*t.ExpiresOn) {
		return TokenExpired
	}
	return t.Status
}

// AddToken makes a token; name, zones and permissions are the caller's, the rest is made unless given.
func (s *Server) AddToken(t Token) (Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Name == "" || slices.ContainsFunc(s.state.Tokens, func(o *Token) bool { return o.Name == t.Name }) {
		return Token{}, fmt.Errorf("add token: the name %q is empty or taken", t.Name)
	}
	for _, p := range t.Permissions {
		write := strings.TrimSuffix(p, " Read")
		if !slices.Contains(AllPermissions(), p) && !slices.Contains(AllPermissions(), write+" Write") {
			return Token{}, fmt.Errorf("add token %s: no permission %q", t.Name, p)
		}
	}
	if t.ID == "" {
		t.ID = newID()
	}
	if t.Value == "" {
		t.Value = newID() + newID()[:8] // 40 characters, as Cloudflare's are
	}
	if t.Status == "" {
		t.Status = TokenActive
	}
	s.state.Tokens = append(slices.Clip(s.state.Tokens), &t)
	return t, s.state.save(s.opts.StateFile)
}

// HasToken says whether there is a token of that name.
func (s *Server) HasToken(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.state.Tokens, func(t *Token) bool { return t.Name == name })
}

// EditToken changes a token: its status, its permissions, its zones. A revoked one is unknown from then on: see RevokeToken.
func (s *Server) EditToken(name string, edit func(*Token)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, old := range s.state.Tokens {
		if old.Name == name {
			t := *old
			t.Zones, t.Permissions = slices.Clone(t.Zones), slices.Clone(t.Permissions)
			edit(&t)
			s.state.Tokens[i] = &t
			return s.state.save(s.opts.StateFile)
		}
	}
	return fmt.Errorf("edit token: no token %q", name)
}

// RevokeToken deletes a token.
func (s *Server) RevokeToken(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.state.Tokens)
	s.state.Tokens = slices.DeleteFunc(slices.Clone(s.state.Tokens), func(t *Token) bool { return t.Name == name })
	if len(s.state.Tokens) == before {
		return fmt.Errorf("revoke token: no token %q", name)
	}
	return s.state.save(s.opts.StateFile)
}

// bearer is the form of a token that Cloudflare looks up at all; others get 6003 with 6111 in the chain.
var bearer = regexp.MustCompile("^Bearer [A-Za-z0-9_-]{40,}$")

// authenticate finds the token of a call. What is not in order is an error for every endpoint that isn't open to all.
func (s *Server) authenticate(r *http.Request, now time.Time) (*Token, *apiError) {
	value := r.Header.Get("Authorization")
	if value == "" {
		return nil, refuse(http.StatusBadRequest, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
	}
	if !bearer.MatchString(value) {
		e := refuse(http.StatusBadRequest, 6003, "Invalid request headers")
		e.Chain = []chainEntry{{Code: 6111, Message: "Invalid format for Authorization header"}}
		return nil, e
	}
	value = strings.TrimPrefix(value, "Bearer ")
	verify := strings.HasSuffix(r.URL.Path, "/user/tokens/verify")
	for _, t := range s.state.Tokens {
		if subtle.ConstantTimeCompare([]byte(t.Value), []byte(value)) != 1 {
			continue
		}
		if t.status(now) != TokenActive && !verify {
			return t, refuse(http.StatusForbidden, 9109, "Invalid access token")
		}
		return t, nil
	}
	if verify {
		return nil, refuse(http.StatusUnauthorized, 1000, "Invalid API Token")
	}
	return nil, refuse(http.StatusForbidden, 9109, "Invalid access token")
}

func verifyToken(c *request) (reply, *apiError) {
	out := map[string]any{"id": c.token.ID, "status": c.token.status(c.now)}
	if c.token.ExpiresOn != nil {
		out["expires_on"] = c.token.ExpiresOn
	}
	return reply{result: out}, nil
}

// limitPeriod is the period of the API's rate limit: fundamentals/api/reference/limits.
const limitPeriod = 5 * time.Minute

// window counts the calls of a token.
type window struct {
	start   time.Time
	count   int
	blocked time.Time // end of a block
}

// limit counts a call. Over the limit all calls of the next five minutes are refused.
func (s *Server) limit(t *Token, now time.Time, header http.Header) *apiError {
	if s.opts.RateLimit < 0 {
		return nil
	}
	w := s.windows[t.ID]
	if w == nil || (now.Sub(w.start) >= limitPeriod && !now.Before(w.blocked)) {
		w = &window{start: now}
		s.windows[t.ID] = w
	}
	if !now.Before(w.blocked) {
		w.count++
		if w.count > s.opts.RateLimit {
			w.blocked = now.Add(limitPeriod)
		}
	}
	left := max(s.opts.RateLimit-w.count, 0)
	reset := w.start.Add(limitPeriod)
	if now.Before(w.blocked) {
		reset = w.blocked
	}
	seconds := int(math.Ceil(reset.Sub(now).Seconds()))
	header["Ratelimit"] = []string{fmt.Sprintf("\"default\";r=%d;t=%d", left, seconds)}
	header["Ratelimit-Policy"] = []string{fmt.Sprintf("\"default\";q=%d;w=%d", s.opts.RateLimit, int(limitPeriod.Seconds()))}
	if now.Before(w.blocked) {
		// The documentation gives no code; 971 with this message is what users report.
		e := refuse(http.StatusTooManyRequests, 971, "More than %d requests per %d seconds reached. Please wait and consider throttling your request speed",
			s.opts.RateLimit, int(limitPeriod.Seconds()))
		e.retry = seconds
		return e
	}
	return nil
}
