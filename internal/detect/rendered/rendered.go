// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rendered says what a browser would do with a chatbot's reply once a page shows it as Markdown with HTML in it: which
// hosts it would load something from without a click, and what it would run. Nothing is loaded and nothing is run here.
package rendered

import (
	"bytes"
	"slices"
	"strings"

	"github.com/nlnwa/whatwg-url/url"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	nethtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxReply bounds what is rendered of a reply: an image that comes after a quarter of a megabyte is seen by nobody.
const maxReply = 256 << 10

// base is a page that relative references lead to; it can't be the name of anybody's host (RFC 2606).
const base = "https://app.invalid/chat"

// Load is something that a browser fetches because of a reply.
type Load struct {
	// Host is its name in lower case, without a port.
	Host string
	// URL as the browser would ask for it.
	URL string
	// By is the element or property that makes it, such as img or url().
	By string
}

// Page is what a browser makes of a reply.
type Page struct {
	// Loads are those from other hosts than the page's own, each host and element once.
	Loads []Load
	// Active are elements and attributes that run code, such as script, onerror or javascript:, each once.
	Active []string
}

// Of renders a reply.
func Of(reply string) Page {
	if len(reply) > maxReply {
		reply = reply[:maxReply]
	}
	p := &page{}
	if !strings.ContainsAny(reply, "<[!") { // no element, no image and no reference
		return p.Page
	}
	var out bytes.Buffer
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := markdown.Convert([]byte(reply), &out); err != nil {
		out.Reset()
		out.WriteString(reply)
	}
	doc, err := nethtml.Parse(&out)
	if err != nil {
		return p.Page
	}
	for n := range doc.Descendants() {
		if n.Type == nethtml.ElementNode {
			p.element(n)
		}
	}
	return p.Page
}

type page struct {
	Page
	base string
}

// loading are the attributes that a browser fetches at once, by element. "*" is for any.
// HTML Living Standard, "Fetching resources", and SVG 2 §16.
var loading = map[string][]string{
	"img": {"src", "srcset", "lowsrc", "dynsrc"}, "source": {"src", "srcset"}, "video": {"src", "poster"}, "audio": {"src"}, "track": {"src"},
	"embed": {"src"}, "object": {"data", "codebase"}, "applet": {"code", "codebase", "archive"}, "iframe": {"src"}, "frame": {"src"},
	"script": {"src", "href", "xlink:href"}, "image": {"href", "xlink:href"}, "use": {"href", "xlink:href"}, "feimage": {"href", "xlink:href"},
	"body": {"background"}, "table": {"background"}, "td": {"background"}, "th": {"background"}, "portal": {"src"},
}

// fetching are the values of rel for which a browser fetches what a link names.
var fetching = []string{"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect", "dns-prefetch", "prerender", "manifest", "apple-touch-icon"}

func (p *page) element(n *nethtml.Node) {
	name := strings.ToLower(n.Data)
	switch n.DataAtom {
	case atom.Base:
		if href := attribute(n, "href"); href != "" && p.base == "" {
			p.base = href
		}
	case atom.Script:
		p.runs("script")
	case atom.Style:
		p.css(text(n))
	case atom.Link:
		p.link(n)
	case atom.Meta:
		p.refresh(n)
	case atom.Input:
		if strings.EqualFold(attribute(n, "type"), "image") {
			p.load(attribute(n, "src"), "input")
		}
	}
	for _, a := range n.Attr {
		p.attribute(name, a)
	}
}

func (p *page) attribute(element string, a nethtml.Attribute) {
	key := strings.ToLower(a.Key)
	if a.Namespace != "" {
		key = strings.ToLower(a.Namespace) + ":" + key
	}
	switch {
	case strings.HasPrefix(key, "on") && len(key) > 2:
		p.runs(key)
	case key == "srcdoc":
		p.runs("srcdoc")
	case key == "style":
		p.css(a.Val)
	case slices.Contains([]string{"href", "xlink:href", "src", "action", "formaction", "data", "to", "from", "values"}, key):
		p.scheme(a.Val)
	}
	if !slices.Contains(loading[element], key) {
		return
	}
	if key == "srcset" {
		for _, candidate := range strings.Split(a.Val, ",") {
			if fields := strings.Fields(candidate); len(fields) > 0 {
				p.load(fields[0], element)
			}
		}
		return
	}
	p.load(a.Val, element)
}

// link loads what a link element names, where its relation says so.
func (p *page) link(n *nethtml.Node) {
	for _, rel := range strings.Fields(strings.ToLower(attribute(n, "rel"))) {
		if slices.Contains(fetching, rel) {
			p.load(attribute(n, "href"), "link")
			return
		}
	}
}

// refresh goes where a meta element sends the whole page.
func (p *page) refresh(n *nethtml.Node) {
	if !strings.EqualFold(attribute(n, "http-equiv"), "refresh") {
		return
	}
	_, to, ok := strings.Cut(strings.ToLower(attribute(n, "content")), "url=")
	if ok {
		to = attribute(n, "content")[len(attribute(n, "content"))-len(to):]
		to = strings.Trim(strings.TrimSpace(to), `"'`)
		p.scheme(to)
		p.load(to, "meta refresh")
	}
}

// scheme notes URLs that run code when they are followed.
func (p *page) scheme(raw string) {
	u, err := url.ParseRef(base, raw)
	if err != nil {
		return
	}
	switch u.Scheme() {
	case "javascript", "vbscript":
		p.runs(u.Scheme() + ":")
	case "data":
		if kind := strings.ToLower(strings.TrimSpace(u.Pathname())); strings.HasPrefix(kind, "text/html") || strings.HasPrefix(kind, "image/svg+xml") {
			p.runs("data:text/html")
		}
	}
}

func (p *page) runs(what string) {
	if !slices.Contains(p.Active, what) {
		p.Active = append(p.Active, what)
	}
}

// load notes what is loaded from another host.
func (p *page) load(raw, by string) {
	at := base
	if p.base != "" {
		if u, err := url.ParseRef(base, p.base); err == nil {
			at = u.Href(true)
		}
	}
	u, err := url.ParseRef(at, raw)
	if err != nil || !u.IsSpecialScheme() || u.Scheme() == "file" {
		return
	}
	host := strings.ToLower(u.Hostname())
	if host == "" || host == "app.invalid" {
		return
	}
	l := Load{Host: host, URL: u.Href(false), By: by}
	if !slices.Contains(p.Loads, l) {
		p.Loads = append(p.Loads, l)
	}
}

func attribute(n *nethtml.Node, key string) string {
	for _, a := range n.Attr {
		if strings.EqualFold(a.Key, key) {
			return a.Val
		}
	}
	return ""
}

func text(n *nethtml.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == nethtml.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}
