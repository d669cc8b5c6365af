// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// RowLoggingSafe is the scorecard's row that the weaknesses of the log belong to.
const RowLoggingSafe = "LoggingSafe"

// The names of the weaknesses of the log. What each is, [LoggingWeaknesses] says.
const (
	LogPassword      = "log-password"
	LogBearer        = "log-bearer"
	LogCookie        = "log-cookie"
	LogAPIKey        = "log-api-key" //nolint:gosec // a name
	LogEmail         = "log-email"
	LogCard          = "log-card"
	LogCardSpaced    = "log-card-spaced"
	LogPrompt        = "log-prompt"
	LogBodyBase64    = "log-body-base64"
	LogQuery         = "log-query"
	LogErrorHeaders  = "log-error-headers"
	LogTokenHex      = "log-token-hex" //nolint:gosec // a name
	LogNestedJSON    = "log-nested-json"
	LogDump          = "log-dump"
	LogResponseToken = "log-response-token"
)

// LoggingWeaknesses are those of the app's log. [Config.Weaknesses] may name them besides.
func LoggingWeaknesses() []Weakness {
	return []Weakness{
		{LogPassword, RowLoggingSafe, "/login, /api/login, /api/signup", "the password is logged"},
		{LogBearer, RowLoggingSafe, "/api/*", "the header Authorization is logged"},
		{LogCookie, RowLoggingSafe, "/*", "the header Cookie is logged"},
		{LogAPIKey, RowLoggingSafe, "/api/*", "the headers X-Api-Key and Api-Key are logged"},
		{LogEmail, RowLoggingSafe, "/login, /api/login, /api/signup", "the email address is logged"},
		{LogCard, RowLoggingSafe, "/api/payments", "the card's number is logged"},
		{LogCardSpaced, RowLoggingSafe, "/api/payments", "the card's number is logged, in groups of four"},
		{LogPrompt, RowLoggingSafe, "/api/chat", "the question is logged"},
		{LogBodyBase64, RowLoggingSafe, "/api/*", "bodies are logged in Base64"},
		{LogQuery, RowLoggingSafe, "/*?token={token}", "the query is logged"},
		{LogErrorHeaders, RowLoggingSafe, "/*", "headers are logged where the answer is an error"},
		{LogTokenHex, RowLoggingSafe, "/api/*", "the token is logged in hex"},
		{LogNestedJSON, RowLoggingSafe, "/api/*", "the log is JSON, and the headers stand in a text of JSON in it"},
		{LogDump, RowLoggingSafe, "/*", "the whole request is logged"},
		{LogResponseToken, RowLoggingSafe, "/api/login", "the token that a login gives is logged"},
	}
}

// The names of the oddities of the log. What each is, [LoggingOddities] says.
const (
	LogNoRequestIDs = "log-no-request-ids"
	LogRedacted     = "log-redacted"
	LogJSON         = "log-json"
)

// LoggingOddities are about the log alone. [Config.Oddities] may name them besides.
func LoggingOddities() []Oddity {
	return []Oddity{
		{LogNoRequestIDs, "there are no request ids, neither in the log nor in replies, and no nonces in the log"},
		{LogRedacted, "the header Authorization is logged with four characters from either end of the token"},
		{LogJSON, "the log is JSON"},
	}
}

var requestIDForm = regexp.MustCompile(`^[A-Za-z0-9._-]{8,128}$`)

// requestID is the one that the request brings along, if it is one, or a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); requestIDForm.MatchString(id) {
		return id
	}
	return newUUID()
}

// recordBody keeps what is sent, where a weakness of the log wants it, and lets others read it again. Chats over
// WebSocket have no body; what is asked there is not logged.
func (a *App) recordBody(f *front, r *http.Request) error {
	if a.cfg.Log == nil || r.Body == nil || !a.anyWeak(LogPassword, LogEmail, LogCard, LogCardSpaced, LogPrompt, LogBodyBase64, LogDump) {
		return nil
	}
	var err error
	if f.body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1)); err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(f.body))
	return nil
}

// field is a name and a value of a line.
type field struct{ name, value string }

