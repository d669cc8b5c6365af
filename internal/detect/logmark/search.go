// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

const (
	// bufferBytes is what a search keeps of a log at a time.
	bufferBytes = 512 << 10
	// contextBytes is how much before a marker is looked at to tell its place.
	contextBytes = 32 << 10
	// maxPlaces is how many places are told of a kind: more are one.
	maxPlaces = 16
	// maxLocated is how many finds are located; the others are only counted. It bounds what a log that is full of markers costs.
	maxLocated = 4096
)

// Leak is a marker that stands in a log.
type Leak struct {
	Kind     Kind   `json:"kind"`
	Encoding string `json:"encoding"`
	// Whole is false where only a piece of the marker stands there.
	Whole bool  `json:"whole,omitempty"`
	Place Place `json:"place"`
}

// Seen is what a search saw.
type Seen struct {
	// Bytes that were searched.
	Bytes int64
	// Leaks are counted.
	Leaks map[Leak]int
	// Requests are the numbers of the requests whose ids were seen.
	Requests map[int]bool
}

// Sorted gives the leaks: the worst kinds first, whole ones before pieces.
func (s Seen) Sorted() []Leak {
	order := Kinds()
	return slices.SortedFunc(maps.Keys(s.Leaks), func(a, b Leak) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
			-compareBool(a.Whole, b.Whole),
			cmp.Compare(a.Place.String(), b.Place.String()),
			cmp.Compare(a.Encoding, b.Encoding),
		)
	})
}

// Add adds what another search of the same markers saw.
func (s *Seen) Add(o Seen) {
	if s.Leaks == nil {
		s.Leaks, s.Requests = map[Leak]int{}, map[int]bool{}
	}
	s.Bytes += o.Bytes
	for leak, n := range o.Leaks {
		s.Leaks[leak] += n
	}
	maps.Copy(s.Requests, o.Requests)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Searcher finds the markers and request ids of a run. It may be used by many at once.
type Searcher struct {
	index *index
	// buffer and context are bufferBytes and contextBytes.
	buffer, context int
}

// NewSearcher gives a searcher for the markers, and for the ids of the requests 0 to requests-1.
func NewSearcher(m Markers, requests int) (*Searcher, error) {
	if len(m.markers) == 0 {
		return nil, errors.New("a search for no markers would find none")
	}
	ids := make([]RequestID, requests)
	for i := range ids {
		id, err := m.Request(i)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return &Searcher{index: newIndex(needlesOf(m.markers, ids)), buffer: bufferBytes, context: contextBytes}, nil
}

// Search reads a log to its end, in memory of a fixed size however long log and lines are. With an error it gives what it had seen.
func (s *Searcher) Search(ctx context.Context, log io.Reader) (Seen, error) {
	t := &stream{
		index: s.index, buffer: make([]byte, s.buffer), context: s.context, keep: s.context + 2*s.index.longest + stride,
		seen: Seen{Leaks: map[Leak]int{}, Requests: map[int]bool{}}, places: map[Kind]map[Place]bool{}, again: map[again]Leak{},
	}
	err := t.read(ctx, log)
	return t.seen, err
}

// stream is one search. Its buffer slides over the log.
type stream struct {
	index   *index
	buffer  []byte
	context int
	// keep is how much stays in front of what is read next: a needle on either side of the border, and more than the context before,
	// so that a text that begins with the buffer begins with the log.
	keep int
	// full is how much of the buffer is filled.
	full int
	// next is where in the buffer the next look is due.
	next    int
	seen    Seen
	places  map[Kind]map[Place]bool
	located int
	again   map[again]Leak
}

// again is what finds have in common that are no longer located.
type again struct {
	kind     Kind
	encoding string
	whole    bool
}

func (t *stream) read(ctx context.Context, log io.Reader) error {
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("searching a log: %w", err)
		}
		n, err := log.Read(t.buffer[t.full:])
		t.full += n
		t.seen.Bytes += int64(n)
		if err != nil {
			// Nothing more comes: what is left is looked at to its end.
			t.look(t.full - gram)
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("reading a log: %w", err)
		}
		if t.full == len(t.buffer) {
			t.look(t.full - t.index.longest)
			t.slide()
		}
	}
}

// look searches as far as the place last. A run at a place before that ends in the buffer.
func (t *stream) look(last int) {
	b := t.buffer[:t.full]
	for {
		place := t.index.next(b, t.next, last)
		if place > last {
			break
		}
		t.index.at(b, place, t.found)
		t.next = place + stride
	}
	if t.next <= last {
		t.next += (last - t.next + stride) / stride * stride
	}
}

// slide moves the end of the buffer to its front.
func (t *stream) slide() {
	drop := t.full - t.keep
	copy(t.buffer, t.buffer[drop:t.full])
	t.full, t.next = t.keep, t.next-drop
}

func (t *stream) found(r run) {
	n := r.needle
	if n.kind == "" {
		t.seen.Requests[n.request] = true
		return
	}
	key := again{n.kind, n.encoding, r.whole()}
	if first, known := t.again[key]; known && t.located >= maxLocated {
		t.seen.Leaks[first]++
		return
	}
	t.located++
	leak := Leak{Kind: n.kind, Encoding: n.encoding, Whole: r.whole(), Place: t.place(r)}
	if _, known := t.again[key]; !known {
		t.again[key] = leak
	}
	t.seen.Leaks[leak]++
}

// place tells where in its line a marker stands. Only so much before it counts as is always at hand, so that borders of the buffer
// change nothing.
func (t *stream) place(r run) Place {
	from := max(0, r.start-t.context)
	before := t.buffer[from:r.start]
	if lead := r.needle.lead; len(lead) <= len(before) && bytes.EqualFold(lead, before[len(before)-len(lead):]) {
		before = before[:len(before)-len(lead)]
	}
	p := locate(before, from > 0)
	known := t.places[r.needle.kind]
	if known == nil {
		known = map[Place]bool{}
		t.places[r.needle.kind] = known
	}
	if !known[p] && len(known) >= maxPlaces {
		return Place{Form: Elsewhere}
	}
	known[p] = true
	return p
}
