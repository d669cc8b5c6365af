// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"

	"github.com/launchready/launchready/internal/edge"
)

func faultOf(t *testing.T, err error) *edge.APIError {
	t.Helper()
	var f *edge.APIError
	if !errors.As(err, &f) {
		t.Fatalf("error %v is no APIError", err)
	}
	return f
}

// secretless fails where the token shows in any print of an error.
func secretless(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
			if text := fmt.Sprintf(format, e); strings.Contains(text, "LEAKME") || strings.Contains(text, "Authorization") {
				t.Errorf("%s gives the token away: %s", format, text)
			}
		}
	}
}

func TestRefusalsHaveAKind(t *testing.T) {
	tests := map[string]struct {
		status  int
		code    int64
		message string
		want    edge.Kind
	}{
		"token revoked":             {403, 9109, "Invalid access token", edge.KindAuth},
		"token from elsewhere":      {403, 9109, "Cannot use the access token from location: 192.0.2.1", edge.KindAuth},
		"token, header":             {400, 6003, "Invalid request headers", edge.KindAuth},
		"token, verified":           {401, 1000, "Invalid API Token", edge.KindAuth},
		"key":                       {403, 9103, "Unknown X-Auth-Key or X-Auth-Email", edge.KindAuth},
		"401":                       {401, 10000, "Authentication error", edge.KindAuth},
		"zone not for the token":    {403, 9109, "Unauthorized to access requested resource", edge.KindPermission},
		"no permission":             {403, 10000, "Authentication error", edge.KindPermission},
		"no permission, as a 400":   {400, 10000, "Authentication error", edge.KindPermission},
		"403":                       {403, 4711, "no", edge.KindPermission},
		"zone":                      {400, 1003, "Invalid or missing zone id.", edge.KindZoneNotFound},
		"route":                     {400, 7003, "Could not route to /zones/x, perhaps your object identifier is invalid?", edge.KindZoneNotFound},
		"rules of the plan":         {400, 50001, "exceeded the maximum number of rules in the phase http_ratelimit: 2 out of 1", edge.KindEntitlement},
		"rules of the plan, 20217":  {400, 20217, "exceeded the maximum number of rules in the phase x: 11 out of 10", edge.KindEntitlement},
		"not entitled":              {403, 1, "zone not entitled to enable likely automated bots ruleset", edge.KindEntitlement},
		"not entitled, IP rules":    {403, 10010, "firewallaccessrules.api.not_entitled", edge.KindEntitlement},
		"setting of a plan":         {400, 1007, "Sorry, this zone setting is not available for your plan type.", edge.KindEntitlement},
		"setting not editable":      {400, 1015, "Not allowed to edit setting for min_tls_version", edge.KindEntitlement},
		"records of the plan":       {400, 81045, "DNS record quota exceeded.", edge.KindEntitlement},
		"entry point is there":      {400, 20217, "'zone' is not a valid value for kind because exceeded maximum number of zone rulesets for phase x", edge.KindConflict},
		"entry point is gone":       {404, 10003, "could not find entrypoint ruleset in the x phase", edge.KindConflict},
		"same host":                 {400, 81053, "An A, AAAA, or CNAME record with that host already exists.", edge.KindConflict},
		"CNAME":                     {400, 81054, "A CNAME record with that host already exists.", edge.KindConflict},
		"record exists":             {400, 81057, "Record already exists.", edge.KindConflict},
		"identical":                 {400, 81058, "An identical record already exists.", edge.KindConflict},
		"record gone":               {404, 81044, "Record does not exist.", edge.KindConflict},
		"409":                       {409, 1, "busy", edge.KindConflict},
		"content":                   {400, 9005, "Content for A record must be a valid IPv4 address.", edge.KindInvalid},
		"expression":                {400, 20217, "invalid expression", edge.KindInvalid},
		"413":                       {413, 0, "", edge.KindInvalid},
		"throttled":                 {429, 971, "Please wait and consider throttling your request speed", edge.KindRateLimit},
		"throttled as a 500":        {500, 971, "Please wait and consider throttling your request speed", edge.KindRateLimit},
		"Cloudflare's own":          {500, 10001, "internal", edge.KindTransient},
		"gateway":                   {502, 0, "", edge.KindTransient},
		"time-out":                  {408, 0, "", edge.KindTransient},
		"refusal with a status 200": {200, 81058, "An identical record already exists.", edge.KindConflict},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.on("*", refusing(tt.status, tt.code, tt.message))
			err := w.client(t).ChangeRecords(t.Context(), zoneOfTest, edge.RecordBatch{Delete: []string{"a"}})
			f := faultOf(t, err)
			if f.Kind != tt.want {
				t.Errorf("kind %q, want %q", f.Kind, tt.want)
			}
			if f.Status != tt.status || f.Code != tt.code || f.Message != tt.message || f.Doing == "" {
				t.Errorf("%+v", f)
			}
			if unsure := tt.want == edge.KindTransient; f.Unsure != unsure {
				t.Errorf("unsure: %v", f.Unsure)
			}
			secretless(t, err)
		})
	}
}

