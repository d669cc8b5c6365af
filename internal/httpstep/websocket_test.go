// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

// socket gives a target of which every path is a WebSocket that a function speaks on.
func socket(t *testing.T, speak func(context.Context, *websocket.Conn, *http.Request)) *httpstep.Target {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"chat.v1"}, CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			return
		}
		defer conn.CloseNow() //nolint:errcheck // it is over
		speak(r.Context(), conn, r)
	})
}

func say(ctx context.Context, conn *websocket.Conn, messages ...string) {
	for _, m := range messages {
		_ = conn.Write(ctx, websocket.MessageText, []byte(m)) // who has gone needs to hear nothing
	}
}

// untilGone reads until the other side has gone.
func untilGone(ctx context.Context, conn *websocket.Conn) {
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return
		}
	}
}

func overSocket(t *testing.T, target *httpstep.Target, described v1alpha1.WebSocket, jar http.CookieJar) (*httpstep.Response, error) {
	t.Helper()
	request, err := httpstep.Prepare(v1alpha1.HTTPRequest{Path: "/ws", WebSocket: &described}, httpstep.Vars{"prompt": `say "hi"`})
	if err != nil {
		t.Fatal(err)
	}
	return target.Send(t.Context(), request, jar)
}

func message(text string, until v1alpha1.CELExpression) v1alpha1.WebSocketMessage {
	return v1alpha1.WebSocketMessage{Text: text, Until: until}
}