// log writes a line about a request, without any of its secrets but where a weakness wants them.
func (a *App) log(r *http.Request, f *front, method string, status int) {
	if a.cfg.Log == nil {
		return
	}
	line := []field{{"method", method}, {"path", f.path}, {"status", fmt.Sprint(status)}, {"request_id", f.id}}
	if a.odd(LogNoRequestIDs) {
		line = line[:3]
	} else if nonce := nonceOf(r, f); nonce != "" {
		line = append(line, field{"nonce", nonce})
	}
	if f.failed != nil {
		line = append(line, field{"error", f.failed.Error()})
	}
	line = append(line, a.indiscreet(r, f, status)...)
	a.logging.Lock()
	defer a.logging.Unlock()
	_, _ = fmt.Fprintln(a.cfg.Log, a.format(line))
}

// format is a line as it is written. Values that others choose are in quotes.
func (a *App) format(line []field) string {
	if a.odd(LogJSON) || a.weak(LogNestedJSON) {
		object := map[string]string{}
		for _, each := range line {
			object[each.name] = each.value
		}
		data, err := json.Marshal(object)
		if err != nil {
			return "{}"
		}
		return string(data)
	}
	var parts []string
	for _, each := range line {
		value := each.value
		if !slices.Contains([]string{"method", "status", "request_id"}, each.name) {
			value = fmt.Sprintf("%q", value)
		}
		parts = append(parts, each.name+"="+value)
	}
	return strings.Join(parts, " ")
}

func nonceOf(r *http.Request, f *front) string {
	nonce := ""
	for name, values := range r.Header {
		if strings.Contains(strings.ToLower(name), "nonce") {
			nonce = values[0]
		}
	}
	for name, values := range f.query {
		if strings.Contains(strings.ToLower(name), "nonce") {
			nonce = values[0]
		}
	}
	return nonce
}

// indiscreet are the fields that the weaknesses add.
func (a *App) indiscreet(r *http.Request, f *front, status int) []field {
	var line []field
	add := func(on bool, name, value string) {
		if on && value != "" {
			line = append(line, field{name, value})
		}
	}
	authorization := r.Header.Get("Authorization")
	add(a.weak(LogBearer), "authorization", authorization)
	add(a.odd(LogRedacted), "authorization", redacted(authorization))
	add(a.weak(LogTokenHex), "token", hex.EncodeToString([]byte(strings.TrimPrefix(authorization, "Bearer "))))
	add(a.weak(LogCookie), "cookie", r.Header.Get("Cookie"))
	add(a.weak(LogAPIKey), "api_key", r.Header.Get("X-Api-Key")+r.Header.Get("Api-Key"))
	add(a.weak(LogQuery), "query", r.URL.RawQuery)
	add(a.weak(LogErrorHeaders) && status >= http.StatusBadRequest, "headers", fmt.Sprint(r.Header))
	add(a.weak(LogNestedJSON), "request", headersAsJSON(r))
	add(a.weak(LogPassword), "password", sentField(r, f, "password"))
	add(a.weak(LogEmail), "email", sentField(r, f, "email"))
	card := sentField(r, f, "card")
	add(a.weak(LogCard), "card", card)
	add(a.weak(LogCardSpaced), "card", inFours(card))
	add(a.weak(LogPrompt), "prompt", sentField(r, f, "message"))
	add(a.weak(LogBodyBase64), "body", base64.StdEncoding.EncodeToString(f.body))
	add(a.weak(LogResponseToken), "issued", f.issued)
	if a.weak(LogDump) {
		if dump, err := httputil.DumpRequest(r, false); err == nil {
			add(true, "dump", string(dump)+string(f.body))
		}
	}
	return line
}

// sentField is a field of a body, of JSON or of a form.
func sentField(r *http.Request, f *front, name string) string {
	if strings.Contains(r.Header.Get("Content-Type"), "form-urlencoded") {
		form, err := url.ParseQuery(string(f.body))
		if err != nil {
			return ""
		}
		return form.Get(name)
	}
	body := map[string]any{}
	if err := json.Unmarshal(f.body, &body); err != nil {
		return ""
	}
	text, _ := body[name].(string)
	return text
}

func headersAsJSON(r *http.Request) string {
	data, err := json.Marshal(map[string]any{"http": map[string]any{"request": map[string]any{"headers": r.Header}}})
	if err != nil {
		return ""
	}
	return string(data)
}

// redacted is a header with the ends of its token.
func redacted(authorization string) string {
	scheme, token, found := strings.Cut(authorization, " ")
	if !found || len(token) < 16 {
		return ""
	}
	return scheme + " " + token[:4] + "…" + token[len(token)-4:]
}

func inFours(number string) string {
	var groups []string
	for group := range slices.Chunk([]byte(number), 4) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, " ")
}
