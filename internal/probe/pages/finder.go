// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"cmp"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxPath is how long a path may be, and maxSegments how many parts it may have: routes of an API are far shorter.
	maxPath, maxSegments = 200, 16
	// maxRoutes is how many routes are kept of everything that was read.
	maxRoutes = 5000
	// maxBases is how many bases are put in front of a path that needs one, and maxMeanings how many texts a name may stand for.
	maxBases, maxMeanings = 4, 3
)

// Route is a path that a page or a script names.
type Route struct {
	// Method in capitals; empty where nothing tells it.
	Method string
	// Path begins with a slash and has names in braces for what changes, in characters that a URL may have.
	Path string
}

// Finder gathers the routes of several documents. The zero value is ready.
type Finder struct {
	routes map[Route]bool
	// open are paths that go on from a base, and bases what was seen that may be one.
	open  map[Route]bool
	bases []string
}

// Ours says whether a URL is one of the app's.
type Ours func(*url.URL) bool

// add keeps a route.
func (f *Finder) add(method, path string) {
	path, ok := Clean(path)
	if !ok || len(f.routes) >= maxRoutes {
		return
	}
	if f.routes == nil {
		f.routes = map[Route]bool{}
	}
	f.routes[Route{method, path}] = true
}

// Routes gives what was found, in the order of the paths. Where a method is known for a path, it is not there without one.
func (f *Finder) Routes() []Route {
	all := Finder{routes: maps.Clone(f.routes)}
	for open := range f.open {
		for _, base := range f.bases {
			all.add(open.Method, base+open.Path)
		}
	}
	found := slices.SortedFunc(maps.Keys(all.routes), func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(b.Method, a.Method))
	})
	return slices.DeleteFunc(found, func(r Route) bool {
		return r.Method == "" && slices.ContainsFunc(found, func(o Route) bool { return o.Path == r.Path && o.Method != "" })
	})
}

// addScript keeps what a script names.
func (f *Finder) addScript(s *script, ours Ours) {
	for _, name := range slices.Sorted(maps.Keys(s.values)) {
		for _, value := range s.values[name] {
			if base, ok := baseOf(name, value, ours); ok && !slices.Contains(f.bases, base) && len(f.bases) < maxBases {
				f.bases = append(f.bases, base)
			}
		}
	}
	for _, t := range s.texts {
		f.addText(t, s.values, ours)
	}
}

// aBase is what the names look like that stand for what is put in front of paths.
var aBase = regexp.MustCompile(`(?i)base|prefix|api_?(url|root|path|host)|endpoint|origin`)

// baseOf gives what may be put in front of paths.
func baseOf(name, value string, ours Ours) (string, bool) {
	if !aBase.MatchString(name) {
		return "", false
	}
	base, ok := local(value, ours)
	base = strings.TrimRight(base, "/")
	if _, fine := Clean(base + "/x"); !ok || base == "" || !fine {
		return "", false
	}
	return base, true
}

// local gives the path of a text that is a path or a URL of the app.
func local(text string, ours Ours) (string, bool) {
	if !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://") {
		return text, strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//")
	}
	_, rest, _ := strings.Cut(text, "://")
	host, rest, _ := strings.Cut(rest, "/")
	u, err := url.Parse("https://" + host)
	if err != nil || !ours(u) {
		return "", false
	}
	return "/" + rest, true
}

// addText keeps the paths that a text may be.
func (f *Finder) addText(t text, values map[string][]string, ours Ours) {
	if t.relative() {
		path := "/" + template(t.phrase, values)
		f.wait(t.method, path)
		if t.fetched {
			f.add(t.method, path)
		}
		return
	}
	if !t.phrase[0].hole {
		if path, ok := local(template(t.phrase, values), ours); ok {
			f.add(t.method, path)
			if t.called && !t.fetched {
				f.wait(t.method, path)
			}
		}
		return
	}
	rest := template(t.phrase[1:], values)
	meanings := values[t.phrase[0].text]
	for _, meaning := range meanings[:min(len(meanings), maxMeanings)] {
		if path, ok := local(strings.TrimRight(meaning, "/")+rest, ours); ok {
			f.add(t.method, path)
		}
	}
	f.add(t.method, rest)
	f.wait(t.method, rest)
}

