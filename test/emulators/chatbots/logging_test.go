// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/launchready/launchready/test/emulators/chatbots"
)

// logbook keeps what is written to it.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(data)
}

// day is what a user does on a day, with secrets in all places, and what is in the log then.
func day(t *testing.T, weaknesses, oddities []string) (logged, token string) {
	t.Helper()
	book := &logbook{}
	x := newRig(t, chatbots.Config{Weaknesses: weaknesses, Oddities: oddities, Log: book})
	account := x.account("alice")
	body := fmt.Sprintf(`{"email":%q,"password":%q}`, account.Email, account.Password)
	x.send("", http.MethodPost, "/api/login", body)
	x.form("alice", "")
	token = x.token("alice")
	x.get("alice", "/api/me", "Cookie: sid=cookie-7f3a91", "X-Api-Key: key-5d20c8")
	x.get("alice", "/api/me?token=query-8e41b7", "X-Request-Id: wanted-id-1", "X-Test-Nonce: n-4711")
	x.get("", "/nowhere", "Authorization: Bearer error-29c6d0")
	x.send("alice", http.MethodPost, "/api/payments", map[string]any{"amount": 100, "card": "4242424242424242"})
	if got := x.send("alice", http.MethodPost, "/api/chat", map[string]string{"message": "zebra-question"}); !got.ok() {
		t.Errorf("the bot says %d %s", got.status, got.text)
	}
	book.mu.Lock()
	defer book.mu.Unlock()
	return book.text.String(), token
}

func TestLoggingWeaknesses(t *testing.T) {
	t.Parallel()
	shown := map[string]func(token string) string{
		chatbots.LogPassword:      func(string) string { return `password="aLice-7fQm2-vXw9-heron"` },
		chatbots.LogBearer:        func(token string) string { return "Bearer " + token },
		chatbots.LogCookie:        func(string) string { return "sid=cookie-7f3a91" },
		chatbots.LogAPIKey:        func(string) string { return "key-5d20c8" },
		chatbots.LogEmail:         func(string) string { return `email="alice@acme.example"` },
		chatbots.LogCard:          func(string) string { return `card="4242424242424242"` },
		chatbots.LogCardSpaced:    func(string) string { return `card="4242 4242 4242 4242"` },
		chatbots.LogPrompt:        func(string) string { return `prompt="zebra-question"` },
		chatbots.LogBodyBase64:    func(string) string { return base64.StdEncoding.EncodeToString([]byte(`{"message":"zebra-question"}`)) },
		chatbots.LogQuery:         func(string) string { return "token=query-8e41b7" },
		chatbots.LogErrorHeaders:  func(string) string { return "error-29c6d0" },
		chatbots.LogTokenHex:      func(token string) string { return hex.EncodeToString([]byte(token)) },
		chatbots.LogNestedJSON:    func(token string) string { return `\"Authorization\":[\"Bearer ` + token + `\"]` },
		chatbots.LogDump:          func(token string) string { return `\r\nAuthorization: Bearer ` + token + `\r\n` },
		chatbots.LogResponseToken: func(token string) string { return `issued="` + token },
	}
	for _, w := range chatbots.LoggingWeaknesses() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			show, ok := shown[w.Name]
			if !ok {
				t.Fatal("nothing shows it")
			}
			if logged, token := day(t, []string{w.Name}, nil); !strings.Contains(logged, show(token)) {
				t.Errorf("it does not show:\n%s", logged)
			}
			if logged, token := day(t, nil, nil); strings.Contains(logged, show(token)) {
				t.Errorf("it shows without the weakness:\n%s", logged)
			}
		})
	}
	errors, token := day(t, []string{chatbots.LogErrorHeaders}, nil)
	if strings.Contains(errors, token) {
		t.Error("what is no error is logged with headers too")
	}
}

func TestLogging(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		oddities []string
		want     string
	}{
		"as it is":       {nil, `method=GET path="/api/me" status=200 request_id=wanted-id-1 nonce="n-4711"` + "\n"},
		"JSON":           {[]string{chatbots.LogJSON}, `{"method":"GET","nonce":"n-4711","path":"/api/me","request_id":"wanted-id-1","status":"200"}` + "\n"},
		"no request ids": {[]string{chatbots.LogNoRequestIDs}, `method=GET path="/api/me" status=200` + "\n"},
		"redacted":       {[]string{chatbots.LogRedacted}, `request_id=wanted-id-1 nonce="n-4711" authorization="Bearer eyJh…`},
	} {
		logged, token := day(t, nil, test.oddities)
		if !strings.Contains(logged, test.want) {
			t.Errorf("%s:\n%s", name, logged)
		}
		secrets := []string{
			token, "aLice-7f", "cookie-7f3a91", "key-5d20c8", "query-8e41b7", "error-29c6d0", "4242", "zebra-question", "alice@", hex.EncodeToString([]byte(token)),
		}
		for _, secret := range secrets {
			if strings.Contains(logged, secret) {
				t.Errorf("%s: %s is in the log:\n%s", name, secret, logged)
			}
		}
		if none := name == "no request ids"; none == strings.Contains(logged, "wanted-id-1") || none == strings.Contains(logged, "n-4711") {
			t.Errorf("%s: request ids:\n%s", name, logged)
		}
	}
}
