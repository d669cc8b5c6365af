// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	// defaultQuiet is after how long without a message a reply is complete, where quietSeconds does not say.
	defaultQuiet = 5 * time.Second
	// maxMessages is how many messages are read: a model that streams a long answer sends one for each token.
	maxMessages = 4096
)

// Socket is what a WebSocket needs beside its handshake and the last message.
type Socket struct {
	// Before are the messages that are sent before the last.
	Before []Message
	// Until says when the reply to the last is complete; nil where nothing does.
	Until *Expression
	// Quiet is after how long without a message a reply is complete in any case.
	Quiet time.Duration
}

// Message is one that is sent, and when the reply to it is complete; nil where the next follows at once.
type Message struct {
	Text  []byte
	Until *Expression
}

// Closed is a close frame. RFC 6455 §7.4.
type Closed struct {
	Code   websocket.StatusCode
	Reason string
}

func (s *Socket) clone() *Socket {
	if s == nil {
		return nil
	}
	copied := *s
	copied.Before = slices.Clone(s.Before)
	for i := range copied.Before {
		copied.Before[i].Text = slices.Clone(copied.Before[i].Text)
	}
	return &copied
}

// prepareSocket puts the variables into the messages. The last one is what a body is to other requests.
func prepareSocket(described v1alpha1.WebSocket, vars Vars) ([]byte, *Socket, error) {
	socket := &Socket{Quiet: defaultQuiet}
	if described.QuietSeconds > 0 {
		socket.Quiet = time.Duration(described.QuietSeconds) * time.Second
	}
	var last Message
	for i, described := range described.Send {
		m, err := prepareMessage(described, vars)
		if err != nil {
			return nil, nil, fmt.Errorf("webSocket.send[%d]: %w", i, err)
		}
		if i > 0 {
			socket.Before = append(socket.Before, last)
		}
		last = m
	}
	socket.Until = last.Until
	return last.Text, socket, nil
}

func prepareMessage(described v1alpha1.WebSocketMessage, vars Vars) (m Message, err error) {
	if described.Until != "" {
		if m.Until, err = Compile(described.Until, Bool); err != nil {
			return m, fmt.Errorf("until: %w", err)
		}
	}
	if described.JSON != nil {
		m.Text, err = prepareJSON(described.JSON.Raw, vars)
		return m, err
	}
	text, err := vars.Expand(described.Text)
	return Message{Text: []byte(text), Until: m.Until}, err
}

// converse opens a WebSocket by a prepared handshake, sends the messages, and reads what comes back. A refused handshake is a reply
// like any other. Compression is never agreed to, so that nothing can be unpacked into more than it is.
func (t *Target) converse(ctx context.Context, r Request, handshake *http.Request) (*Response, error) {
	if handshake.Header.Get("Origin") == "" {
		// As a browser on the app's own page: many servers take no other.
		handshake.Header.Set("Origin", t.origin())
	}
	h := &handshaker{target: t, request: handshake, started: time.Now()}
	conn, _, err := websocket.Dial(ctx, t.Base.String(), &websocket.DialOptions{ //nolint:bodyclose // "You never need to close resp.Body yourself"
		HTTPClient:   &http.Client{Transport: h},
		Subprotocols: offered(handshake.Header),
	})
	if h.refused != nil {
		return h.refused, nil
	}
	if err != nil {
		return nil, err
	}
	defer conn.CloseNow() //nolint:errcheck // nothing more is wanted
	reading, stop := context.WithCancel(ctx)
	defer stop()
	c := &conversation{quiet: r.Socket.Quiet, incoming: make(chan received), resp: h.opened}
	go c.pump(reading, conn)
	for _, m := range append(slices.Clone(r.Socket.Before), Message{Text: r.Body, Until: r.Socket.Until}) {
		last := len(c.sent) == len(r.Socket.Before)
		c.sent = append(c.sent, m)
		if c.ended {
			break
		}
		if err := conn.Write(ctx, websocket.MessageText, m.Text); err != nil {
			// The app may have closed instead of listening: what it said last is still to be read.
			m.Until, last = nil, true
		}
		if m.Until != nil || last {
			c.listen(ctx, m.Until)
		}
	}
	c.resp.Duration = time.Since(h.started)
	if err := ctx.Err(); err != nil {
		if len(c.resp.messages) == 0 {
			return nil, err
		}
		c.resp.Truncated = true
	}
	c.resp.Body = c.body
	return c.resp, nil
}

// origin is the app's, as a browser writes it (RFC 6454 §6.1): strangers come by HTTPS to the name that they know.
func (t *Target) origin() string {
	if t.Host != "" {
		return "https://" + t.Host
	}
	return t.Base.Scheme + "://" + t.Base.Host
}

