// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"cmp"
	"slices"
	"strings"
)

// Bounds on the work that one call does, so that hostile input costs time in
// proportion to its length and no more.
const (
	// windowSize and windowOverlap cut long text for the regular expressions, which are
	// slow on long lines. No token is longer than the overlap, save private keys and
	// documents, which are read without windows.
	windowSize    = 16 << 10
	windowOverlap = 2 << 10
	// maxDecodings is how often encoded text is decoded again: base64 of base64.
	maxDecodings = 2
	// maxNesting is how deep documents in documents are read: YAML in JSON in YAML.
	maxNesting = 4
	// workFactor bounds the bytes of decoded and nested text that are read, as a
	// multiple of the input's length, and workFloor is granted to small inputs.
	workFactor = 6
	workFloor  = 64 << 10
	// maxFound bounds the findings of one call.
	maxFound = 4096
)

// region is a text under search and where it lies in the text that was handed in.
type region struct {
	text string
	base int
	// span is the length of the encoded form that text was decoded from; 0 if text
	// stands in the input as it is.
	span int
}

// sub is the part of the region from start to end.
func (r region) sub(start, end int) region {
	if r.span > 0 {
		return region{text: r.text[start:end], base: r.base, span: r.span}
	}
	return region{text: r.text[start:end], base: r.base + start}
}

// decoded is text that was decoded from the bytes of r between start and end.
func (r region) decoded(text string, start, end int) region {
	if r.span > 0 {
		return region{text: text, base: r.base, span: r.span}
	}
	return region{text: text, base: r.base + start, span: max(1, end-start)}
}

// rank orders rules that found the same bytes: the most specific wins.
type rank uint8

const (
	byName     rank = iota + 1 // a name and a credential's shape
	byGrammar                  // a URL, a header, a connection string
	byExternal                 // a rule of gitleaks
	byShape                    // a provider's prefix
	byDecoding                 // read and understood: a JSON Web Token, a private key
)

type finding struct {
	kind       Kind
	rule       string
	secret     string
	start, end int
	rank       rank
	// weight orders shapes: the longest prefix is the most specific.
	weight int
	// decoded: found in encoded form; where the same stands plainly, that place counts.
	decoded bool
	// label: the value reads as a label too; in a file of labels it is none.
	label bool
}

// scan is one call's work.
type scan struct {
	d         *Detector
	found     []finding
	work      int
	decodings int
	nesting   int
	labels    labelCount
	// name of the setting under search.
	name string
	// urls is the stretch of a text that ends no URL.
	urls struct {
		text     string
		from, to int
	}
	// browser: the text is Firebase's web configuration, whose Google key is public.
	browser bool
}

// begin sets the bound of work for an input of n bytes.
func (s *scan) begin(n int) { s.work = workFactor*n + workFloor }

// spend takes n bytes from the bound of work and tells whether there were so many.
func (s *scan) spend(n int) bool {
	s.work -= n
	return s.work >= 0
}

// add records a secret: the bytes of r between start and end.
func (s *scan) add(r region, start, end int, kind Kind, rule string, how rank) *finding {
	return s.addText(r, r.text[start:end], start, end, kind, rule, how)
}

// addText records a secret whose text differs from the bytes at its place.
func (s *scan) addText(r region, secret string, start, end int, kind Kind, rule string, how rank) *finding {
	if len(s.found) >= maxFound || secret == "" {
		return nil
	}
	f := finding{kind: kind, rule: rule, secret: secret, start: r.base + start, end: r.base + end, rank: how}
	if r.span > 0 {
		f.start, f.end, f.decoded = r.base, r.base+r.span, true
	}
	s.found = append(s.found, f)
	return &s.found[len(s.found)-1]
}

