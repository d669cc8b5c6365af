// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// SSL modes. Source: developers.cloudflare.com/ssl/origin-configuration/ssl-modes/
const (
	sslOff      = "off"
	sslFlexible = "flexible"
	sslFull     = "full"
	sslStrict   = "strict"
	// sslOriginPull is "Strict (SSL-Only Origin Pull)".
	sslOriginPull = "origin_pull"
)

var sslModes = []string{sslOff, sslFlexible, sslFull, sslStrict, sslOriginPull}

func isMode(mode string) bool { return slices.Contains(sslModes, mode) }

func errMode(mode string) error { return fmt.Errorf("ssl mode %q isn't emulated", mode) }

// The errors of the way to an origin that have a status of Cloudflare's own.
var (
	errHandshake   = errors.New("the TLS handshake with the origin failed")
	errCertificate = errors.New("the origin's certificate isn't trusted")
	errUnresolved  = errors.New("the origin's name has no address")
	errUnreachable = errors.New("nobody is at the origin's address")
)

// origins keeps the connections to origins.
type origins struct {
	mu         sync.Mutex
	transports map[transportKey]*http.Transport
}

type transportKey struct {
	address, host, alias string
	tls, verify          bool
}

func (o *origins) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range o.transports {
		t.CloseIdleConnections()
	}
}

// secure says whether the origin is asked over TLS, and whether its certificate is verified.
func (x *exchange) secure() (overTLS, verify bool) {
	switch x.ssl {
	case sslFull:
		return x.https, false
	case sslStrict:
		return x.https, true
	case sslOriginPull:
		return true, true
	}
	return false, false
}

// fetch answers from the cache or from the origin.
func (x *exchange) fetch() (*http.Response, error) {
	eligible := x.eligible()
	key := ""
	switch {
	case x.z.settings.developer && eligible:
		x.cacheStatus, eligible = "BYPASS", false
	case !eligible:
		x.cacheStatus = "DYNAMIC"
	default:
		key = x.cacheKey()
		if reply := x.cached(key); reply != nil {
			if x.r.Method == http.MethodHead {
				replaceBody(reply, nil)
			}
			return reply, nil
		}
	}
	for _, f := range x.toOrigin {
		f()
	}
	reply, err := x.ask(eligible)
	if err != nil {
		x.cacheStatus = ""
		return x.originError(err)
	}
	if eligible {
		x.keep(key, reply)
	}
	return reply, nil
}

// ask sends the request to the origin.
func (x *exchange) ask(cacheable bool) (*http.Response, error) {
	overTLS, verify := x.secure()
	port := "80"
	if overTLS {
		port = "443"
	}
	address, err := x.e.locate(x.z, x.record.Content, port)
	if err != nil {
		return nil, err
	}
	alias := ""
	if x.record.Type == "CNAME" {
		alias = strings.ToLower(strings.TrimSuffix(x.record.Content, "."))
	}
	transport := x.e.transport(transportKey{address: address, host: x.host, alias: alias, tls: overTLS, verify: verify})
	reply, err := transport.RoundTrip(x.outgoing(overTLS, cacheable))
	if err != nil {
		return nil, fmt.Errorf("asking the origin: %w", err)
	}
	return reply, nil
}

// maxAliases that are followed from name to name within a zone.
const maxAliases = 8

// locate says where an origin really listens.
func (e *Edge) locate(z *zone, content, port string) (string, error) {
	content = strings.ToLower(strings.TrimSuffix(content, "."))
	for range maxAliases {
		for _, key := range []string{net.JoinHostPort(content, port), content + ":" + port, content} {
			if to, ok := e.options.Dial[key]; ok {
				return to, nil
			}
		}
		if a, err := netip.ParseAddr(content); err == nil {
			if a.IsLoopback() {
				return net.JoinHostPort(content, port), nil
			}
			return "", fmt.Errorf("%w: Options.Dial has no entry for %s", errUnreachable, content)
		}
		records := z.records[content]
		if len(records) == 0 {
			break
		}
		content = strings.ToLower(strings.TrimSuffix(records[0].Content, "."))
	}
	return "", fmt.Errorf("%w: Options.Dial has no entry for %s", errUnresolved, content)
}

