// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

func newUUID() string { return uuid.NewString() }

// front is what the layers before the handlers know of a request.
type front struct {
	id, path string
	query    url.Values
	// pastOwner and pastAdmin: the request was written such that it misses the guard.
	pastOwner, pastAdmin bool
	// failed is what went wrong inside the app; the log tells it, and nobody else.
	failed error
	// body is what was sent, where a weakness of the log wants it, and issued the token that was given.
	body   []byte
	issued string
}

type frontKey struct{}

func withFront(ctx context.Context, f *front) context.Context {
	return context.WithValue(ctx, frontKey{}, f)
}

// call is one request on its way through a handler.
type call struct {
	*front

	w     http.ResponseWriter
	r     *http.Request
	route route
	sent  []byte
	// user is nobody's (nil) or somebody's; scope is what they may see. login and session say how they came in.
	user    *user
	scope   scope
	login   string
	session *session
}

func (c *call) ctx() context.Context { return c.r.Context() }

// fields is a JSON object to be.
type fields map[string]any

// maxBody is the most that a request may bring: 1 MiB.
const maxBody = 1 << 20

func (c *call) readBody() error {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return &failure{status: http.StatusRequestEntityTooLarge, code: "too_large", message: "the body is too large"}
	}
	if err != nil {
		return badRequest("the body could not be read")
	}
	c.sent = body
	return nil
}

// decode reads a JSON body. Fields that are not known are ignored.
func (c *call) decode(into any) error {
	if kind := c.r.Header.Get("Content-Type"); kind != "" && !strings.Contains(kind, "json") {
		return &failure{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", message: "the body must be JSON"}
	}
	if err := json.Unmarshal(c.sent, into); err != nil {
		return badRequest("the body is not the JSON that was expected")
	}
	return nil
}

// textID is an id in a JSON body: a string, or a number under the oddity ids-int.
type textID string

// UnmarshalJSON takes both.
func (i *textID) UnmarshalJSON(data []byte) error {
	var number json.Number
	if err := json.Unmarshal(data, &number); err == nil {
		*i = textID(number.String())
		return nil
	}
	return json.Unmarshal(data, (*string)(i))
}

// failure is an answer that is not the one that was asked for.
type failure struct {
	status        int
	code, message string
	// Of an object that was not found: its kind and the id that was asked for, and what became of it.
	kind, id      string
	foreign, gone bool
	// content is what the weakness error-leaks-content gives away.
	content string
	// page: the answer is a page, as of something in front of the app.
	page bool
}

func (f *failure) Error() string { return f.message }

var (
	errAnonymous = &failure{status: http.StatusUnauthorized, code: "unauthenticated", message: "log in first"}
	errForbidden = &failure{status: http.StatusForbidden, code: "forbidden", message: "not for your role"}
	errMethod    = &failure{status: http.StatusMethodNotAllowed, code: "method_not_allowed", message: "no such method here"}
)

func badRequest(message string) error {
	return &failure{status: http.StatusBadRequest, code: "bad_request", message: message}
}

// fail answers with what went wrong, in the way that the oddities want.
func (a *App) fail(c *call, err error) error {
	f := (*failure)(nil)
	if !errors.As(err, &f) {
		c.failed = err
		f = &failure{status: http.StatusInternalServerError, code: "internal", message: "something went wrong"}
	}
	if f == errAnonymous {
		if done, err := a.failAnonymous(c); done {
			return err
		}
	}
	status, message := f.status, f.message
	if f.kind != "" {
		switch {
		case a.odd(Gone410) && f.gone:
			status = http.StatusGone
		case a.odd(Foreign403) && f.foreign:
			status, message = http.StatusForbidden, f.kind+" is not yours"
		case a.odd(Friendly200):
			return a.json(c, http.StatusOK, fields{"items": []any{}, "message": "Nothing here (yet)."})
		case a.odd(NotFoundAs400):
			status = http.StatusBadRequest
		}
		if a.odd(EchoID) {
			message = fmt.Sprintf("%s %s not found", f.kind, f.id)
		}
		if f.content != "" {
			message += ": " + f.content
		}
	}
	if a.odd(HTMLErrors) || f.page {
		return a.html(c, status, errorPage, fields{"Status": status, "Title": http.StatusText(status), "Message": message})
	}
	return a.json(c, status, fields{"error": fields{"code": f.code, "message": message, "request_id": c.id}})
}

// failAnonymous answers nobody, where an oddity has a way of its own for that.
func (a *App) failAnonymous(c *call) (bool, error) {
	switch {
	case a.odd(WebSocketCloses4401) && c.route.op == opSocket && strings.EqualFold(c.r.Header.Get("Upgrade"), "websocket"):
		a.closeToNobody(c)
		return true, nil
	case a.odd(SoftLoginRedirect):
		c.w.Header().Set("Location", "/login")
		c.w.WriteHeader(http.StatusFound)
		return true, nil
	case a.odd(LoginPage200):
		return true, a.showLogin(c, http.StatusOK, "")
	case a.odd(Anonymous403):
		return true, a.json(c, http.StatusForbidden, fields{"error": fields{"code": "forbidden", "message": "access denied"}})
	}
	c.w.Header().Set("WWW-Authenticate", "Bearer")
	return false, nil
}

// json answers with an object.
func (a *App) json(c *call, status int, body fields) error {
	if a.odd(ExtraFields) {
		body["served_at"] = a.now().UTC().Format(time.RFC3339Nano)
		body["request_id"] = c.id
		body["served"] = a.replies.Add(1)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write a reply: %w", err)
	}
	kind := "application/json"
	if a.odd(OddContentTypes) {
		kind = "application/vnd.chatbot+json; charset=UTF-8"
	}
	return a.write(c, status, kind, append(data, '\n'))
}

// write answers with a whole body.
func (a *App) write(c *call, status int, contentType string, body []byte) error {
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.odd(ETag304) && status == http.StatusOK && (c.r.Method == http.MethodGet || c.r.Method == http.MethodHead) {
		sum := sha256.Sum256(body)
		tag := strconv.Quote(hex.EncodeToString(sum[:8]))
		h.Set("Cache-Control", "private, no-cache")
		h.Set("ETag", tag)
		if c.r.Header.Get("If-None-Match") == tag {
			c.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	if a.odd(GzipReplies) && strings.Contains(c.r.Header.Get("Accept-Encoding"), "gzip") {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(body); err != nil {
			return fmt.Errorf("compress: %w", err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("compress: %w", err)
		}
		body = packed.Bytes()
		h.Set("Content-Encoding", "gzip")
		h.Set("Vary", "Accept-Encoding")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return nil
	}
	if _, err := c.w.Write(body); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// none answers that it is done.
func (a *App) none(c *call) error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
