// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"net/http"
	"net/netip"
	"time"
)

// Request is what an expression is evaluated on.
type Request struct {
	Method string
	// Host as in the Host header.
	Host string
	// Path and Query after normalisation and rewrites, RawPath and RawQuery as they came.
	Path, Query       string
	RawPath, RawQuery string
	// Proto is HTTP/1.1, HTTP/2, ...
	Proto  string
	Header http.Header
	// TLS says whether the visitor came by it, TLSVersion (TLSv1.3) and TLSCipher how.
	TLS                   bool
	TLSVersion, TLSCipher string
	// Port of the edge that the visitor came to.
	Port   int
	Source netip.Addr
	Time   time.Time
	RayID  string
	// Body gives the beginning of the body, and whether there is more than that. nil counts as an empty body.
	Body func() (body []byte, truncated bool, err error)
	// BodySize is the size of the whole body; -1 where it isn't known.
	BodySize int64
	Scores   Scores
	// Response is nil in the request phases.
	Response *Response
	// Colo is the data centre.
	Colo string
}

// Response is what response fields show.
type Response struct {
	Code   int
	Header http.Header
	// ErrorType and Code1xxx are those of cf.response.error_type and cf.response.1xxx_code.
	ErrorType string
	Code1xxx  int
}

// Scores are what Cloudflare's detections find. Zero values stand for "not detected" and "not scored".
type Scores struct {
	VerifiedBot         bool
	VerifiedBotCategory string
	// Bot is 1 to 99, 0 where it wasn't computed.
	Bot int
	// Attack is the WAF's attack score, 1 to 99; 0 counts as 100, which Cloudflare documents as "not scored".
	Attack int
	// AttackClass is attack, likely_attack, likely_clean or clean.
	AttackClass    string
	PasswordLeaked bool
	LLM            LLM
}

// LLM is what the detection of prompts found.
// Source: developers.cloudflare.com/waf/detections/ai-security-for-apps/
type LLM struct {
	Detected bool
	// InjectionScore is 1 to 99, low for an attack; 0 counts as 100, "not scored".
	InjectionScore int
	PIICategories  []string
	UnsafeTopics   []string
	TokenCount     int
}

func scored(n int) int64 {
	if n == 0 {
		return 100
	}
	return int64(n)
}