// offered are the subprotocols that the request offers, of which the app may choose one. RFC 6455 §1.9.
func offered(header http.Header) []string {
	var all []string
	for _, values := range header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(values, ",") {
			if name = strings.TrimSpace(name); name != "" {
				all = append(all, name)
			}
		}
	}
	return all
}

// handshaker sends the prepared request in the place of the library's, with what the library adds to it: the path stays as it is, byte
// for byte.
type handshaker struct {
	target          *Target
	request         *http.Request
	started         time.Time
	opened, refused *Response
}

var errRefused = errors.New("the handshake was refused")

func (h *handshaker) RoundTrip(library *http.Request) (*http.Response, error) {
	for name, values := range library.Header {
		h.request.Header[name] = values
	}
	resp, err := h.target.Transport.RoundTrip(h.request)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		defer resp.Body.Close() //nolint:errcheck // it was read
		if h.refused, err = read(resp, h.started); err != nil {
			h.refused = nil
			return nil, err
		}
		return nil, errRefused
	}
	h.opened = &Response{Status: resp.StatusCode, Header: resp.Header, URL: h.request.URL.String(), messages: []string{}}
	return resp, nil
}

// conversation is a WebSocket that is open, and what came over it.
type conversation struct {
	quiet    time.Duration
	incoming chan received
	sent     []Message
	resp     *Response
	body     []byte
	// parsed are the messages as expressions see them.
	parsed []any
	// ended says that nothing more will come, or that enough was read.
	ended bool
}

// received is a message, or why there will be none any more; both where one was cut off.
type received struct {
	data []byte
	err  error
}

// pump reads messages until there are no more, or nobody wants them. It reads apart from who waits for them, for to break a read off
// is to close the connection.
func (c *conversation) pump(ctx context.Context, conn *websocket.Conn) {
	conn.SetReadLimit(-1) // all messages together have a limit
	for {
		var m received
		_, reader, err := conn.Reader(ctx)
		if err == nil {
			m.data, err = io.ReadAll(io.LimitReader(reader, maxBody+1))
		}
		m.err = err
		select {
		case c.incoming <- m:
		case <-ctx.Done():
			return
		}
		if m.err != nil || len(m.data) > maxBody {
			return
		}
	}
}

// listen takes messages until the expression holds, the app closes or is quiet, or a limit is reached.
func (c *conversation) listen(ctx context.Context, until *Expression) {
	for !c.ended {
		quiet := time.NewTimer(c.quiet)
		select {
		case m := <-c.incoming:
			quiet.Stop()
			c.take(m)
		case <-quiet.C:
			return
		case <-ctx.Done():
			quiet.Stop()
			c.ended = true
			return
		}
		if !c.ended && until != nil && c.complete(ctx, until) {
			return
		}
	}
}

// complete says whether an expression holds for what was received so far. What can't be evaluated yet, for want of a field, does not
// hold yet.
func (c *conversation) complete(ctx context.Context, until *Expression) bool {
	seen := &Response{Status: c.resp.Status, Header: c.resp.Header, URL: c.resp.URL, Body: c.body, events: c.parsed}
	seen.json = jsonOf(c.resp.messages[len(c.resp.messages)-1])
	seen.parse.Do(func() {}) // it was parsed message by message
	holds, err := until.Bool(ctx, seen)
	return err == nil && holds
}

// take adds a message to what was received.
func (c *conversation) take(m received) {
	if m.err != nil {
		c.resp.Closed, c.ended = closedBy(m.err), true
		if len(m.data) == 0 {
			return
		}
		c.resp.Truncated = true
	}
	if len(c.resp.messages) > 0 {
		c.body = append(c.body, '\n')
	}
	if room := max(maxBody-len(c.body), 0); len(m.data) > room {
		m.data, c.resp.Truncated = m.data[:room], true
	}
	text := strings.ToValidUTF8(string(m.data), "\uFFFD")
	c.body = append(c.body, m.data...)
	c.resp.messages = append(c.resp.messages, text)
	c.parsed = append(c.parsed, eventOf(text))
	if len(c.resp.messages) == maxMessages {
		c.resp.Truncated = true
	}
	c.ended = c.ended || c.resp.Truncated
}

// closedBy gives the close frame that ended a connection, if it was one.
func closedBy(err error) Closed {
	var frame websocket.CloseError
	if errors.As(err, &frame) {
		return Closed{Code: frame.Code, Reason: frame.Reason}
	}
	return Closed{}
}
