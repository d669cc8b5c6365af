// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// maxLinks is how many links of one document are kept.
const maxLinks = 2000

// Links are what a document names that could be fetched, resolved against its own URL. Which of it is, is for the suite to say.
type Links struct {
	Pages, Scripts, Maps []*url.URL
}

// Page reads a page.
func (f *Finder) Page(at *url.URL, body []byte, ours Ours) Links {
	p := &page{Finder: f, base: at, ours: ours}
	z := html.NewTokenizer(bytes.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return p.links
		case html.StartTagToken, html.SelfClosingTagToken:
			p.tag(z.Token())
		case html.TextToken:
			if p.inScript {
				p.inScript = false
				s := readScript(z.Text())
				f.addScript(s, ours)
				p.script(s)
			}
		}
	}
}

// Script reads a script.
func (f *Finder) Script(at *url.URL, body []byte, ours Ours) Links {
	s := readScript(body)
	f.addScript(s, ours)
	p := &page{Finder: f, base: at, ours: ours}
	p.script(s)
	return p.links
}

// Map reads a source map for the sources in it: those of packages that others wrote are left out. ECMA-426 §9.
func (f *Finder) Map(body []byte, ours Ours) {
	for _, source := range sources(body) {
		f.addScript(readScript([]byte(source)), ours)
	}
}

// page reads one document.
type page struct {
	*Finder
	base     *url.URL
	ours     Ours
	links    Links
	inScript bool
}

// resolve gives the URL that a document means, if it is one of the app's. What has a user's name in front of the host is none.
func (p *page) resolve(ref string) *url.URL {
	ref = strings.TrimSpace(ref)
	if ref == "" || len(ref) > maxURL {
		return nil
	}
	u, err := p.base.Parse(ref)
	if err != nil || u.User != nil || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https" || !p.ours(u) {
		return nil
	}
	u.Fragment, u.RawFragment = "", ""
	return u
}

// maxURL is how long a URL may be that is followed.
const maxURL = 2048

func (p *page) follow(to *[]*url.URL, ref string) {
	u := p.resolve(ref)
	if u == nil || len(*to) >= maxLinks || slices.ContainsFunc(*to, func(had *url.URL) bool { return *had == *u }) {
		return
	}
	*to = append(*to, u)
}

// tag takes what a tag names.
func (p *page) tag(t html.Token) {
	attributes := map[string]string{}
	for _, a := range t.Attr {
		if _, had := attributes[a.Key]; !had {
			attributes[a.Key] = a.Val
		}
	}
	switch t.Data {
	case "base":
		if u := p.resolve(attributes["href"]); u != nil {
			p.base = u
		}
	case "a", "area":
		p.follow(&p.links.Pages, attributes["href"])
	case "iframe", "frame":
		p.follow(&p.links.Pages, attributes["src"])
	case "form":
		p.named(strings.ToUpper(attributes["method"]), attributes["action"])
	case "script":
		p.inScript = attributes["src"] == "" && runs(attributes["type"])
		p.follow(&p.links.Scripts, attributes["src"])
	case "link":
		rel := strings.Fields(strings.ToLower(attributes["rel"]))
		if slices.Contains(rel, "modulepreload") || (slices.Contains(rel, "preload") || slices.Contains(rel, "prefetch")) && attributes["as"] == "script" {
			p.follow(&p.links.Scripts, attributes["href"])
		}
	}
	for _, method := range methods {
		// As htmx has it: hx-get, data-hx-post.
		p.named(method, attributes["hx-"+strings.ToLower(method)])
		p.named(method, attributes["data-hx-"+strings.ToLower(method)])
	}
}

// runs says whether the text of a script element of a type is one, or data for one.
func runs(kind string) bool {
	return kind == "" || strings.Contains(kind, "javascript") || kind == "module" || strings.HasPrefix(kind, "application/json")
}

// named keeps the route that an attribute names.
func (p *page) named(method, ref string) {
	if ref == "" {
		return
	}
	if method == "" || !isMethod(method) {
		method = "GET"
	}
	if u := p.resolve(ref); u != nil {
		p.add(method, u.EscapedPath())
	}
}

// script takes the other files that a script names.
func (p *page) script(s *script) {
	if s.mapping != "" {
		p.mapping(s.mapping)
	}
	for _, name := range s.files {
		switch {
		case strings.HasPrefix(name, "."), strings.HasPrefix(name, "/"), strings.Contains(name, "://"):
			p.follow(&p.links.Scripts, name)
		case strings.HasPrefix(name, "static/") && strings.Contains(p.base.Path, "/_next/"):
			p.follow(&p.links.Scripts, "/_next/"+name) // as Next.js names its chunks
		case strings.Contains(name, "/"):
			p.follow(&p.links.Scripts, "/"+name) // as Vite does
		}
	}
}

// mapping takes a source map, which may stand in the URL itself.
func (p *page) mapping(ref string) {
	const inline = "data:application/json"
	if !strings.HasPrefix(ref, inline) {
		p.follow(&p.links.Maps, ref)
		return
	}
	if data, ok := dataOf(ref); ok {
		p.Map(data, p.ours)
	}
}

// dataOf gives what a URL holds itself. RFC 2397 §2.
func dataOf(ref string) ([]byte, bool) {
	kind, data, ok := strings.Cut(ref, ",")
	if !ok {
		return nil, false
	}
	if strings.HasSuffix(kind, ";base64") {
		decoded, err := base64.StdEncoding.DecodeString(data)
		return decoded, err == nil
	}
	plain, err := url.PathUnescape(data)
	return []byte(plain), err == nil
}

// sourceMap is what is read of a source map, or of one of its sections.
type sourceMap struct{ names, texts []string }

// sources gives the texts of a source map that somebody wrote for the app. A map that was cut off gives those that are there.
func sources(body []byte) []string {
	// So that nobody includes it as a script, a map may begin with this. ECMA-426 §13.
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte(")]}'"))))
	var own []string
	var now sourceMap
	depth := 0
	for depth <= maxDepth {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '[' || v == '{' {
				depth++
			} else {
				depth--
			}
		case string:
			switch {
			case v == "sources" && now.names == nil:
				now.names = list(d)
			case v == "sourcesContent" && now.texts == nil:
				now.texts = list(d)
			}
		}
		if now.names != nil && now.texts != nil {
			own, now = append(own, now.own()...), sourceMap{}
		}
	}
	return append(own, now.own()...)
}

// own gives the texts that are no package's.
func (m sourceMap) own() []string {
	var own []string
	for i, text := range m.texts {
		if text != "" && (i >= len(m.names) || !strings.Contains(m.names[i], "node_modules/")) {
			own = append(own, text)
		}
	}
	return own
}

// list reads a list of texts as far as it goes, with nothing for what is none.
func list(d *json.Decoder) []string {
	found := []string{}
	if token, err := d.Token(); err != nil || token != json.Delim('[') {
		return nil
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			break
		}
		text, _ := token.(string)
		found = append(found, text)
		if _, nested := token.(json.Delim); nested {
			break
		}
	}
	_, _ = d.Token() // the end of the list; where there is none, the next token says so
	return found
}
