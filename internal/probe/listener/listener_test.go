// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/launchready/launchready/internal/probe/listener"
)

func heard(t *testing.T, address string) *listener.Listener {
	t.Helper()
	l, err := listener.Listen(netip.MustParseAddr(address), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func get(t *testing.T, address string, body io.Reader) (*http.Response, string) {
	t.Helper()
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestWhatIsFetchedIsKnown(t *testing.T) {
	l := heard(t, "127.0.0.1")
	one, other := l.Address(), l.Address()
	if one == other || !strings.HasPrefix(one, l.Base()) || l.Fetched(one) || l.Fetched(other) {
		t.Fatalf("%s and %s", one, other)
	}
	for name, suffix := range map[string]string{"as it is": "", "a path": "/a/b.json", "a query": "?q=1", "a slash": "/", "in capitals": ""} {
		address := one + suffix
		if name == "in capitals" {
			address = l.Base() + strings.ToUpper(strings.TrimPrefix(one, l.Base()))
		}
		if resp, text := get(t, address, nil); resp.StatusCode != http.StatusOK || text != "ok" {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
		if !l.Fetched(one) || l.Fetched(one) || l.Fetched(other) {
			t.Errorf("%s: it is not known once, of the one alone", name)
		}
	}
	l.Serve(other, " <html><p>Soup</p></html>")
	resp, text := get(t, other, strings.NewReader(strings.Repeat("x", 10<<10)))
	if kind := resp.Header.Get("Content-Type"); text != " <html><p>Soup</p></html>" || kind != "text/html; charset=utf-8" || !l.Fetched(other) {
		t.Errorf("%s %q", kind, text)
	}
}

func TestWhoeverGuessesIsNobody(t *testing.T) {
	l := heard(t, "127.0.0.1")
	address := l.Address()
	for _, path := range []string{"", "favicon.ico", "x/" + strings.TrimPrefix(address, l.Base()), strings.TrimPrefix(address, l.Base()) + "x"} {
		if resp, _ := get(t, l.Base()+path, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if l.Fetched(address) {
		t.Error("a guess counts")
	}
}

func TestAddressesOfIPv6HaveBrackets(t *testing.T) {
	l, err := listener.Listen(netip.IPv6Loopback(), 0)
	if err != nil {
		t.Skipf("NO IPv6 HERE, so that its addresses are not tested: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	address := l.Address()
	if _, text := get(t, address, nil); !strings.HasPrefix(address, "http://[::1]:") || text != "ok" || !l.Fetched(address) {
		t.Errorf("%s: %q", address, text)
	}
}