// wait keeps a path that goes on from a base, which may come later.
func (f *Finder) wait(method, path string) {
	if f.open == nil {
		f.open = map[Route]bool{}
	}
	if len(f.open) < maxRoutes {
		f.open[Route{method, path}] = true
	}
}

// leastName is how long a name must be whose only text is put in its place: bundlers give one-letter names to many things.
const leastName = 3

// template gives a phrase with names in braces in the place of what changes.
func template(p phrase, values map[string][]string) string {
	var b strings.Builder
	used := map[string]int{}
	for _, part := range p {
		meanings := values[part.text]
		switch {
		case !part.hole:
			b.WriteString(part.text)
		case len(part.text) >= leastName && len(meanings) == 1 && aMeaning.MatchString(meanings[0]):
			b.WriteString(meanings[0])
		default:
			name := cmp.Or(notName.ReplaceAllString(part.text, ""), "value")
			if used[name]++; used[name] > 1 {
				name += strconv.Itoa(used[name])
			}
			b.WriteString("{" + name + "}")
		}
	}
	return b.String()
}

var (
	notName = regexp.MustCompile(`[^A-Za-z0-9_]`)
	// aPath is what a path may consist of: what is left out of RFC 3986 §3.3 stands in patterns and in packages' names, not in routes.
	aPath = regexp.MustCompile(`^/[A-Za-z0-9._~%+,;=:{}/-]*$`)
	// parameter is how routers write what changes: /notes/:id.
	parameter = regexp.MustCompile(`/:([A-Za-z_][A-Za-z0-9_]*)\??`)
	// glued is a value at the end of a word, such as a query that begins with its question mark.
	glued = regexp.MustCompile(`([A-Za-z0-9])\{[^{}/]*\}$`)
	// aMeaning is what a name may stand for in the middle of a path.
	aMeaning = regexp.MustCompile(`^[A-Za-z0-9._~/-]*$`)
	// aWord is what a path has somewhere, or it names nothing.
	aWord = regexp.MustCompile(`/[A-Za-z0-9._~%+,;=:-]*[A-Za-z]`)
)

// Clean gives a path as a route has it, and says whether it can be one.
func Clean(text string) (string, bool) {
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		// A router's /notes/:id? is a parameter, and so is what is behind it.
		if colon := strings.LastIndex(text[:i], "/:"); text[i] == '#' || colon < 0 || strings.Contains(text[colon+1:i], "/") {
			text = text[:i]
		}
	}
	text = parameter.ReplaceAllString(text, "/{$1}")
	text = glued.ReplaceAllString(text, "$1")
	if len(text) > 1 {
		text = strings.TrimRight(text, "/")
	}
	switch {
	case len(text) > maxPath || strings.Count(text, "/") > maxSegments || !aPath.MatchString(text) || !aWord.MatchString(text):
		return "", false
	case strings.Contains(text, "//") || strings.Contains(text, "/.") || strings.Contains(text, "..") || strings.Contains(text, "}{"):
		return "", false
	case strings.Count(text, "{") != strings.Count(text, "}") || static(text):
		return "", false
	}
	return text, true
}

// files are the endings of what every visitor gets alike.
var files = []string{
	".js", ".mjs", ".css", ".map", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico", ".woff", ".woff2", ".ttf", ".otf", ".eot",
	".wasm", ".mp3", ".mp4", ".webm", ".ogg", ".webmanifest", ".ts", ".tsx", ".jsx", ".vue", ".svelte", ".scss", ".less",
}

func static(text string) bool { return slices.Contains(files, strings.ToLower(path.Ext(text))) }
