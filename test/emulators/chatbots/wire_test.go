// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/launchready/launchready/test/emulators/chatbots"
)

func TestOneTimePasswordsAreGoodOnce(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{})
	account := x.account("alice")
	key, err := otp.NewKeyFromURL(account.Authenticator())
	if err != nil {
		t.Fatal(err)
	}
	with := func(code string) reply {
		return x.send("", http.MethodPost, "/api/login/totp", map[string]string{"email": account.Email, "password": account.Password, "code": code})
	}
	code, err := totp.GenerateCodeCustom(key.Secret(), x.clock.now(), totp.ValidateOpts{Period: uint(key.Period()), Digits: otp.DigitsSix})
	if err != nil {
		t.Fatal(err)
	}
	if got := with(code); !got.has("access_token") {
		t.Errorf("the code of the moment: %d %s", got.status, got.text)
	}
	if got := with(code); got.ok() {
		t.Error("a code was good twice")
	}
	x.clock.move(time.Minute)
	if got := with(code); got.ok() {
		t.Error("a code was good after its time")
	}
}

func TestRefreshTokens(t *testing.T) {
	t.Parallel()
	for _, rotates := range []bool{false, true} {
		cfg := chatbots.Config{}
		if rotates {
			cfg.Oddities = []string{chatbots.RefreshRotates}
		}
		x := newRig(t, cfg)
		refresh := func(token any) reply {
			return x.send("", http.MethodPost, "/api/refresh", map[string]any{"refresh_token": token})
		}
		first := x.logInAnew("alice").json(t)["refresh_token"]
		got := refresh(first)
		if !x.get("", "/api/me", header(fmt.Sprint("Authorization: Bearer ", got.json(t)["access_token"]))).has("alice") {
			t.Errorf("rotates %t: %d %s", rotates, got.status, got.text)
		}
		next, gave := got.json(t)["refresh_token"]
		if gave != rotates {
			t.Errorf("rotates %t: another refresh token: %t", rotates, gave)
		}
		if again := refresh(first); again.ok() == rotates {
			t.Errorf("rotates %t: used again: %d", rotates, again.status)
		}
		if rotates && refresh(next).ok() {
			t.Error("the login was not ended when a refresh token was used again")
		}
	}
}

func TestWebSocketClosesToNobody(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{Oddities: []string{chatbots.WebSocketCloses4401}})
	server := httptest.NewServer(x.app)
	defer server.Close()
	conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http")+"/api/chat/ws", nil) //nolint:bodyclose // never has to be closed
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != 4401 {
		t.Errorf("it was closed with %v", err)
	}
	if got := x.askOnSocket("alice", "passphrase of the heron", ""); !strings.Contains(got, "heron is") {
		t.Errorf("alice was told %q", got)
	}
}

func TestTinyDeltas(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{Oddities: []string{chatbots.TinyDeltas}})
	got := x.send("alice", http.MethodPost, "/api/chat", map[string]string{"message": "passphrase of the heron"}, "Accept: text/event-stream")
	if !got.has(`{"delta":"her"}`) || got.has("heron") {
		t.Errorf("%s", got.text)
	}
}
