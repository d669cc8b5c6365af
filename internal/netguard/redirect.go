// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"errors"
	"net/http"
	"net/netip"
	"time"
)

// maxRedirects is how many are followed in a row; a client should see a loop and stop (RFC 9110 §15.4).
const maxRedirects = 10

// Transport gives a transport that connects by DialContext only: to no proxy, whatever the environment says, and for
// https as well, since DialTLSContext is unset. One transport serves one target; it has connections to close.
func (g *Guard) Transport() *http.Transport {
	return &http.Transport{
		Proxy:             nil,
		DialContext:       g.DialContext,
		ForceAttemptHTTP2: true,

		TLSHandshakeTimeout: 10 * time.Second,
		// A model may think before its first byte; a shorter time is the context's business.
		ResponseHeaderTimeout:  2 * time.Minute,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    16,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// CheckRedirect is for http.Client: it follows a redirect only to a host and port of the target, never from https to
// http, and at most ten times. The *RefusedError names the host where it would have gone; the *url.Error that the client
// wraps it in holds the whole foreign URL.
func (g *Guard) CheckRedirect(req *http.Request, via []*http.Request) error {
	no := func(reason string) error {
		return refuse(req.URL.Host, netip.AddrPort{}, reason)
	}
	if len(via) > maxRedirects {
		return no("it is the 11th redirect in a row; mend the loop, or start nearer to its end")
	}
	if err := g.CheckURL(req.URL); err != nil {
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			refused.Reason = "a redirect leads there, and " + refused.Reason
		}
		return err
	}
	if len(via) > 0 && via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme == "http" {
		return no("a redirect leads from https to http; redirect to https")
	}
	return nil
}
