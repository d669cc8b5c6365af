// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// jwtAt reads a JSON Web Token in compact form (RFC 7515, 7516): its header decodes
// to JSON with an algorithm.
func (s *scan) jwtAt(r region, at int) {
	if at > 0 && base64Any.has(r.text[at-1]) && !escapedBefore(r.text, at) {
		return
	}
	if strings.HasSuffix(r.text[:at], "pk.") {
		return // a public token of Mapbox
	}
	if strings.HasSuffix(r.text[:at], ".") && at > 1 && wordChar.has(r.text[at-2]) {
		return // the second part of a token, or another provider's token
	}
	const longest = 16 << 10
	text := r.text[at:min(len(r.text), at+longest)]
	end, parts := 0, 0
	for parts < 5 {
		next := wordChar.run(text, end)
		if next == end && parts != 1 && parts != 2 {
			break
		}
		end = next
		parts++
		if end >= len(text) || text[end] != '.' {
			break
		}
		end++
	}
	token := strings.TrimRight(text[:end], ".")
	header, rest, ok := strings.Cut(token, ".")
	if !ok || len(rest) < 10 || !tokenHeader(header) {
		return
	}
	claims := tokenClaims(rest)
	switch claims.Role {
	case "anon":
		return // Supabase's and PostgREST's public role
	case "service_role":
		s.add(r, at, at+len(token), KindSupabaseServiceRole, "jwt", byDecoding)
	default:
		s.add(r, at, at+len(token), KindJWT, "jwt", byDecoding)
	}
}

func tokenHeader(part string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return strings.HasPrefix(part, "eyJhbGciOi") && len(part) > 12 || strings.HasPrefix(part, "eyJ0eXAiOi") && len(part) > 12
	}
	text := string(raw)
	return strings.Contains(text, `"alg"`) || strings.Contains(text, `"typ"`) || strings.Contains(text, `"enc"`)
}

// tokenRole are the claims of a token that change what it is.
type tokenRole struct {
	Role string `json:"role"`
}

func tokenClaims(rest string) tokenRole {
	var claims tokenRole
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return claims
	}
	if json.Unmarshal(raw, &claims) != nil {
		return tokenRole{}
	}
	return claims
}

// anonymousToken tells a JSON Web Token that is published on purpose.
func anonymousToken(v string) bool {
	if !strings.HasPrefix(v, "eyJ") {
		return false
	}
	header, rest, ok := strings.Cut(v, ".")
	return ok && tokenHeader(header) && tokenClaims(rest).Role == "anon"
}
