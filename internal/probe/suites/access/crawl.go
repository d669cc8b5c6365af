// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe/openapi"
	"github.com/launchready/launchready/internal/probe/pages"
)

const (
	// maxCrawled is how many requests the crawl sends: a page, its scripts and what these load are a few dozen. Half of them are
	// nobody's, the others a user's, who is given other pages.
	maxCrawled = 60
	// maxDocument is how large a document may be, and maxCrawledBytes how much is read in all: bundles of more than 4 MiB are rare, and a
	// probe has 128 MiB.
	maxDocument, maxCrawledBytes = 4 << 20, 16 << 20
	// crawlTime is how long the crawl may take, so that a slow app has time left for the attacks.
	crawlTime = 30 * time.Second
	// maxSiblings is how many pages beside each other are visited: more of them are pages of one kind, each about one thing.
	maxSiblings = 8
)

// kindOf says what a document is read as.
type kindOf int

const (
	aScript kindOf = iota
	aMap
	aPage
)

// visit is a document that the crawl asks for.
type visit struct {
	kind kindOf
	path string
}

// crawl goes through the app's own pages, as far as links lead that plainly change nothing, for the routes that they name.
type crawl struct {
	*run
	until  time.Time
	finder pages.Finder
	// linked are the paths that links lead to.
	linked []pages.Route
	// seen are the documents that were read; pages are another for each visitor.
	seen  map[visit]bool
	queue map[kindOf][]visit
	// left are the requests, and bytes the bytes that may still be spent.
	left, bytes int
}

// crawl gives the routes that the app's own pages and scripts name, to nobody and to a user.
func (r *run) crawl(ctx context.Context) []pages.Route {
	c := &crawl{run: r, until: time.Now().Add(crawlTime), seen: map[visit]bool{}, bytes: maxCrawledBytes}
	most := r.affordable(maxCrawled)
	c.left = most - most/2
	c.walk(ctx, nil)
	if i := slices.IndexFunc(r.people, func(p *person) bool { return !p.admin() }); i >= 0 {
		c.left += most / 2
		c.walk(ctx, r.people[i])
		if r.ended(ctx, r.people[i]) {
			for _, name := range both {
				r.control(name, "A link in the app's pages ended the session of %s, so that links were left out.", r.people[i].Name)
			}
			return c.finder.Routes()
		}
	}
	return append(c.finder.Routes(), c.linked...)
}

// affordable gives how much of something is done that takes a request each: a small budget is for what is described.
func (r *run) affordable(most int) int {
	budget := r.Target.Budget
	if budget == nil {
		return most
	}
	return min(most, max(budget.Limit()-budget.Spent(), 0)/20)
}

// ended says whether a session ended by a link that nobody could know to end it, and logs in anew.
func (r *run) ended(ctx context.Context, p *person) bool {
	for _, t := range r.planted() {
		if t.owner == p {
			_, ok := r.readsBack(ctx, t, t.ways[0])
			if !ok {
				_ = p.renew(ctx) // what comes next says so, where it fails
			}
			return !ok
		}
	}
	return false
}

// walk visits as somebody, scripts first: they name most.
func (c *crawl) walk(ctx context.Context, p *person) {
	c.queue = map[kindOf][]visit{}
	for v := range c.seen {
		if v.kind == aPage {
			delete(c.seen, v)
		}
	}
	c.enqueue(visit{aPage, "/"})
	for c.left > 0 && c.bytes > 0 && ctx.Err() == nil && time.Now().Before(c.until) {
		v, ok := c.next()
		if !ok {
			return
		}
		c.read(ctx, p, v)
	}
}

func (c *crawl) enqueue(v visit) {
	if !c.seen[v] && !slices.Contains(c.queue[v.kind], v) && len(c.queue[v.kind]) < maxCrawled {
		c.queue[v.kind] = append(c.queue[v.kind], v)
	}
}

func (c *crawl) next() (visit, bool) {
	for _, kind := range []kindOf{aScript, aMap, aPage} {
		if q := c.queue[kind]; len(q) > 0 {
			c.queue[kind] = q[1:]
			return q[0], true
		}
	}
	return visit{}, false
}

// read asks for a document, and takes what it names.
func (c *crawl) read(ctx context.Context, p *person, v visit) {
	resp := c.fetch(ctx, p, v.path)
	if resp == nil {
		return
	}
	at := c.at(v.path)
	if location := resp.Header.Get("Location"); resp.Status >= 300 && resp.Status < 400 && location != "" {
		if to, err := at.Parse(location); err == nil && c.ours(to) {
			c.visitPages([]*url.URL{to})
		}
		return
	}
	if looksLikePage(resp) != (v.kind == aPage) {
		return // a shell in the place of a script
	}
	c.seen[v] = true
	var links pages.Links
	switch v.kind {
	case aPage:
		links = c.finder.Page(at, resp.Body, c.ours)
	case aScript:
		links = c.finder.Script(at, resp.Body, c.ours)
		for _, name := range []string{"SourceMap", "X-SourceMap"} { // ECMA-426 §11.1.2.1
			if u, err := at.Parse(resp.Header.Get(name)); err == nil && resp.Header.Get(name) != "" && c.ours(u) {
				links.Maps = append(links.Maps, u)
			}
		}
	case aMap:
		c.finder.Map(resp.Body, c.ours)
	}
	for _, u := range links.Scripts {
		c.enqueue(visit{aScript, requestPath(u)})
	}
	for _, u := range links.Maps {
		c.enqueue(visit{aMap, requestPath(u)})
	}
	c.visitPages(links.Pages)
}

