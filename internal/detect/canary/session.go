// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

// Session finds what comes in pieces, over the replies of one conversation. It keeps a few KiB, however long that is.
type Session struct {
	m *Matcher
	// texts are what was said that may be pieces, as it is.
	texts map[string]string
	// streams are what was said in symbols.
	streams map[string][]byte
	// chains are what came in words of their own.
	chains chains
	// told is how much of a form was given as coming in pieces.
	told map[formOf]int
}

// Session begins a conversation.
func (m *Matcher) Session() *Session {
	return &Session{m: m, texts: map[string]string{}, streams: map[string][]byte{}, told: map[formOf]int{}}
}

const (
	// keptSymbols are of each stream twice the longest words form, which has 12 times 8 letters.
	keptSymbols = 192
	// keptBytes are of each text what a canary takes in two encodings.
	keptBytes = 512
	// shortReply is the longest reply, in bytes, that may be a piece as a whole: others have more to say.
	shortReply = 256
)

// Add takes the next reply, and gives what it shows by itself, and what it completes of those before it: each canary's form
// once, and again when more of it has come. Pieces are short replies as a whole, and of every reply its last word, its
// characters that stand alone, and its first and last character.
func (s *Session) Add(reply []byte) []Hit {
	f := s.m.newFinder(len(reply))
	f.all(string(reply))

	over := s.m.newFinder(2*keptBytes + len(reply))
	plain := s.m.tables.fold(string(reply), func(string, string) {})
	var r streams
	r.gather(plain, &s.m.tables.symbols)
	over.chain(&s.chains, &r)
	word := lastWord(plain, &s.m.tables.run)
	streams := map[string][]byte{
		"first characters": r.all[:min(1, len(r.all))], "last characters": r.all[max(0, len(r.all)-1):],
		"single characters": r.singles, "last words": s.m.tables.symbolsOf(word),
	}
	texts := map[string]string{"last words": word}
	if len(reply) <= shortReply {
		streams["whole"], texts["whole"] = r.all, plain
	}
	for name, piece := range streams {
		stream := append(s.streams[name], piece...)
		over.stream(over.straight, stream, 0, 1, decodedNeed(), nil, "over replies: ", name)
		s.streams[name] = append(stream[:0], stream[max(0, len(stream)-keptSymbols):]...)
	}
	for name, piece := range texts {
		text := s.texts[name] + piece
		s.texts[name] = text[max(0, len(text)-keptBytes):]
		over.layersFrom(layer{text: s.texts[name], via: []string{"over replies: " + name}})
	}
	return s.merge(f, over)
}

// merge adds to what a reply shows by itself what it shows more with those before it.
func (s *Session) merge(alone, over *finder) []Hit {
	for at, hit := range over.best {
		if alone.best[at].Length >= hit.Length || s.told[at] >= hit.Length {
			continue
		}
		s.told[at] = hit.Length
		if alone.best == nil {
			alone.best = map[formOf]Hit{}
		}
		alone.best[at] = hit
	}
	return alone.hits()
}

// lastWord is what "The next one is: f." says.
func lastWord(text string, class *[256]bool) string {
	end := len(text)
	for end > 0 && !class[text[end-1]] {
		end--
	}
	start := end
	for start > 0 && class[text[start-1]] && end-start < keptBytes {
		start--
	}
	return text[start:end]
}