// outgoing is the request as the origin sees it.
// Source: developers.cloudflare.com/fundamentals/reference/http-headers/
func (x *exchange) outgoing(overTLS, cacheable bool) *http.Request {
	out := x.r.Clone(x.r.Context())
	out.RequestURI, out.Close, out.Host = "", false, x.r.Host
	out.URL = &url.URL{Scheme: "http", Host: x.r.Host}
	if overTLS {
		out.URL.Scheme = "https"
	}
	x.outgoingURL(out.URL)
	if cacheable {
		// The whole reply is wanted, for the cache.
		// Source: developers.cloudflare.com/cache/concepts/, "Interaction of HEAD requests with cache"
		out.Method = http.MethodGet
		out.Header.Del("If-None-Match")
		out.Header.Del("If-Modified-Since")
		// Cloudflare compresses for each visitor as they like; here all get what is kept, as it is.
		out.Header.Set("Accept-Encoding", "identity")
	}
	if x.r.ContentLength == 0 {
		out.Body = nil
	}
	upgrade := ""
	if x.upgrade() {
		upgrade = out.Header.Get("Upgrade")
	}
	withoutHops(out.Header)
	h := out.Header
	if upgrade != "" {
		h.Set("Connection", "Upgrade")
		h.Set("Upgrade", upgrade)
	}
	scheme := "http"
	if x.https {
		scheme = "https"
	}
	h.Set("Cf-Connecting-Ip", x.source.String())
	h.Set("Cf-Ray", x.ray+"-"+colo)
	h.Set("Cf-Visitor", `{"scheme":"`+scheme+`"}`)
	h.Set("Cf-Ipcountry", "XX") // "used for clients without country code data"
	h.Set("Cdn-Loop", "cloudflare; loops=1")
	h.Set("X-Forwarded-Proto", scheme)
	forwarded := x.source.String()
	if before := strings.Join(h.Values("X-Forwarded-For"), ","); before != "" {
		forwarded = before + "," + forwarded
	}
	h.Set("X-Forwarded-For", forwarded)
	if h.Get("User-Agent") == "" {
		h["User-Agent"] = []string{""} // else net/http adds its own
	}
	return out
}

// outgoingURL is what the visitor asked for to the letter, but for what was rewritten.
func (x *exchange) outgoingURL(u *url.URL) {
	path := x.view.RawPath
	if x.view.Path != normalised(x.view.RawPath) {
		path = x.view.Path
	}
	u.RawQuery = x.view.Query
	if !strings.HasPrefix(path, "//") && strings.HasPrefix(path, "/") {
		u.Opaque = path
		return
	}
	if decoded, err := url.PathUnescape(path); err == nil {
		u.Path, u.RawPath = decoded, path
	} else {
		u.Path = path
	}
}

// withoutHops removes headers that are for one connection (RFC 9110 §7.6.1).
func withoutHops(h http.Header) {
	for _, line := range h.Values("Connection") {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		h.Del(name)
	}
}

func (x *exchange) upgrade() bool {
	return x.z.settings.websockets && x.r.ProtoMajor == 1 && strings.EqualFold(x.r.Header.Get("Upgrade"), "websocket")
}

// transport to an origin.
func (e *Edge) transport(key transportKey) *http.Transport {
	e.origins.mu.Lock()
	defer e.origins.mu.Unlock()
	if t := e.origins.transports[key]; t != nil {
		return t
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, e.options.ConnectTimeout)
		defer cancel()
		return (&net.Dialer{}).DialContext(ctx, "tcp", key.address)
	}
	t := &http.Transport{
		DialContext: dial, DisableCompression: true, ResponseHeaderTimeout: e.options.ReplyTimeout, MaxIdleConnsPerHost: 64,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return e.handshake(ctx, conn, key)
		},
	}
	if e.origins.transports == nil {
		e.origins.transports = map[transportKey]*http.Transport{}
	}
	e.origins.transports[key] = t
	return t
}

