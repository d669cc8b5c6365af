// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/openapi"
)

const (
	// maxLooked is how many routes that pages and scripts name are looked for. Libraries name many that are not there; what is the
	// app's own comes first.
	maxLooked = 150
	// maxSorted is how many routes are compared with what is described: most of the first are, in a large app.
	maxSorted = 600
	// leastNamed is how many routes that pages and scripts alone name have to be left before they count. A form for feedback or a
	// newsletter is in many bundles, and of a small app's five routes it would be a fifth; a kind of data that nobody described has a list,
	// an item and what changes it, which are three.
	leastNamed = 3
)

var (
	// apiLike is how paths look that are an API's, rather than pages of an app that runs in the browser.
	apiLike = regexp.MustCompile(`(?i)/(api|rest|graphql|rpc|v[0-9]+|internal)(/|$)`)
	// ofAccounts is how paths look by which accounts and sessions begin and end. They are for those who have none yet, and the login is
	// measured by itself.
	ofAccounts = regexp.MustCompile(`(?i)/(auth|oauth2?|oidc|saml|sso)(/|$)|/(log-?in|log-?out|sign-?in|sign-?out|sign-?up|register|registration|passwords?|forgot[^/]*|reset[^/]*|verify[^/]*|confirm[^/]*|token|refresh|sessions?|csrf[^/]*|xsrf[^/]*|mfa|2fa|totp|otp|magic[^/]*|callback)$`)
)

// namedOperations gives what pages and scripts name and the app's document, if there is one, does not list, as far as it is there.
func (r *run) namedOperations(ctx context.Context, documented []*operation) []*operation {
	var found []*operation
	known := map[string]bool{}
	for _, route := range r.crawl(ctx) {
		o := &operation{
			Operation: openapi.Operation{Method: cmp.Or(route.Method, http.MethodGet), Path: route.Path}, path: route.Path, named: true, guessed: route.Method == "",
		}
		if o.Method == http.MethodHead {
			o.Method = http.MethodGet
		}
		// Two are one whatever their parameters are called. Those without a method come last of their path.
		path := strings.Join(openapi.Segments(o.path), "/")
		if !known[o.Method+path] && !(o.guessed && known[path]) {
			known[o.Method+path], known[path] = true, true
			found = append(found, o)
		}
	}
	// What is likely the app's own API comes first.
	slices.SortStableFunc(found, func(a, b *operation) int { return cmp.Compare(a.likeness(), b.likeness()) })
	found = unlisted(found[:min(len(found), maxSorted)], documented)
	markDescribed(found, describedRequests(r.App))
	r.markLeftOut(found)
	found = slices.DeleteFunc(found, func(o *operation) bool {
		return o.fate == fateLeft && o.changes() && ofAccounts.MatchString(o.path)
	})
	return r.there(ctx, found)
}

// likeness is smaller for what is more likely a route of the app.
func (o *operation) likeness() int {
	switch {
	case apiLike.MatchString(o.path):
		return 0
	case !o.guessed:
		return 1
	default:
		return 2
	}
}

// unlisted leaves out what a document lists, by any name of its parameters.
func unlisted(named, documented []*operation) []*operation {
	type listed struct {
		*operation
		paths [2][]string
	}
	var all []listed
	for _, d := range documented {
		all = append(all, listed{d, [2][]string{openapi.Segments(d.path), openapi.Segments(d.Path)}})
	}
	return slices.DeleteFunc(named, func(o *operation) bool {
		path := openapi.Segments(o.path)
		alike := func(a, b string) bool { return a == b || openapi.Any(a) || openapi.Any(b) }
		return slices.ContainsFunc(all, func(d listed) bool {
			return (d.Method == o.Method || o.guessed || d.Elsewhere) && (slices.EqualFunc(d.paths[0], path, alike) || slices.EqualFunc(d.paths[1], path, alike))
		})
	})
}

// looking looks for routes.
type looking struct {
	*run
	until time.Time
	mu    sync.Mutex
	// nothing is what is answered where there is nothing, by method, who asks, and place.
	nothing map[string][2]*httpstep.Response
}

// there leaves of what was named what is there.
func (r *run) there(ctx context.Context, named []*operation) []*operation {
	l := &looking{run: r, until: time.Now().Add(crawlTime), nothing: map[string][2]*httpstep.Response{}}
	var asking errgroup.Group
	asking.SetLimit(int(r.workers.Load()))
	looked, most := 0, r.affordable(maxLooked)
	for _, o := range named {
		if o.fate != fateLeft {
			continue
		}
		if looked++; looked > most {
			o.fate = fateAbsent
			continue
		}
		asking.Go(func() error {
			l.look(ctx, o)
			return nil
		})
	}
	_ = asking.Wait() // none has an error
	if looked > most {
		for _, name := range both {
			r.control(name, "%d more routes that the app's pages and scripts name were not looked for.", looked-most)
		}
	}
	for _, o := range named {
		if collection, one := thingOf(o); o.fate == fateAbsent && one && slices.ContainsFunc(named, func(c *operation) bool {
			return c.fate != fateAbsent && !c.page && slices.Equal(openapi.Segments(c.path), openapi.Segments(collection))
		}) {
			// What is behind it answers as if there were nothing, for nobody has made what was asked for.
			o.fate = fateLeft
		}
	}
	return slices.DeleteFunc(named, func(o *operation) bool { return o.fate == fateAbsent })
}

