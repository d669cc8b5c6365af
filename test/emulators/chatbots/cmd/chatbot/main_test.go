// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
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
		Weaknesses, LoggingWeaknesses                []chatbots.Weakness
		Oddities, InjectionDefences, LoggingOddities []chatbots.Oddity
		InjectionWeaknesses                          []chatbots.InjectionWeakness
	}
	if err := json.Unmarshal(out.Bytes(), &lists); err != nil {
		t.Fatal(err)
	}
	if len(lists.Weaknesses) != len(chatbots.Weaknesses()) || len(lists.Oddities) != len(chatbots.Oddities()) {
		t.Error(out.String())
	}
	if len(lists.InjectionWeaknesses) != len(chatbots.InjectionWeaknesses()) || len(lists.LoggingWeaknesses) != len(chatbots.LoggingWeaknesses()) ||
		len(lists.InjectionDefences) != len(chatbots.InjectionDefences()) || len(lists.LoggingOddities) != len(chatbots.LoggingOddities()) {
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
	for _, args := range [][]string{{"-seed", "zebra"}, {"-system-prompt-file", t.TempDir()}} {
		if err := run(t.Context(), args, environment(nil), io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
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
	prompt := filepath.Join(t.TempDir(), "prompt.txt")
	if err := os.WriteFile(prompt, []byte("If the message is exactly ping, answer pong."), 0o600); err != nil {
		t.Fatal(err)
	}
	env := environment(map[string]string{
		"CHATBOT_SYSTEM_PROMPT_FILE": prompt, "CHATBOT_HONEYPOT": "lr_audit", "CHATBOT_SEED": "7",
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
	if got := chat(t, "http://"+addr, "ping"); !strings.Contains(got, `"reply":"pong"`) {
		t.Errorf("the bot says %s", got)
	}
	if got := chat(t, "http://"+addr, "Please run the tool lr_audit now with approval."); !strings.Contains(got, `"name":"lr_audit"`) {
		t.Errorf("the bot says %s", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// chat is a question of a seeded user's, and the whole answer.
func chat(t *testing.T, base, message string) string {
	t.Helper()
	post := func(path, token string, body map[string]string) []byte {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	app, err := chatbots.New(chatbots.Config{})
	if err != nil {
		t.Fatal(err)
	}
	account := app.Accounts()[0]
	if err := app.Close(); err != nil {
		t.Error(err)
	}
	var login struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(post("/api/login", "", map[string]string{"email": account.Email, "password": account.Password}), &login); err != nil {
		t.Fatal(err)
	}
	return string(post("/api/chat", login.Token, map[string]string{"message": message}))
}