// hijack ends the connection in the middle of a reply.
func hijack(after string, reset bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		if tcp, ok := conn.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0)
		}
		_, _ = io.WriteString(conn, after)
		_ = conn.Close()
	}
}

func TestFaultsOfTheWay(t *testing.T) {
	huge := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"success":true,"result":"`)
		for range maxReply / (1 << 20) {
			if _, err := io.WriteString(w, strings.Repeat("x", 1<<20)); err != nil {
				return
			}
		}
		_, _ = io.WriteString(w, `"}`)
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		status  int
		is      error
	}{
		"5xx before the write": {handler: answering(503, "text/html", "<html>"+testToken), status: 503},
		"a proxy's page":       {handler: answering(200, "text/html", "<html>Authorization: Bearer "+testToken), status: 200, is: errUnreadable},
		"a proxy's refusal":    {handler: answering(407, "text/html", "<html>Authorization: Bearer "+testToken), status: 407, is: errUnreadable},
		"a proxy's 401":        {handler: answering(401, "text/html", "<html>"), status: 401, is: errUnreadable},
		"a proxy's 403":        {handler: answering(403, "text/html", "<html>"), status: 403, is: errUnreadable},
		"a proxy's 404":        {handler: answering(404, "application/json", `{"error":"no such page"}`), status: 404, is: errUnreadable},
		"a redirect": {handler: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, status: 307, is: errUnreadable},
		"a redirect with JSON": {handler: answering(301, "application/json", `{"success":true,"result":{}}`), status: 301, is: errUnreadable},
		"no JSON":              {handler: answering(200, "application/json", `{"success":tr`+testToken), status: 200, is: errUnreadable},
		"JSON of another kind": {handler: answering(200, "application/json", `["`+testToken+`"]`), status: 200, is: errUnreadable},
		"an empty object":      {handler: answering(200, "application/json", `{}`), status: 200, is: errUnreadable},
		"nothing":              {handler: answering(200, "application/json", ``), status: 200, is: errUnreadable},
		"cut off": {
			handler: hijack("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"success\":true", false),
			status:  200, is: errCutOff,
		},
		"reset in the reply": {
			handler: hijack("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"success\":true", true),
			status:  200, is: errCutOff,
		},
		"cut off at once": {handler: hijack("", false), is: errConnection},
		"reset":           {handler: hijack("", true), is: syscall.ECONNRESET},
		"no HTTP":         {handler: hijack("Authorization: Bearer "+testToken+"\r\n\r\n", false), is: errConnection},
		"huge":            {handler: huge, status: 200, is: errTooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.on("*", tt.handler)
			write := w.client(t).EnableLeakedCredentials(t.Context(), zoneOfTest, true)
			_, read := w.client(t).readCredentials(t.Context(), testID)
			for what, err := range map[string]error{"write": write, "read": read} {
				f := faultOf(t, err)
				if f.Kind != edge.KindTransient {
					t.Errorf("%s: kind %q", what, f.Kind)
				}
				if f.Unsure != (what == "write") {
					t.Errorf("%s: unsure %v", what, f.Unsure)
				}
				if f.Status != tt.status || tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("%s: status %d, %v", what, f.Status, err)
				}
				secretless(t, err)
			}
			// Each was sent once: trying again is not for the client.
			if got := len(w.server.got()); got != 2 && !errors.Is(tt.is, errConnection) && !errors.Is(tt.is, syscall.ECONNRESET) {
				t.Errorf("%d requests", got)
			}
			if n := writes(w.server); n > 1 {
				t.Errorf("a write was sent %d times", n)
			}
		})
	}
}

// writes counts the requests that change something.
func writes(s *server) (n int) {
	for _, r := range s.got() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	return n
}

