// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

// phaseSBFM is the phase of Super Bot Fight Mode, which has no rules of a zone's own.
const phaseSBFM = "http_request_sbfm"

// colo is the data centre that this edge says it is.
const colo = "EMU"

// exchange is a request on its way through the phases, and what was found out about its reply.
type exchange struct {
	e      *Edge
	z      *zone
	record Record
	w      http.ResponseWriter
	r      *http.Request
	host   string
	https  bool
	source netip.Addr
	ray    string
	now    time.Time
	body   *peeked

	// view is what expressions see; it changes between phases only.
	view *expression.Request
	// The zone's settings with those of configuration rules over them.
	ssl, securityLevel string
	skipped            map[string]bool
	cacheRule          cacheRule
	found              map[int][]finding

	// origin is called when the request goes to the origin, reply when there is a reply.
	toOrigin []func()
	onReply  []func() error

	cacheStatus string
	errorType   string
	code1xxx    int
	// Whether a rule's own reply was given, which custom errors leave alone.
	customReply bool
	upgraded    bool
}

// failure is an error of the emulator's own: something that it can't do as Cloudflare does.
type failure struct {
	what string
	err  error
}

func (f *failure) Error() string { return f.what + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func failed(r *rule, err error) error {
	return &failure{what: fmt.Sprintf("rule %s of %s", r.name(), r.phase), err: err}
}

// serve leads a request through the phases.
func (e *Edge) serve(w http.ResponseWriter, r *http.Request, port int) {
	x := e.begin(w, r, port)
	reply := x.refused() //nolint:bodyclose // write closes it
	if reply == nil {
		var err error
		reply, err = x.handle()
		if err == nil {
			err = x.finish(reply)
		}
		if err != nil {
			if reply != nil {
				_ = reply.Body.Close()
			}
			if r.Context().Err() == nil {
				x.fail(err)
			}
			return
		}
	}
	x.write(reply)
}

func (e *Edge) begin(w http.ResponseWriter, r *http.Request, port int) *exchange {
	own := e.http.Addr()
	if port == 443 {
		own = e.https.Addr()
	}
	_, ownPort, _ := net.SplitHostPort(own.String())
	host := portless(r.Host, ownPort)
	x := &exchange{e: e, w: w, r: r, host: bareHost(host), https: port == 443, now: e.options.Now(), skipped: map[string]bool{}}
	x.source = e.visitor(r)
	var id [8]byte
	_, _ = rand.Read(id[:]) // it doesn't fail
	x.ray = hex.EncodeToString(id[:])
	r.Header.Del(HeaderClientIP)
	x.body = &peeked{from: r.Body}
	r.Body = x.body
	x.see(host, port)
	return x
}

// visitor is where the request comes from.
func (e *Edge) visitor(r *http.Request) netip.Addr {
	if e.options.TrustClientIP {
		if a, err := netip.ParseAddr(r.Header.Get(HeaderClientIP)); err == nil {
			return a.Unmap()
		}
	}
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap()
}

// see makes what expressions see. The host is as the visitor wrote it: Cloudflare's page on http.host calls it "the Host header from the
// original client request", and its page on lower() has an example in capitals.
func (x *exchange) see(host string, port int) {
	target := x.r.RequestURI
	if i := strings.Index(target, "://"); i >= 0 {
		target = target[i+len("://"):]
		target = "/" + strings.TrimPrefix(target[min(len(target), strings.IndexAny(target+"/", "/?")):], "/")
	}
	path, query, _ := strings.Cut(target, "?")
	version := x.r.Proto
	if x.r.ProtoMajor == 2 {
		version = "HTTP/2"
	}
	x.view = &expression.Request{
		Method: x.r.Method, Host: host, Path: normalised(path), Query: query, RawPath: path, RawQuery: query, Proto: version, Header: x.r.Header,
		TLS: x.https, Port: port, Source: x.source, Time: x.now, RayID: x.ray, Body: x.body.peek, BodySize: x.r.ContentLength, Colo: colo,
	}
	if s := x.r.TLS; s != nil {
		x.view.TLSVersion = strings.Replace(tls.VersionName(s.Version), "TLS ", "TLSv", 1)
		x.view.TLSCipher = tls.CipherSuiteName(s.CipherSuite)
	}
	if x.e.options.Scores != nil {
		x.view.Scores = x.e.options.Scores(x.r)
	}
}

// refused answers for what no zone serves: error 1003 for an address, 1001 for a name.
// Source: developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/
func (x *exchange) refused() *http.Response {
	if _, err := netip.ParseAddr(strings.Trim(x.host, "[]")); err == nil || x.host == "" {
		return x.errorReply(problem{status: http.StatusForbidden, code: 1003, name: "direct_ip_access", title: "Access Denied: Direct IP Access Not Allowed"})
	}
	z, record, ok := x.e.find(x.host)
	if !ok {
		return x.errorReply(problem{status: http.StatusConflict, code: 1001, name: "dns_resolution_error", title: "DNS resolution error"})
	}
	x.z, x.record = z, record
	return nil
}

// handle leads the request through the phases, in Cloudflare's order, until one answers.
// Source: developers.cloudflare.com/ruleset-engine/reference/phases-list/#request-phases
func (x *exchange) handle() (*http.Response, error) {
	x.ssl, x.securityLevel = x.z.settings.ssl, x.z.settings.securityLevel
	phases := []func() (*http.Response, error){
		x.checked, x.reserved, x.alwaysHTTPS, x.redirects, x.rewriteURL, x.configure, x.sslOff, x.underAttack, x.firewall, x.rateLimits,
		x.managed, x.fightBots, x.requestHeaders, x.cacheSettings, x.fetch,
	}
	for _, phase := range phases {
		if reply, err := phase(); reply != nil || err != nil {
			return reply, err
		}
	}
	return nil, errors.New("the origin gave no reply")
}

// checked fails for what the zone has and the emulator doesn't.
func (x *exchange) checked() (*http.Response, error) {
	if errs := x.z.settings.errs; len(errs) > 0 {
		return nil, &failure{"the zone's settings", errors.Join(errs...)}
	}
	if x.z.bots.err != nil {
		return nil, &failure{"the zone's bot management", x.z.bots.err}
	}
	for phase, rules := range x.z.rules {
		if len(rules) > 0 && !slices.Contains(supported, phase) {
			return nil, failed(rules[0], rules[0].filterErr)
		}
	}
	return nil, nil
}

// reserved paths are Cloudflare's own. Source: developers.cloudflare.com/fundamentals/reference/cdn-cgi-endpoint/
func (x *exchange) reserved() (*http.Response, error) {
	if strings.HasPrefix(x.view.Path, "/cdn-cgi/") {
		return x.reply(http.StatusNotFound, "text/plain; charset=utf-8", "nothing of Cloudflare's is emulated below /cdn-cgi/\n"), nil
	}
	return nil, nil
}

// each calls what is done for the rules of a phase that match, until it says stop.
func (x *exchange) each(phase expression.Phase, do func(*rule) (stop bool, err error)) error {
	for _, r := range x.z.rules[string(phase)] {
		if r.filterErr != nil {
			return failed(r, r.filterErr)
		}
		matched, err := r.filter.Eval(x.view)
		if err != nil {
			return failed(r, err)
		}
		if !matched {
			continue
		}
		if r.paramErr != nil {
			return failed(r, r.paramErr)
		}
		if stop, err := do(r); stop || err != nil {
			return err
		}
	}
	return nil
}

func (x *exchange) event(phase, rule, action, detail string) {
	if x.e.options.OnEvent == nil {
		return
	}
	x.e.options.OnEvent(Event{
		Zone: x.z.Name, Host: x.host, Method: x.r.Method, Path: x.view.Path, RayID: x.ray, Source: x.source.String(),
		Phase: phase, Rule: rule, Action: action, Detail: detail,
	})
}

// fail answers for an error of the emulator's own.
func (x *exchange) fail(err error) {
	x.e.options.Log.Error("the emulated edge can't do as Cloudflare does", "host", x.host, "path", x.view.Path, "error", err.Error())
	h := x.w.Header()
	h.Set(HeaderError, strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, err.Error()))
	h.Set("Cf-Ray", x.ray+"-"+colo)
	http.Error(x.w, "emulator: "+err.Error(), http.StatusInternalServerError)
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
