// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark

// Small gives the searcher with as little memory as it can work with, so that a short log crosses its borders.
func (s *Searcher) Small() *Searcher {
	const context = 512
	return &Searcher{index: s.index, context: context, buffer: context + 3*s.index.longest + 2*stride}
}

// Encoded is a text that is searched.
type Encoded struct {
	Encoding, Text string
	// Least is how much of it has to be there.
	Least int
}

// Searched gives the texts that are searched for a kind.
func (s *Searcher) Searched(kind Kind) []Encoded {
	var all []Encoded
	for _, n := range s.index.needles {
		if n.kind == kind {
			all = append(all, Encoded{n.encoding, string(n.text), n.least})
		}
	}
	return all
}

// Locate tells the place of what stands behind a text.
func Locate(before string) Place { return locate([]byte(before), false) }

// Words that a place may have.
func Words() []string { return words }

// Masked stands for everything else.
const Masked = masked