// thingOf says whether an operation is about one thing of a collection, and of which.
func thingOf(o *operation) (collection string, ok bool) {
	names := openapi.Parameters(o.path)
	if len(names) == 0 {
		return "", false
	}
	return strings.CutSuffix(o.path, "/{"+names[len(names)-1]+"}")
}

// look sees whether a route is there: to a user, or else to an administrator. Nothing is asked for but what nobody has made.
func (l *looking) look(ctx context.Context, o *operation) {
	if !o.changes() && !onlyTenants(o) && len(l.kindsAt(o)) > 0 {
		return // its things are asked for, and that tells
	}
	o.fate = fateAbsent
	for i, p := range l.people {
		first := slices.IndexFunc(l.people, func(o *person) bool { return o.admin() == p.admin() }) == i
		if !first || time.Now().After(l.until) || ctx.Err() != nil {
			continue
		}
		does := slices.ContainsFunc(strings.Split(o.path, "/"), deed.MatchString)
		if (o.changes() || does) && l.answers(ctx, p, o, http.MethodOptions) || !does && l.answers(ctx, p, o, http.MethodGet) {
			o.fate = fateLeft
			return
		}
	}
}

// answers says whether a route is answered otherwise than a path beside it that can't be there.
func (l *looking) answers(ctx context.Context, p *person, o *operation, method string) bool {
	path := openapi.Fill(o.path, func(name string) string {
		if ofTenant.MatchString(name) {
			return escaped(p.tenantAs(name))
		}
		return marker.New().Secret
	})
	resp, err := l.send(ctx, p.session, httpstep.Request{Method: method, Path: path, Header: http.Header{}})
	if err != nil {
		// It may be one that does not end, such as a stream of events.
		o.why = "it did not answer: " + plain(err)
		o.silent = !fatal(err) && method == http.MethodGet && !o.changes()
		return o.silent
	}
	wrongMethod := resp.Status == http.StatusMethodNotAllowed
	switch {
	case resp.Status == http.StatusNotImplemented, forEverybody(resp):
		return false
	case resp.Status >= 300 && resp.Status < 400, method == http.MethodGet && !o.changes() && wrongMethod && !o.guessed:
		return false // to another page, or no GET after all
	case l.likeNothing(ctx, p, o, method, resp):
		return false
	}
	if method == http.MethodGet && o.guessed && wrongMethod {
		o.Method = allowed(resp)
	}
	o.page = looksLikePage(resp) && resp.Status < 300
	return true
}

// allowed gives the method that a route has which is none of those that read. RFC 9110 §15.5.6.
func allowed(resp *httpstep.Response) string {
	for method := range strings.SplitSeq(resp.Header.Get("Allow"), ",") {
		if method = strings.ToUpper(strings.TrimSpace(method)); slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method) {
			return method
		}
	}
	return http.MethodPost
}

// forEverybody says whether a reply is a file that every visitor gets alike.
func forEverybody(resp *httpstep.Response) bool {
	kind := resp.Header.Get("Content-Type")
	return slices.ContainsFunc([]string{"image/", "font/", "audio/", "video/", "text/css", "text/javascript", "application/javascript", "application/manifest+json"}, func(static string) bool {
		return strings.HasPrefix(kind, static)
	})
}

// likeNothing says whether a reply is what paths beside it get that can't be there.
func (l *looking) likeNothing(ctx context.Context, p *person, o *operation, method string, resp *httpstep.Response) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	beside := besidePath(o.path)
	key := method + " " + p.Name + " " + beside(func() string { return "" })
	pair, known := l.nothing[key]
	if !known {
		for i := range pair {
			request := httpstep.Request{Method: method, Path: beside(func() string { return marker.New().Secret }), Header: http.Header{}}
			if got, err := l.send(ctx, p.session, request); err == nil {
				pair[i] = got
			}
		}
		l.nothing[key] = pair
	}
	if pair[0] == nil || pair[1] == nil || pair[0].Status != resp.Status || pair[0].Header.Get("Allow") != resp.Header.Get("Allow") {
		return false
	}
	// What differs from one path to the next, such as a request's identifier, tells nothing: only as much of it may be there.
	same, got := words(pair[0]), words(resp)
	volatile := len(same)
	same.keep(words(pair[1]))
	volatile -= len(same)
	if len(same) == 0 && volatile == 0 {
		return bytes.Equal(pair[0].Body, resp.Body)
	}
	for word := range same {
		if !got[word] {
			return false
		}
	}
	return len(got)-len(same) <= volatile
}
