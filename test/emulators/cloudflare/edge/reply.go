// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

// finish leads a reply through the response phases, in Cloudflare's order.
// Source: developers.cloudflare.com/ruleset-engine/reference/phases-list/#response-phases
func (x *exchange) finish(reply *http.Response) error {
	if reply.StatusCode == http.StatusSwitchingProtocols {
		x.upgraded = true
	} else {
		withoutHops(reply.Header)
	}
	for _, name := range []string{"X-Accel-Buffering", "X-Accel-Charset", "X-Accel-Limit-Rate", "X-Accel-Redirect"} {
		reply.Header.Del(name)
	}
	x.seeReply(reply)
	if err := x.customErrors(reply); err != nil {
		return err
	}
	x.hsts(reply)
	x.seeReply(reply)
	if err := x.responseHeaders(reply); err != nil {
		return err
	}
	for _, f := range x.onReply {
		if err := f(); err != nil {
			return &failure{"a rate limit's counting_expression", err}
		}
	}
	return nil
}

// seeReply lets expressions see the reply as it is now: what they see doesn't change within a phase.
func (x *exchange) seeReply(reply *http.Response) {
	view := *x.view
	view.Response = &expression.Response{Code: reply.StatusCode, Header: reply.Header.Clone(), ErrorType: x.errorType, Code1xxx: x.code1xxx}
	x.view = &view
}

// customErrors replaces errors, by the first rule that matches. Challenges and a rule's own reply are left alone; a block's default page
// is replaced only by a rule that asks for cf.response.error_type: Cloudflare says both that rules don't apply to it and that they do so
// by this field.
// Source: developers.cloudflare.com/rules/custom-errors/ and /ruleset-engine/rules-language/fields/reference/cf.response.error_type/
func (x *exchange) customErrors(reply *http.Response) error {
	challenged := x.errorType == typeManaged || x.errorType == typeIUAM || x.errorType == typeLegacy
	if reply.StatusCode < http.StatusBadRequest || x.customReply || challenged {
		return nil
	}
	security := x.errorType == typeWAF || x.errorType == typeRateLimit
	return x.each(expression.PhaseCustomErrors, func(r *rule) (bool, error) {
		if security && !r.filter.Uses("cf.response.error_type") {
			return false, nil
		}
		p := r.params.serve
		replaceBody(reply, []byte(strings.NewReplacer("::RAY_ID::", x.ray, "::CLIENT_IP::", x.source.String()).Replace(p.Content)))
		reply.Header.Set("Content-Type", p.ContentType)
		reply.Header.Del("Content-Encoding")
		if p.StatusCode != 0 {
			reply.StatusCode = p.StatusCode
		}
		return true, nil
	})
}

// hsts sends the zone's HSTS over HTTPS (RFC 6797 §7.2).
// Source: developers.cloudflare.com/ssl/edge-certificates/additional-options/http-strict-transport-security/
func (x *exchange) hsts(reply *http.Response) {
	s := x.z.settings.hsts
	if !s.Enabled || !x.https {
		return
	}
	value := "max-age=" + strconv.FormatInt(s.MaxAge, 10)
	if s.IncludeSubdomains {
		value += "; includeSubDomains"
	}
	if s.Preload {
		value += "; preload"
	}
	reply.Header.Set("Strict-Transport-Security", value)
	if s.NoSniff {
		reply.Header.Set("X-Content-Type-Options", "nosniff")
	}
}

// responseHeaders applies response header transform rules in order, to errors too.
// Source: developers.cloudflare.com/rules/transform/response-header-modification/
func (x *exchange) responseHeaders(reply *http.Response) error {
	return x.each(expression.PhaseResponseHeaders, func(r *rule) (bool, error) {
		return false, x.changeHeaders(r, reply.Header)
	})
}

// write sends the reply to the visitor, as it comes.
func (x *exchange) write(reply *http.Response) {
	h := x.w.Header()
	for name, values := range reply.Header {
		h[name] = values
	}
	h.Set("Server", "cloudflare")
	h.Set("Cf-Ray", x.ray+"-"+colo)
	h.Del("Cf-Cache-Status")
	if x.cacheStatus != "" {
		h.Set("Cf-Cache-Status", x.cacheStatus)
	}
	if x.upgraded {
		x.tunnel(reply)
		return
	}
	defer func() { _ = reply.Body.Close() }()
	if reply.ContentLength >= 0 && x.r.Method != http.MethodHead && reply.StatusCode != http.StatusNotModified && reply.StatusCode != http.StatusNoContent {
		h.Set("Content-Length", strconv.FormatInt(reply.ContentLength, 10))
	}
	x.w.WriteHeader(reply.StatusCode)
	if err := x.stream(reply.Body); err != nil {
		// The visitor sees a reply that was cut off, as the origin's was.
		panic(http.ErrAbortHandler)
	}
}

// stream passes a body on, piece by piece.
func (x *exchange) stream(body io.Reader) error {
	control := http.NewResponseController(x.w)
	buffer := make([]byte, 32<<10)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			if _, err := x.w.Write(buffer[:n]); err != nil {
				return fmt.Errorf("writing to the visitor: %w", err)
			}
			if err == nil {
				_ = control.Flush()
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return fmt.Errorf("reading from the origin: %w", err)
		}
	}
}

// tunnel joins the connections of the visitor and the origin, after the origin has agreed to another protocol.
func (x *exchange) tunnel(reply *http.Response) {
	origin, ok := reply.Body.(io.ReadWriteCloser)
	if !ok {
		x.fail(&failure{"an upgrade", io.ErrUnexpectedEOF})
		return
	}
	defer func() { _ = origin.Close() }()
	visitor, buffered, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.e.options.Log.Error("taking over a visitor's connection", "error", err.Error())
		return
	}
	defer func() { _ = visitor.Close() }()
	reply.Header, reply.Body = x.w.Header(), nil
	if err := errors.Join(reply.Write(buffered), buffered.Flush()); err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(origin, buffered)
		_ = origin.Close()
	})
	both.Go(func() {
		_, _ = io.Copy(visitor, origin)
		_ = visitor.Close()
	})
	both.Wait()
}
