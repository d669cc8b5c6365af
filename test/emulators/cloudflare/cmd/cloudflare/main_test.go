// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const token = "0123456789abcdef0123456789abcdef01234567"

// start runs the program and gives its URL and what ends it.
func start(t *testing.T, args ...string) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), in, io.Discard)
		_ = in.CloseWithError(err)
		done <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	return strings.TrimSpace(line), func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestTheProgramKeepsItsState(t *testing.T) {
	dir := t.TempDir()
	zones, state := filepath.Join(dir, "zones.json"), filepath.Join(dir, "state.json")
	seed := `{"zones":[{"name":"example.com","plan":"pro"},{"name":"two.example"}],"tokens":[{"name":"all","value":"` + token + `","zones":["*"],"permissions":["Zone Read"]}]}`
	if err := os.WriteFile(zones, []byte(seed), 0o600); err != nil {
		t.Fatal(err)
	}
	url, stop := start(t, "-zones", zones, "-state", state, "-plan", "business")
	status, first := get(t, url+"/zones")
	stop()
	if status != 200 || !strings.Contains(first, `"legacy_id":"pro"`) || !strings.Contains(first, `"legacy_id":"business"`) {
		t.Errorf("%d %s", status, first)
	}
	url, stop = start(t, "-zones", zones, "-state", state)
	defer stop()
	if _, second := get(t, url+"/zones"); second != first {
		t.Errorf("after a restart %s, before %s", second, first)
	}
}

func TestTheProgramTellsWhatIsWrong(t *testing.T) {
	for name, args := range map[string][]string{
		"plan": {"-plan", "gold"}, "zones": {"-zones", "/no/such/file"}, "state": {"-state", "/no/such/folder/state"}, "flag": {"-nothing"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
