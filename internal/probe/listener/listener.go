// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package listener catches an app that fetches what a stranger names, or looks names up where a stranger says: it hears on the probe's own
// address, and knows each of its addresses and names by a token that nobody can guess. Of what it is sent it keeps nothing, for that may
// be anybody's secret.
package listener

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/launchready/launchready/internal/detect/marker"
)

const (
	// Port is where the listener of a probe hears: no port that an app has, so that a policy may let it in alone.
	Port = 18088

	// atOnce is how many connections are served, patience how long one may take, and maxHeader how many bytes of a request are read
	// besides its body: it is open to the app, whatever that is made to do.
	atOnce    = 64
	patience  = 5 * time.Second
	maxHeader = 16 << 10
	maxBody   = 64 << 10
)

// Listener hears until it is closed. It may be used by several goroutines.
type Listener struct {
	base   string
	server *http.Server

	mu sync.Mutex
	// pages are what is served, by token, and fetched says which were asked for since the last time that somebody looked.
	pages   map[string]string
	fetched map[string]bool
}

// Listen begins to hear on an address, at a port or, where it is 0, at any.
func Listen(address netip.Addr, port uint16) (*Listener, error) {
	heard, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(address, port)))
	if err != nil {
		return nil, fmt.Errorf("hearing on the probe's own address: %w", err)
	}
	l := &Listener{base: "http://" + heard.Addr().String() + "/", pages: map[string]string{}, fetched: map[string]bool{}}
	l.server = &http.Server{Handler: l, ReadHeaderTimeout: patience, ReadTimeout: patience, WriteTimeout: patience, IdleTimeout: patience, MaxHeaderBytes: maxHeader}
	go func() { _ = l.server.Serve(netutil.LimitListener(heard, atOnce)) }() // it ends when it is closed
	return l, nil
}

// Close ends it.
func (l *Listener) Close() error { return l.server.Close() }

// Base is how all its addresses begin.
func (l *Listener) Base() string { return l.base }

// Address makes a new address, with nothing but a word to read there. A path may be put behind it.
func (l *Listener) Address() string {
	token := strings.ToLower(marker.New().Secret)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pages[token] = "ok"
	return l.base + token
}

// Serve puts a page at an address that Address has made.
func (l *Listener) Serve(address, page string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pages[strings.TrimPrefix(address, l.base)] = page
}

// Fetched says whether an address, or what is behind it, was fetched since the last time that it was asked.
func (l *Listener) Fetched(address string) bool {
	token := strings.TrimPrefix(address, l.base)
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.fetched[token]
	delete(l.fetched, token)
	return was
}

// ServeHTTP notes which address is asked for.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	token = strings.ToLower(token)
	l.mu.Lock()
	page, known := l.pages[token]
	if known {
		l.fetched[token] = true
	}
	l.mu.Unlock()
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody)) // whoever sends more is cut off
	if !known {
		http.NotFound(w, r)
		return
	}
	kind := "text/plain; charset=utf-8"
	if strings.HasPrefix(strings.TrimSpace(page), "<") {
		kind = "text/html; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, page) // whoever has gone was here
}