// matches reduces the findings to one match a secret, in the order of the text.
func (s *scan) matches(arg int) []Match {
	if len(s.found) == 0 {
		return nil
	}
	slices.SortStableFunc(s.found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(toInt(a.decoded), toInt(b.decoded)), cmp.Compare(b.weight, a.weight),
			cmp.Compare(b.end-b.start, a.end-a.start), cmp.Compare(a.start, b.start))
	})
	kept := s.found[:0:0]
	seen := map[string]bool{}
	for _, f := range s.found {
		if seen[f.secret] || overlaps(kept, f) {
			continue
		}
		seen[f.secret] = true
		kept = append(kept, f)
	}
	slices.SortFunc(kept, func(a, b finding) int { return cmp.Compare(a.start, b.start) })
	out := make([]Match, len(kept))
	for i, f := range kept {
		secret := f.secret
		out[i] = Match{Kind: f.kind, Rule: f.rule, Arg: arg, Index: f.start, reveal: func() string { return secret }}
	}
	return out
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// overlaps is quadratic in the number of secrets kept, so it looks at the last few
// hundred only; beyond that nobody reads duplicates.
func overlaps(kept []finding, f finding) bool {
	for _, k := range kept[max(0, len(kept)-256):] {
		if f.start < k.end && k.start < f.end {
			return true
		}
	}
	return false
}

// known looks for the shapes that convict whatever the name is.
func (s *scan) known(r region) {
	for from := 0; ; from += windowSize - windowOverlap {
		to := min(len(r.text), from+windowSize)
		s.knownInWindow(r, from, to)
		if to == len(r.text) {
			return
		}
	}
}

// knownInWindow runs the keywords over a window. Probes and shapes look beyond the
// window's end; only regular expressions are held inside.
func (s *scan) knownInWindow(r region, from, to int) {
	var pending [4]uint64 // one bit for each external rule
	some := false
	s.d.keywords.each(r.text[from:to], func(ts []trigger, at int) {
		for _, t := range ts {
			switch {
			case t.shape >= 0:
				s.shapeAt(r, &s.d.shapes[t.shape], from+at)
			case t.external >= 0:
				pending[t.external>>6] |= 1 << (t.external & 63)
				some = true
			default:
				t.probe(s, r, from+at)
			}
		}
	})
	if !some {
		return
	}
	for i := range s.d.external {
		if pending[i>>6]&(1<<(i&63)) == 0 {
			continue
		}
		rule := &s.d.external[i]
		for _, m := range rule.find(r.text[from:to]) {
			secret := r.text[from+m[0] : from+m[1]]
			if Placeholder(secret) || Placeholder(lastSegment(secret)) || insideBlob(r.text, from+m[0]) {
				continue
			}
			if rule.kind == KindGoogleAPI && browserKey(r.text, from+m[0]) {
				continue
			}
			s.add(r, from+m[0], from+m[1], rule.kind, "gitleaks:"+rule.id, byExternal)
		}
	}
}

// lastSegment is the part of a URL behind its last slash.
func lastSegment(v string) string {
	if !strings.Contains(v, "://") {
		return v
	}
	return v[strings.LastIndexByte(v, '/')+1:]
}

func (s *scan) shapeAt(r region, sh *shape, at int) {
	if at+len(sh.prefix) > len(r.text) || r.text[at:at+len(sh.prefix)] != sh.prefix {
		return
	}
	end := sh.match(r.text, at)
	if end < 0 || insideBlob(r.text, at) {
		return
	}
	if f := s.add(r, at, end, sh.kind, "shape:"+sh.prefix, byShape); f != nil {
		f.weight = len(sh.prefix)
	}
}

// insideBlob tells whether a hit lies inside a long run of base64, where any short
// prefix turns up by chance (a certificate, an image).
func insideBlob(text string, at int) bool {
	if at == 0 || (text[at-1] != '+' && text[at-1] != '/') {
		return false
	}
	const long = 100
	start := at
	for start > 0 && at-start < long && base64Std.has(text[start-1]) {
		start--
	}
	end := at
	for end < len(text) && end-start < long && base64Std.has(text[end]) {
		end++
	}
	return end-start >= long
}