func TestNullIsNoEmptyList(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{`{"success":true,"result":null}`, `{"success":true}`} {
		w.server.on("GET /zones/"+testID+"/dns_records", answering(200, "application/json", body))
		_, err := w.client(t).Observe(t.Context(), testZone)
		if f := faultOf(t, err); f.Kind != edge.KindTransient || !errors.Is(err, errNoResult) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestTimeOut(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	w.server.on("*", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	c := clientOf(t, w.open(t, Options{Timeout: 50 * time.Millisecond}), testToken)
	err := c.EnableLeakedCredentials(t.Context(), zoneOfTest, true)
	f := faultOf(t, err)
	if f.Kind != edge.KindTransient || !f.Unsure || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errNoAnswer) {
		t.Errorf("%+v", f)
	}
	// The same where the headers came in time, and the body didn't.
	w.server.on("*", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"success":true`)
		_ = http.NewResponseController(rw).Flush()
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	err = c.EnableLeakedCredentials(t.Context(), zoneOfTest, true)
	f = faultOf(t, err)
	if f.Kind != edge.KindTransient || !f.Unsure || !errors.Is(err, context.DeadlineExceeded) || f.Status != 200 {
		t.Errorf("%+v", f)
	}
	secretless(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.client(t).EnableLeakedCredentials(ctx, zoneOfTest, true); !errors.Is(err, context.Canceled) || faultOf(t, err).Unsure {
		t.Errorf("never sent: %+v", err)
	}
}

func TestWhatNeverLeftIsSure(t *testing.T) {
	w := newWorld(t)
	w.server.Close()
	err := w.client(t).EnableLeakedCredentials(t.Context(), zoneOfTest, true)
	f := faultOf(t, err)
	if f.Kind != edge.KindTransient || f.Unsure || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%+v", f)
	}
	secretless(t, err)
}

func TestMessagesAreHarmless(t *testing.T) {
	w := newWorld(t)
	w.server.on("*", refusing(400, 9999, "bad \x1b[31m token "+testToken+" "+strings.Repeat("x", 500)))
	_, err := w.client(t).Observe(t.Context(), testZone)
	f := faultOf(t, err)
	secretless(t, err)
	if len([]rune(f.Message)) > 200 || strings.ContainsRune(f.Message, 0x1b) || !strings.Contains(f.Message, "⟨token⟩") {
		t.Errorf("message %q", f.Message)
	}
}

func TestABadTokenIsToldFromAMissingPermission(t *testing.T) {
	w := newWorld(t)
	w.server.on("GET /zones", refusing(403, 10000, "Authentication error"))
	_, err := w.client(t).Observe(t.Context(), testZone)
	if f := faultOf(t, err); f.Kind != edge.KindPermission || f.Permission != "Zone Read" {
		t.Errorf("a valid token: %+v", f)
	}
	w.server.on("GET /user/tokens/verify", refusing(401, 1000, "Invalid API Token"))
	_, err = w.client(t).Observe(t.Context(), testZone)
	if f := faultOf(t, err); f.Kind != edge.KindAuth {
		t.Errorf("a token that isn't valid: %+v", f)
	}
	secretless(t, err)
}

func TestVerify(t *testing.T) {
	w := newWorld(t)
	if err := w.client(t).Verify(t.Context()); err != nil {
		t.Error(err)
	}
	w.server.on("GET /user/tokens/verify", answering(200, "application/json", `{"success":true,"result":{"status":"expired"}}`))
	err := w.client(t).Verify(t.Context())
	if f := faultOf(t, err); f.Kind != edge.KindAuth || !strings.Contains(err.Error(), "the token is expired") {
		t.Errorf("%v", err)
	}
	w.server.got()

	c := clientOf(t, w.clients, "cfat_LEAKME0123456789LEAKME0123456789LEAKME01")
	if err := c.Verify(t.Context()); !errors.Is(err, errAccountToken) {
		t.Errorf("an account's token before its account is known: %v", err)
	}
	if _, err := c.Observe(t.Context(), testZone); err != nil {
		t.Fatal(err)
	}
	w.server.got()
	if err := c.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if got := w.server.paths(); len(got) != 1 || got[0] != "GET /accounts/acc1/tokens/verify" {
		t.Errorf("requests: %v", got)
	}
}

func TestLogsHoldNeitherHeadersNorBodies(t *testing.T) {
	w := newWorld(t)
	var lines []string
	log := funcr.New(func(prefix, args string) { lines = append(lines, prefix+args) }, funcr.Options{Verbosity: 2})
	if err := w.client(t).EnableLeakedCredentials(logrContext(t, log), zoneOfTest, true); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{`"method"="POST"`, "/leaked-credential-checks", `"status"=200`, `"duration"=`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	for _, not := range []string{"LEAKME", "Bearer", "enabled", "User-Agent"} {
		if strings.Contains(text, not) {
			t.Errorf("%s in %s", not, text)
		}
	}
	quiet := 0
	log = funcr.New(func(string, string) { quiet++ }, funcr.Options{Verbosity: 1})
	if err := w.client(t).EnableLeakedCredentials(logrContext(t, log), zoneOfTest, true); err != nil || quiet != 0 {
		t.Errorf("%d lines without being asked for, %v", quiet, err)
	}
}

func TestTheLocksSecretIsInNoError(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	for _, quote := range []string{`"`, `\"`} {
		got := (&Client{token: func() string { return "some-token" }}).harmless(`filter parsing error (1:9): ["x-launchready-edge"][*] eq ` + quote + secret + quote)
		if strings.Contains(got, secret) || !strings.Contains(got, "⟨secret⟩") {
			t.Errorf("it says %q", got)
		}
	}
}
