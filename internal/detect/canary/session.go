// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

// Session finds what comes in pieces, over the replies of one conversation.
type Session struct {
	m *Matcher
	// short are the ends of the replies so far that were short, as they are.
	short string
	// tails are the ends of the streams so far.
	tails map[string][]byte
}

// Session begins a conversation.
func (m *Matcher) Session() *Session { return &Session{m: m, tails: map[string][]byte{}} }

// Of what was before, a session keeps this much of each stream: twice the longest words form, which has 12 times 8 letters.
const keptSymbols = 192

// A reply of no more than shortReply bytes may be a piece as a whole; of several, keptBytes are kept.
const (
	shortReply = 512
	keptBytes  = 2048
)

// Add takes the next reply, and gives what it shows by itself or together with those before it.
func (s *Session) Add(reply []byte) []Hit {
	f := s.m.newFinder(len(reply) + keptBytes)
	f.all(string(reply))
	var none streams
	plain := s.m.tables.fold(string(reply), func(string, string) {})
	none.gather(plain, &s.m.tables.symbols)
	pieces := map[string][]byte{"last characters": lastOf(none.all, 1), "first characters": firstOf(none.all, 1), "single characters": none.singles, "last words": lastWord(plain, &s.m.tables.symbols)}
	if len(reply) <= shortReply {
		pieces["whole"] = none.all
		s.short += string(reply)
		s.short = s.short[max(0, len(s.short)-keptBytes):]
		if len(s.short) > len(reply) {
			before := len(f.best)
			f.all(s.short)
			_ = before
		}
	}
	for name, piece := range pieces {
		stream := append(s.tails[name], piece...)
		f.stream(f.straight, stream, 0, 1, decodedNeed(), nil, "over replies: ", name)
		s.tails[name] = append([]byte(nil), stream[max(0, len(stream)-keptSymbols):]...)
	}
	return f.hits()
}

func firstOf(b []byte, n int) []byte { return b[:min(n, len(b))] }
func lastOf(b []byte, n int) []byte  { return b[max(0, len(b)-n):] }

// lastWord is what "The next one is: f." says.
func lastWord(text string, symbols *[256]byte) []byte {
	end := len(text)
	for end > 0 && symbols[text[end-1]] == 0 {
		end--
	}
	start := end
	for start > 0 && symbols[text[start-1]] != 0 && end-start < keptSymbols {
		start--
	}
	out := make([]byte, 0, end-start)
	for i := start; i < end; i++ {
		out = append(out, symbols[text[i]])
	}
	return out
}
