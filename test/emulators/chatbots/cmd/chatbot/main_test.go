// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/launchready/launchready/test/emulators/chatbots"
)

func environment(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestPrints(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-list"}, environment(nil), &out); err != nil {
		t.Fatal(err)
	}
	var lists struct {
		Weaknesses []chatbots.Weakness
		Oddities   []chatbots.Oddity
	}
	if err := json.Unmarshal(out.Bytes(), &lists); err != nil {
		t.Fatal(err)
	}
	if len(lists.Weaknesses) != len(chatbots.Weaknesses()) || len(lists.Oddities) != len(chatbots.Oddities()) {
		t.Error(out.String())
	}
	out.Reset()
	env := environment(map[string]string{"CHATBOT_ODDITIES": "one-user-a-tenant"})
	if err := run(t.Context(), []string{"-accounts"}, env, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"Tenant": "anna"`) {
		t.Error(out.String())
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), []string{"-rate", "zebra"}, environment(nil), io.Discard); err == nil {
		t.Error("a rate that is no number is taken")
	}
	for _, env := range []map[string]string{{"CHATBOT_WEAKNESSES": "idor-query-id, zebra"}, {"CHATBOT_ODDITIES": "zebra"}} {
		if err := run(t.Context(), nil, environment(env), io.Discard); err == nil || !strings.Contains(err.Error(), `"zebra"; known are: `) {
			t.Error(err)
		}
	}
}

func TestServes(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	from, to := io.Pipe()
	env := environment(map[string]string{
		"CHATBOT_ADDR": "127.0.0.1:0", "CHATBOT_WEAKNESSES": "idor-query-id, admin-anonymous", "CHATBOT_VERSION": "v7",
	})
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, nil, env, to) }()
	lines := bufio.NewScanner(from)
	lines.Scan()
	addr, found := strings.CutPrefix(lines.Text(), "listening on ")
	if !found {
		t.Fatal(lines.Text())
	}
	logged := make(chan string, 10)
	go func() {
		for lines.Scan() {
			logged <- lines.Text()
		}
	}()
	for path, want := range map[string]string{"/version": "v7", "/api/admin/users": "bob@globex.example"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %v in %s", path, err, body)
		}
		line := <-logged
		if !strings.Contains(line, path) || !strings.Contains(line, "request_id="+res.Header.Get("X-Request-Id")) {
			t.Errorf("logged: %s", line)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