// handshake with an origin. In mode strict the certificate has to be for the visitor's host or for the name that the record points to.
// Source: developers.cloudflare.com/ssl/origin-configuration/ssl-modes/full-strict/
func (e *Edge) handshake(ctx context.Context, conn net.Conn, key transportKey) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, e.options.ConnectTimeout)
	defer cancel()
	c := tls.Client(conn, &tls.Config{
		ServerName: key.host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, //nolint:gosec // verified below where the mode says so
		VerifyConnection: func(s tls.ConnectionState) error {
			if key.verify {
				return e.verify(s, key)
			}
			return nil
		},
	})
	if err := c.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		if errors.Is(err, errCertificate) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", errHandshake, err)
	}
	return c, nil
}

func (e *Edge) verify(s tls.ConnectionState, key transportKey) error {
	roots := e.options.OriginRoots
	if roots == nil {
		roots = x509.NewCertPool()
	}
	chain := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		chain.AddCert(c)
	}
	leaf := s.PeerCertificates[0]
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: chain}); err != nil {
		return fmt.Errorf("%w: %w", errCertificate, err)
	}
	err := leaf.VerifyHostname(key.host)
	if err != nil && key.alias != "" {
		err = leaf.VerifyHostname(key.alias)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errCertificate, err)
	}
	return nil
}

// originError answers for an origin that can't be had.
// Source: developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/
func (x *exchange) originError(err error) (*http.Response, error) {
	var timeout net.Error
	var dial *net.OpError
	connecting := errors.As(err, &dial) && dial.Op == "dial"
	var p problem
	switch {
	case x.r.Context().Err() != nil:
		return nil, fmt.Errorf("the visitor went away: %w", err)
	case errors.Is(err, errUnresolved):
		p = problem{status: 530, code: 1016, name: "origin_dns_error", title: "Origin DNS error"}
	case errors.Is(err, errCertificate):
		p = problem{status: 526, code: 526, name: "invalid_ssl_certificate", title: "Invalid SSL certificate"}
	case errors.Is(err, errHandshake):
		p = problem{status: 525, code: 525, name: "ssl_handshake_failed", title: "SSL handshake failed"}
	case errors.Is(err, syscall.ECONNREFUSED):
		p = problem{status: 521, code: 521, name: "web_server_down", title: "Web server is down", retryable: true}
	case errors.Is(err, errUnreachable), connecting:
		p = problem{status: 522, code: 522, name: "connection_timeout", title: "Connection timed out", retryable: true}
	case errors.As(err, &timeout) && timeout.Timeout():
		p = problem{status: 524, code: 524, name: "origin_timeout", title: "A timeout occurred", retryable: true}
	default:
		p = problem{status: 520, code: 520, name: "unknown_origin_error", title: "Web server is returning an unknown error"}
	}
	x.e.options.Log.Info("an origin can't be had", "host", x.host, "status", p.status, "error", err.Error())
	return x.errorReply(p), nil
}

// keep puts a reply into the cache while it is passed on, if it may be kept.
func (x *exchange) keep(key string, reply *http.Response) {
	age, status := x.lifetime(reply)
	if status != "" {
		x.cacheStatus = status
	}
	x.browserTTL(reply)
	if age > 0 && reply.ContentLength <= maxKept {
		header := reply.Header.Clone()
		withoutHops(header)
		k := &kept{status: reply.StatusCode, header: header, since: x.now, expiry: x.now.Add(age)}
		reply.Body = &keeping{ReadCloser: reply.Body, whole: func(body []byte) {
			k.body = body
			x.e.cache.put(key, k)
		}}
	}
	if x.r.Method == http.MethodHead {
		// The origin was asked with GET, so that the reply could be kept.
		_, _ = io.Copy(io.Discard, io.LimitReader(reply.Body, maxKept))
		_ = reply.Body.Close()
		reply.Body = http.NoBody
	}
}

// keeping is a body that is remembered once it was read to its end.
type keeping struct {
	io.ReadCloser
	read  []byte
	over  bool
	whole func([]byte)
}

func (k *keeping) Read(p []byte) (int, error) {
	n, err := k.ReadCloser.Read(p)
	if !k.over {
		k.read = append(k.read, p[:n]...)
		k.over = len(k.read) > maxKept
	}
	if errors.Is(err, io.EOF) && !k.over {
		k.over = true
		k.whole(k.read)
	}
	return n, err
}