func TestAConversationOverWebSocket(t *testing.T) {
	var heard []string
	target := socket(t, func(ctx context.Context, conn *websocket.Conn, _ *http.Request) {
		for range 2 {
			_, data, err := conn.Read(ctx)
			if err != nil {
				return
			}
			heard = append(heard, string(data))
			say(ctx, conn, `{"type":"ack"}`, `{"delta":"Hel"}`, `{"delta":"lo","done":true}`)
		}
		untilGone(ctx, conn)
	})
	resp, err := overSocket(t, target, v1alpha1.WebSocket{Send: []v1alpha1.WebSocketMessage{
		message("init", `response.json.?done.orValue(false)`),
		{JSON: &apiextensionsv1.JSON{Raw: []byte(`{"message":"$(prompt)"}`)}, Until: `response.events.filter(e, has(e.done)).size() == 2`},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"init", `{"message":"say \"hi\""}`}, heard); diff != "" {
		t.Error(diff)
	}
	for source, want := range map[v1alpha1.CELExpression]string{
		`response.status`: "101",
		`response.events.map(e, e.?delta.orValue("")).join("")`: "HelloHello",
		`response.json.delta`:                         "lo",
		`response.text.split("\n").size()`:            "6",
		`response.closeCode`:                          "0",
		`response.headers["connection"].lowerAscii()`: "upgrade",
		`response.url.endsWith("/ws")`:                "true",
	} {
		e, err := httpstep.Compile(source, httpstep.Text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Text(t.Context(), resp); got != want {
			t.Errorf("%s: %q, %v, want %q", source, got, err, want)
		}
	}
	if diff := cmp.Diff([]string{"HelloHello", "ackack"}, resp.Streams()); diff != "" {
		t.Error(diff)
	}
}

func TestAConversationEnds(t *testing.T) {
	quick := func(until v1alpha1.CELExpression) v1alpha1.WebSocket {
		return v1alpha1.WebSocket{QuietSeconds: 1, Send: []v1alpha1.WebSocketMessage{message("hello", until)}}
	}
	long := strings.Repeat("x", 300<<10)
	for _, c := range []struct {
		name      string
		described v1alpha1.WebSocket
		speak     func(context.Context, *websocket.Conn)
		messages  int
		closed    websocket.StatusCode
		truncated bool
		least     time.Duration
	}{
		{name: "when the app closes", described: quick(""), messages: 1, closed: 4401, speak: func(ctx context.Context, conn *websocket.Conn) {
			say(ctx, conn, "bye")
			_ = conn.Close(4401, "log in")
		}},
		{name: "when the app is quiet", described: quick(""), messages: 2, least: time.Second, speak: func(ctx context.Context, conn *websocket.Conn) {
			say(ctx, conn, "a", "b")
			untilGone(ctx, conn)
		}},
		{name: "when what it waits for does not come", described: quick("response.json.done"), messages: 1, least: time.Second, speak: func(ctx context.Context, conn *websocket.Conn) {
			say(ctx, conn, `{"error":"no"}`)
			untilGone(ctx, conn)
		}},
		{name: "when nothing was said at all", described: quick(""), least: time.Second, speak: untilGone},
		{name: "when it was said enough", described: quick(""), messages: 4, truncated: true, speak: func(ctx context.Context, conn *websocket.Conn) {
			say(ctx, conn, long, long, long, long, long)
			untilGone(ctx, conn)
		}},
		{name: "when one message is too long", described: quick(""), messages: 1, truncated: true, speak: func(ctx context.Context, conn *websocket.Conn) {
			say(ctx, conn, strings.Repeat("x", 3<<20))
			untilGone(ctx, conn)
		}},
		{name: "when there were too many messages", described: quick(""), messages: 4096, truncated: true, speak: func(ctx context.Context, conn *websocket.Conn) {
			for range 5000 {
				say(ctx, conn, "x")
			}
			untilGone(ctx, conn)
		}},
		{name: "when pings alone come", described: quick(""), least: time.Second, speak: func(ctx context.Context, conn *websocket.Conn) {
			go untilGone(ctx, conn)
			for err := error(nil); err == nil; {
				err = conn.Ping(ctx)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			target := socket(t, func(ctx context.Context, conn *websocket.Conn, _ *http.Request) { c.speak(ctx, conn) })
			started := time.Now()
			resp, err := overSocket(t, target, c.described, nil)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(resp.Events()); n != c.messages || resp.Closed.Code != c.closed || resp.Truncated != c.truncated || len(resp.Body) > 1<<20+3 {
				t.Errorf("%d messages, %d bytes, closed with %d, truncated %t", n, len(resp.Body), resp.Closed.Code, resp.Truncated)
			}
			if took := time.Since(started); took < c.least || took > 4*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestWhatIsNotAnsweredIsGoneOnFrom(t *testing.T) {
	target := socket(t, func(ctx context.Context, conn *websocket.Conn, _ *http.Request) {
		for {
			_, data, err := conn.Read(ctx)
			if err != nil {
				return
			}
			if string(data) == "second" {
				say(ctx, conn, "heard")
			}
		}
	})
	resp, err := overSocket(t, target, v1alpha1.WebSocket{QuietSeconds: 1, Send: []v1alpha1.WebSocketMessage{
		message("first", `response.text == "ready"`), message("second", `response.text == "heard"`),
	}}, nil)
	if err != nil || resp.Text() != "heard" {
		t.Errorf("%+v, %v", resp, err)
	}
}

func TestAConversationHasATimeLimit(t *testing.T) {
	target := socket(t, func(ctx context.Context, conn *websocket.Conn, _ *http.Request) {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if conn.Write(ctx, websocket.MessageText, []byte("still here")) != nil {
				return
			}
		}
	})
	target.Timeout = 500 * time.Millisecond
	resp, err := overSocket(t, target, v1alpha1.WebSocket{Send: []v1alpha1.WebSocketMessage{message("x", "")}}, nil)
	if err != nil || !resp.Truncated || len(resp.Events()) == 0 {
		t.Errorf("%+v, %v", resp, err)
	}
	silent := socket(t, func(ctx context.Context, conn *websocket.Conn, _ *http.Request) { untilGone(ctx, conn) })
	silent.Timeout = 100 * time.Millisecond
	if _, err := overSocket(t, silent, v1alpha1.WebSocket{Send: []v1alpha1.WebSocketMessage{message("x", "")}}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silence until the time was up: %v", err)
	}
}

func TestTheHandshake(t *testing.T) {
	var got *http.Request
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Set-Cookie", "seen=yes; Path=/; Secure")
		w.Header().Set("X-Reason", "nobody")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"error":"`+strings.Repeat("long ", 1000)+`end"}`)
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(&url.URL{Scheme: "https", Host: "app.example.com", Path: "/"}, []*http.Cookie{{Name: "sid", Value: "s1"}}) //nolint:gosec // of a test
	request, err := httpstep.Prepare(v1alpha1.HTTPRequest{
		Path: "/ws", Headers: map[string]v1alpha1.HeaderValue{"Sec-WebSocket-Protocol": "chat.v1, $(t)", "X-T": "$(t)"},
		WebSocket: &v1alpha1.WebSocket{Send: []v1alpha1.WebSocketMessage{message("x", "")}},
	}, httpstep.Vars{"t": "tok"})
	if err != nil {
		t.Fatal(err)
	}
	request.Path = "/x/..;//%2e%2e/ws?a=1&a=2"
	target.Budget = httpstep.NewBudget(2)
	resp, err := target.Send(t.Context(), request, jar)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != 401 || !strings.HasSuffix(string(resp.Body), `end"}`) || resp.Header.Get("X-Reason") != "nobody" {
		t.Errorf("a refusal: %d, %d bytes", resp.Status, len(resp.Body))
	}
	want := map[string]string{
		"Origin": "https://app.example.com", "Cookie": "sid=s1", "X-T": "tok", "User-Agent": "LaunchReady/test", "Sec-Websocket-Protocol": "chat.v1,tok",
		"Upgrade": "websocket", "Sec-Websocket-Extensions": "",
	}
	for name, value := range want {
		if got.Header.Get(name) != value {
			t.Errorf("%s is %q, want %q", name, got.Header.Get(name), value)
		}
	}
	if got.RequestURI != request.Path || got.Host != "app.example.com" || got.Method != http.MethodGet || got.ContentLength != 0 {
		t.Errorf("%s %s of %s, %d bytes", got.Method, got.RequestURI, got.Host, got.ContentLength)
	}
	if cookies := jar.Cookies(&url.URL{Scheme: "https", Host: "app.example.com", Path: "/"}); len(cookies) != 2 || target.Budget.Spent() != 1 {
		t.Errorf("cookies %v, spent %d", cookies, target.Budget.Spent())
	}
}

func TestARedirectedHandshakeDoesNotLeaveTheTarget(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the target was left") }))
	defer elsewhere.Close()
	target := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	described := v1alpha1.WebSocket{Send: []v1alpha1.WebSocketMessage{message("x", "")}}
	resp, err := overSocket(t, target, described, nil)
	if err != nil || resp.Status != http.StatusFound {
		t.Errorf("%v, %v", resp, err)
	}
	step, err := httpstep.CompileStep(v1alpha1.HTTPStep{Request: v1alpha1.HTTPRequest{Path: "/ws", WebSocket: &described}})
	if err != nil {
		t.Fatal(err)
	}
	var left *httpstep.LeftError
	if _, _, err := step.Run(t.Context(), target, nil, nil, nil); !errors.As(err, &left) {
		t.Errorf("a step followed: %v", err)
	}
}

func TestAStepOverWebSocketSucceedsWhenItOpens(t *testing.T) {
	target := socket(t, func(ctx context.Context, conn *websocket.Conn, _ *http.Request) {
		say(ctx, conn, `{"id":7}`)
		_ = conn.Close(websocket.StatusNormalClosure, "")
	})
	step, err := httpstep.CompileStep(v1alpha1.HTTPStep{
		Request: v1alpha1.HTTPRequest{Path: "/ws", WebSocket: &v1alpha1.WebSocket{Send: []v1alpha1.WebSocketMessage{message("x", "")}}},
		Capture: map[string]v1alpha1.CELExpression{"id": "response.json.id"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := step.Run(t.Context(), target, nil, nil, nil)
	if err != nil || got["id"] != "7" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestWhatWasNotAgreedToIsNotUnpacked lets a server send a compressed message that would grow a thousandfold.
func TestWhatWasNotAgreedToIsNotUnpacked(t *testing.T) {
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow() //nolint:errcheck // it is over
		untilGone(r.Context(), conn)
	})}
	go server.Serve(bombing{listener}) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { _ = server.Close() })
	base := &url.URL{Scheme: "http", Host: netip.MustParseAddrPort(listener.Addr().String()).String()}
	target := &httpstep.Target{Base: base, Transport: &http.Transport{}, Timeout: 5 * time.Second}
	resp, err := overSocket(t, target, v1alpha1.WebSocket{QuietSeconds: 1, Send: []v1alpha1.WebSocketMessage{message("x", "")}}, nil)
	if err != nil || len(resp.Events()) != 0 || len(resp.Body) != 0 {
		t.Errorf("%v, %v", resp, err)
	}
}

// bombing is a listener whose connections send a frame that says it is compressed (RFC 7692 §6) behind whatever is written first.
type bombing struct{ net.Listener }

func (b bombing) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	return &bomber{Conn: conn}, err
}

type bomber struct {
	net.Conn
	sent bool
}

func (b *bomber) Write(data []byte) (int, error) {
	n, err := b.Conn.Write(data)
	if err == nil && !b.sent {
		b.sent = true
		// FIN, RSV1 and text; seven bytes of DEFLATE.
		_, err = b.Conn.Write([]byte{0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00})
	}
	return n, err
}

func TestStreamsJoinWhatComesPieceByPiece(t *testing.T) {
	for _, c := range []struct {
		contentType, body string
		want              []string
	}{
		{"text/event-stream", "data: {\"a\":\"x\",\"n\":1,\"d\":[{\"t\":\"p\"}]}\n\ndata: {\"a\":\"y\",\"d\":[{\"t\":\"q\"},{\"t\":\"r\"}]}\n\n", []string{"xy", "pqr"}},
		{"text/event-stream", "data: he\n\ndata: llo\n\n", []string{"hello"}},
		{"application/x-ndjson", "{\"a\":\"x\"}\n{\"a\":\"y\"}\n", []string{"xy"}},
		{"application/json", `{"a":"x","b":"y"}`, nil},
		{"application/json", "", nil},
	} {
		r := &httpstep.Response{Status: 200, Header: http.Header{"Content-Type": {c.contentType}}, Body: []byte(c.body)}
		if diff := cmp.Diff(c.want, r.Streams()); diff != "" {
			t.Errorf("%s: %s", c.body, diff)
		}
	}
}

func TestAChangedRequestLeavesTheOldOneAlone(t *testing.T) {
	request, err := httpstep.Prepare(v1alpha1.HTTPRequest{Path: "/", WebSocket: &v1alpha1.WebSocket{
		Send: []v1alpha1.WebSocketMessage{message("first", ""), message("last", "")},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	changed := request.Clone()
	changed.Body[0], changed.Socket.Before[0].Text[0] = 'X', 'X'
	texts := func(r httpstep.Request) string {
		data, err := json.Marshal(r.Messages())
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if got := request.Messages(); string(got[0]) != "first" || string(got[1]) != "last" || texts(request) == texts(changed) {
		t.Errorf("%s, %s", texts(request), texts(changed))
	}
}

func TestAnOriginOfItsOwnIsKept(t *testing.T) {
	got := ""
	target := socket(t, func(ctx context.Context, conn *websocket.Conn, r *http.Request) {
		got = r.Header.Get("Origin")
		say(ctx, conn, "hello")
	})
	request, err := httpstep.Prepare(v1alpha1.HTTPRequest{
		Path: "/ws", Headers: map[string]v1alpha1.HeaderValue{"Origin": "http://app.example.com"}, WebSocket: &v1alpha1.WebSocket{Send: []v1alpha1.WebSocketMessage{message("hi", "")}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.Send(t.Context(), request, nil); err != nil || got != "http://app.example.com" {
		t.Errorf("%v, the origin was %q", err, got)
	}
}

func TestWhatIsNoTextIsMadeOne(t *testing.T) {
	target := socket(t, func(ctx context.Context, conn *websocket.Conn, _ *http.Request) {
		_, _, _ = conn.Read(ctx)                                       // whatever it is
		_ = conn.Write(ctx, websocket.MessageBinary, []byte("a\xffb")) // and whoever hears it
	})
	resp, err := overSocket(t, target, v1alpha1.WebSocket{Send: []v1alpha1.WebSocketMessage{message("hi", "")}}, nil)
	if err != nil || len(resp.Events()) != 1 || resp.Events()[0] != "a\uFFFDb" {
		t.Errorf("%v %q", err, resp.Events())
	}
}