// fetch asks for a document. What one reply does not hold is asked for in parts (RFC 9110 §14), where the app gives them.
func (c *crawl) fetch(ctx context.Context, p *person, path string) *httpstep.Response {
	whole := c.get(ctx, p, path, "")
	for part := whole; part != nil && part.Truncated && len(whole.Body) < min(maxDocument, c.bytes); {
		begins := fmt.Sprintf("bytes %d-", len(whole.Body))
		part = c.get(ctx, p, path, strings.Replace(begins, " ", "=", 1))
		if part == nil || part.Status != http.StatusPartialContent || !strings.HasPrefix(part.Header.Get("Content-Range"), begins) {
			break
		}
		whole.Body = append(whole.Body, part.Body...)
	}
	if whole != nil {
		c.bytes -= len(whole.Body)
	}
	return whole
}

func (c *crawl) get(ctx context.Context, p *person, path, part string) *httpstep.Response {
	if c.left <= 0 {
		return nil
	}
	c.left--
	request := httpstep.Request{Method: http.MethodGet, Path: path, Header: http.Header{"Accept": {"text/html, */*;q=0.8"}}}
	if part != "" {
		request.Header.Set("Range", part)
	}
	resp, err := c.send(ctx, c.carried(attempt{}, p), request)
	if err != nil {
		return nil
	}
	return resp
}

// at gives the URL that a path has for visitors.
func (c *crawl) at(path string) *url.URL {
	u := &url.URL{Scheme: "https", Host: c.host(), Path: "/"}
	if to, err := u.Parse(path); err == nil && to.Host == u.Host {
		return to
	}
	return u
}

// ours says whether a URL is the app's, by either of its names.
func (c *crawl) ours(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && (strings.EqualFold(u.Hostname(), c.host()) || strings.EqualFold(u.Host, c.Target.Base.Host))
}

func requestPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return path
}

// visitPages notes where links lead, and visits what plainly neither changes anything nor is about one thing: whose that is nobody knows.
func (c *crawl) visitPages(links []*url.URL) {
	siblings := map[string]int{}
	requests := describedRequests(c.App)
	for _, u := range links {
		siblings[parentOf(u.EscapedPath())]++
	}
	for _, u := range links {
		path := u.EscapedPath()
		if c.aboutThing(path) || siblings[parentOf(path)] > maxSiblings && parentOf(path) != "" {
			c.link(thingsAt(path))
			continue
		}
		c.link(path)
		if slices.ContainsFunc(requests, func(a asking) bool {
			return a.method != http.MethodPost && (openapi.Distance(path, a.path) >= 0 || openapi.Distance(a.path, path) >= 0)
		}) {
			continue // it may log out, or cost a question to the chat
		}
		// A query may say what to do.
		if u.RawQuery == "" && !u.ForceQuery && !slices.ContainsFunc(strings.Split(path, "/"), deed.MatchString) {
			c.enqueue(visit{aPage, requestPath(u)})
		}
	}
}

func (c *crawl) link(path string) {
	path, ok := pages.Clean(path)
	route := pages.Route{Method: http.MethodGet, Path: path}
	if ok && len(c.linked) < maxLooked && !slices.Contains(c.linked, route) {
		c.linked = append(c.linked, route)
	}
}

// parentOf gives a path without its last part; nothing for those at the top.
func parentOf(path string) string {
	return path[:max(strings.LastIndexByte(strings.TrimRight(path, "/"), '/'), 0)]
}

// aboutThing says whether a path names one thing: by an identifier, or at the place where a described kind has them.
func (c *crawl) aboutThing(path string) bool {
	if slices.ContainsFunc(strings.Split(path, "/"), isIdentifier) {
		return true
	}
	for _, res := range c.resources {
		for _, collection := range collections(res) {
			if at := len(openapi.Segments(collection)); len(openapi.Segments(path)) > at &&
				openapi.Distance("/"+strings.Join(openapi.Segments(path)[:at], "/"), collection) >= 0 {
				return true
			}
		}
	}
	return false
}

// thingsAt gives the path of one thing as that of any: with a name in the place of its identifier, or of its last part.
func thingsAt(path string) string {
	parts := strings.Split(path, "/")
	found := false
	for i, part := range parts {
		if isIdentifier(part) {
			parts[i], found = fmt.Sprintf("{id%d}", i), true
		}
	}
	if !found {
		return parentOf(path) + "/{id}"
	}
	return strings.Join(parts, "/")
}
