// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/launchready/launchready/internal/detect/logmark"
)

// pieces gives a text in reads of the given lengths, over and over.
type pieces struct {
	text    []byte
	lengths []int
	turn    int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	n := len(p.text)
	if len(p.lengths) > 0 {
		n = min(n, p.lengths[p.turn%len(p.lengths)])
		p.turn++
	}
	n = copy(b, p.text[:n])
	p.text = p.text[n:]
	return n, nil
}

// planted is what a text of the property holds.
type planted struct {
	kind     logmark.Kind
	encoding string
	whole    bool
}

// TestBordersChangeNothing plants markers in any encoding, whole or a piece, anywhere in ordinary text, and searches it as a whole and
// in a buffer that is hardly longer than a needle, however the reads come.
func TestBordersChangeNothing(t *testing.T) {
	s := searcher(t)
	small := s.Small()
	filler := ordinary(1 << 20)
	rapid.Check(t, func(t *rapid.T) {
		var text bytes.Buffer
		want := map[planted]int{}
		for range rapid.IntRange(0, 6).Draw(t, "markers") {
			from := rapid.IntRange(0, len(filler)-4096).Draw(t, "from")
			text.Write(filler[from : from+rapid.IntRange(0, 3000).Draw(t, "length")])
			kind := rapid.SampledFrom(logmark.Kinds()).Draw(t, "kind")
			e := rapid.SampledFrom(s.Searched(kind)).Draw(t, "encoding")
			start := rapid.IntRange(0, len(e.Text)-e.Least).Draw(t, "start")
			end := rapid.IntRange(start+e.Least, len(e.Text)).Draw(t, "end")
			// The sign on either side is in no alphabet of ours, so that nothing before or behind joins in.
			text.WriteString("~" + e.Text[start:end] + "~")
			want[planted{kind, e.Encoding, end-start == len(e.Text)}]++
		}
		text.Write(filler[:rapid.IntRange(0, 3000).Draw(t, "rest")])
		lengths := rapid.SliceOfN(rapid.IntRange(1, 700), 0, 5).Draw(t, "reads")

		whole, err := s.Search(t.Context(), bytes.NewReader(text.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		slid, err := small.Search(t.Context(), &pieces{text: text.Bytes(), lengths: lengths})
		if err != nil {
			t.Fatal(err)
		}
		for name, seen := range map[string]logmark.Seen{"at once": whole, "in pieces": slid} {
			got := map[planted]int{}
			for leak, n := range seen.Leaks {
				got[planted{leak.Kind, leak.Encoding, leak.Whole}] += n
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func FuzzSearch(f *testing.F) {
	s := searcher(f)
	small := s.Small()
	m := markers(f)
	for i, kind := range logmark.Kinds() {
		for _, e := range s.Searched(kind) {
			f.Add([]byte(`{"headers":{"x":"`+e.Text+"\"}}\n"), uint16(i*100))
		}
	}
	r, err := m.Request(3)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(r.Traceparent+strings.Repeat(m.Of(logmark.Token).Value+" ", 100)), uint16(7))
	f.Fuzz(func(t *testing.T, text []byte, pad uint16) {
		text = append(bytes.Repeat([]byte("line\n"), int(pad)/5+1), text...)
		whole, err := s.Search(t.Context(), bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		slid, err := small.Search(t.Context(), &pieces{text: text, lengths: []int{1, 200, int(pad)%97 + 1}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(totals(whole), totals(slid)); diff != "" {
			t.Fatalf("(-at once +in pieces):\n%s", diff)
		}
		for leak := range whole.Leaks {
			if !place.MatchString(leak.Place.String()) {
				t.Fatalf("%q", leak.Place)
			}
		}
	})
}

// totals are the finds without their places, of which a small buffer sees less.
func totals(seen logmark.Seen) map[planted]int {
	all := map[planted]int{}
	for leak, n := range seen.Leaks {
		all[planted{leak.Kind, leak.Encoding, leak.Whole}] += n
	}
	for range seen.Requests {
		all[planted{}]++
	}
	return all
}
