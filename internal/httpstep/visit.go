// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Visits are the hosts that a login may lead to, which are no part of the app: those of an identity provider. LogIn alone goes there.
// Send and Follow, by which the app is attacked, have no way to.
type Visits struct {
	// places by host:port.
	places map[string]place
}

// NewVisits gives the hosts that a login names. The transport is another one than the app's: which addresses it dials is its business.
func NewVisits(hosts []v1alpha1.PublicHost, transport http.RoundTripper) *Visits {
	v := &Visits{places: map[string]place{}}
	for _, h := range hosts {
		v.places[h.HostPort()] = place{base: h.URL(), transport: transport, visited: true}
	}
	return v
}

// place is where a request goes: to the app, or to a host that a login visits.
type place struct {
	base *url.URL
	// host is what requests ask for, where that is another name than base's.
	host      string
	transport http.RoundTripper
	// visited says that it is no part of the app.
	visited bool
}

// app is where everything goes but some steps of a login.
func (t *Target) app() place { return place{base: t.Base, host: t.Host, transport: t.Transport} }

// jarURL is under which URL cookies are kept: the scheme is that of strangers, who come by HTTPS, or cookies with Secure would be
// lost where we come to a Service by HTTP.
func (p place) jarURL(path string) *url.URL {
	host := p.base.Hostname()
	if p.host != "" {
		host = p.host
	}
	path, _, _ = strings.Cut(path, "?")
	return &url.URL{Scheme: "https", Host: host, Path: path}
}

// from is the URL that a redirect is relative to.
func (p place) from(path string) *url.URL {
	u := p.jarURL("/")
	if p.visited {
		u.Host = p.base.Host
	}
	u.Path, u.RawQuery, _ = strings.Cut(path, "?")
	return u
}

// own says whether an address is the app's own, by the name that strangers know: a login that names it stays on the app.
func (t *Target) own(address string) bool {
	return t.Host != "" && strings.EqualFold(address, v1alpha1.PublicHost(t.Host).HostPort())
}

// visit gives the host that a login goes to. It is nil-safe: without Visits there is none.
func (t *Target) visit(visits *Visits, address string) (place, bool) {
	if visits == nil || t.own(address) {
		return place{}, false
	}
	p, ok := visits.places[strings.ToLower(address)]
	return p, ok
}

// placeOf gives where a URL leads: to a host that is visited, which is so by HTTPS and on its port alone, or to the app.
func (t *Target) placeOf(u *url.URL, visits *Visits) (place, bool) {
	if u.Scheme == "https" && u.User == nil {
		port := u.Port()
		if port == "" {
			port = "443"
		}
		if p, ok := t.visit(visits, net.JoinHostPort(u.Hostname(), port)); ok {
			return p, true
		}
	}
	return t.app(), t.ours(u)
}

// AtHome gives the description with what a login says of the app's own name taken for the app: whatever is tried on the app is tried
// there too.
func (t *Target) AtHome(described *v1alpha1.App) *v1alpha1.App {
	if described.Login == nil || len(described.Login.Hosts) == 0 {
		return described
	}
	app := described.DeepCopy()
	app.Login.Hosts = slices.DeleteFunc(app.Login.Hosts, func(h v1alpha1.PublicHost) bool { return t.own(h.HostPort()) })
	steps := []*v1alpha1.HTTPStep{}
	for i := range app.Login.Steps {
		steps = append(steps, &app.Login.Steps[i])
	}
	if app.Login.Refresh != nil {
		steps = append(steps, app.Login.Refresh)
	}
	for _, step := range steps {
		if t.own(v1alpha1.PublicHost(step.Request.Host).HostPort()) {
			step.Request.Host = ""
		}
	}
	return app
}

// ErrElsewhere says that a request goes to another host than the app, where only a login may go.
var ErrElsewhere = errors.New("only a login may go to another host than the app")

// ErrCarried says that a redirect would give to one host what was meant for another. RFC 9700 §4.12.
var ErrCarried = errors.New("a redirect would carry the body of a request to another host: let the app answer 303 instead of 307 or 308")

// VisitError says that a host that a login names could not be reached.
type VisitError struct {
	Host string
	Err  error
}

func (e *VisitError) Error() string {
	return fmt.Sprintf("%s could not be reached: it has to answer by HTTPS, with a certificate that public authorities vouch for, at public addresses", e.Host)
}

func (e *VisitError) Unwrap() error { return e.Err }

// LogIn runs a step of a login: as Run does, but it may go to a host that the login names, by itself or by redirects, and back to the
// app. Cookies come along where they belong, and of what the app is shown nothing else.
func (s *Step) LogIn(ctx context.Context, t *Target, jar http.CookieJar, vars Vars) (Vars, *Response, error) {
	described := s.described.Request
	at := t.app()
	if described.Host != "" {
		address := v1alpha1.PublicHost(described.Host).HostPort()
		var ok bool
		if at, ok = t.visit(t.Visits, address); !ok && !t.own(address) {
			return nil, nil, &LeftError{Host: described.Host}
		} else if !ok {
			at = t.app()
		}
	}
	if at.visited && described.WebSocket != nil {
		return nil, nil, ErrElsewhere
	}
	described.Host = ""
	r, err := Prepare(described, vars)
	if err != nil {
		return nil, nil, err
	}
	return s.run(ctx, t, at, r, jar, t.Visits)
}
