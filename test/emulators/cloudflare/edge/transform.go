// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"html"
	"net/http"
	"strings"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

// alwaysHTTPS sends all plain HTTP to HTTPS where the zone says so.
// Source: developers.cloudflare.com/ssl/edge-certificates/additional-options/always-use-https/
func (x *exchange) alwaysHTTPS() (*http.Response, error) {
	if x.https || !x.z.settings.alwaysHTTPS || x.ssl == sslOff {
		return nil, nil
	}
	return x.redirectTo(http.StatusMovedPermanently, "https://"+x.host+x.target()), nil
}

// sslOff sends HTTPS to plain HTTP. Source: developers.cloudflare.com/ssl/origin-configuration/ssl-modes/off/
func (x *exchange) sslOff() (*http.Response, error) {
	if !x.https || x.ssl != sslOff {
		return nil, nil
	}
	return x.redirectTo(http.StatusMovedPermanently, "http://"+x.host+x.target()), nil
}

// target is the path and query as the visitor sent them.
func (x *exchange) target() string {
	if x.view.RawQuery == "" {
		return x.view.RawPath
	}
	return x.view.RawPath + "?" + x.view.RawQuery
}

// redirects are the single redirects, of which the first that matches counts.
func (x *exchange) redirects() (reply *http.Response, err error) {
	err = x.each(expression.PhaseRedirect, func(r *rule) (bool, error) {
		p := r.params.redirect
		to, err := p.Target.of(x.view)
		if err != nil {
			return true, failed(r, err)
		}
		if p.PreserveQuery && x.view.Query != "" {
			separator := "?"
			if strings.Contains(to, "?") {
				separator = "&"
			}
			to += separator + x.view.Query
		}
		reply = x.redirectTo(p.StatusCode, to) //nolint:bodyclose // write closes it
		return true, nil
	})
	return reply, err
}

func (x *exchange) redirectTo(status int, location string) *http.Response {
	location = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, location)
	reply := x.reply(status, "text/html", "<html><head><title>"+http.StatusText(status)+"</title></head><body><a href=\""+
		html.EscapeString(location)+"\">"+http.StatusText(status)+"</a></body></html>\n")
	reply.Header.Set("Location", location)
	return reply
}

// rewriteURL applies URL rewrites: each part is set by the last rule that matches.
func (x *exchange) rewriteURL() (*http.Response, error) {
	view := *x.view
	err := x.each(expression.PhaseTransform, func(r *rule) (bool, error) {
		for _, part := range []struct {
			to   *text
			into *string
		}{{r.params.rewrite.URI.Path, &view.Path}, {r.params.rewrite.URI.Query, &view.Query}} {
			if part.to == nil {
				continue
			}
			s, err := part.to.of(x.view)
			if err != nil {
				return true, failed(r, err)
			}
			*part.into = s
		}
		return false, nil
	})
	if !strings.HasPrefix(view.Path, "/") {
		view.Path = "/" + view.Path
	}
	x.view = &view
	return nil, err
}

// configure applies configuration rules: of several that match, the last counts.
// Source: developers.cloudflare.com/rules/configuration-rules/
func (x *exchange) configure() (*http.Response, error) {
	return nil, x.each(expression.PhaseConfig, func(r *rule) (bool, error) {
		if c := r.params.config; c.SSL != "" {
			if !isMode(c.SSL) {
				return true, failed(r, &failure{"ssl", errMode(c.SSL)})
			}
			x.ssl = c.SSL
		}
		if c := r.params.config; c.SecurityLevel != "" {
			x.securityLevel = c.SecurityLevel
		}
		return false, nil
	})
}

// requestHeaders changes what the origin sees.
// Source: developers.cloudflare.com/rules/transform/request-header-modification/
func (x *exchange) requestHeaders() (*http.Response, error) {
	changed := x.r.Header.Clone()
	err := x.each(expression.PhaseLateTransform, func(r *rule) (bool, error) {
		return false, x.changeHeaders(r, changed)
	})
	x.r.Header = changed
	view := *x.view
	view.Header = changed
	x.view = &view
	return nil, err
}

// changeHeaders applies a rule's changes. A value that comes out empty removes the header.
func (x *exchange) changeHeaders(r *rule, h http.Header) error {
	for name, change := range r.params.rewrite.Headers {
		if change.Operation == "remove" {
			h.Del(name)
			continue
		}
		value, err := change.of(x.view)
		if err != nil {
			return failed(r, err)
		}
		switch {
		case change.Operation == "add" && value != "":
			h.Add(name, value)
		case change.Operation == "add":
		case value == "":
			h.Del(name)
		default:
			h.Set(name, value)
		}
	}
	return nil
}
