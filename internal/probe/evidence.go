// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"unicode/utf8"

	kjson "sigs.k8s.io/json"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/scorecard"
)

const (
	// EvidencePrefix begins each line of evidence in a probe's log.
	EvidencePrefix = "launchready-evidence "
	// MaxEvidenceBytes is how much a probe writes, and so how much of its log is worth reading.
	MaxEvidenceBytes = 512 << 10
)

// Evidence is one line of a probe's log: a finding of a row, or a note.
type Evidence struct {
	Row     v1alpha1.Row `json:"row,omitempty"`
	Finding *Finding     `json:"finding,omitempty"`
	Note    string       `json:"note,omitempty"`
}

func (e Evidence) validate() error {
	switch {
	case e.Finding != nil && (e.Row == "" || e.Note != ""):
		return refuse(ProblemValue, "a finding belongs to a row, and has no note")
	case e.Finding == nil && e.Note == "":
		return refuse(ProblemValue, "there is neither a finding nor a note")
	case e.Finding != nil:
		if err := e.Finding.validate(); err != nil {
			return refuse(ProblemValue, "%v", err)
		}
	}
	return nil
}

func (e Evidence) harmless() Evidence {
	e.Note = scorecard.Bounded(e.Note)
	if e.Finding != nil {
		f := e.Finding.harmless()
		e.Finding = &f
	}
	return e
}

// EvidenceWriter writes evidence to a log, and hashes what it writes.
type EvidenceWriter struct {
	out            io.Writer
	hash           hash.Hash
	left           int
	lines, dropped int
	err            error
}

// NewEvidenceWriter gives a writer that writes at most limit bytes.
func NewEvidenceWriter(out io.Writer, limit int) *EvidenceWriter {
	return &EvidenceWriter{out: out, hash: sha256.New(), left: limit}
}

// Write writes one line. What there is no room for is left out and counted: write the worst first. After a failed write
// nothing more is written, for nobody knows how much of it is in the log.
func (w *EvidenceWriter) Write(e Evidence) error {
	if w.err != nil {
		return w.err
	}
	e = e.harmless()
	if err := e.validate(); err != nil {
		return fmt.Errorf("writing evidence: %w", err)
	}
	data, err := marshal(e)
	if err != nil {
		return fmt.Errorf("writing evidence: %w", err)
	}
	line := slices.Concat([]byte(EvidencePrefix), data, []byte("\n"))
	if len(line) > w.left {
		w.dropped++
		return nil
	}
	if _, err := w.out.Write(line); err != nil {
		w.err = fmt.Errorf("writing evidence: %w", err)
		return w.err
	}
	w.left -= len(line)
	w.lines++
	w.hash.Write(line)
	return nil
}

// Sum gives the SHA-256 of what was written, empty if that is nothing, and the number of lines: EvidenceSHA256 and
// EvidenceLines of the Result. After a failed write there is no evidence.
func (w *EvidenceWriter) Sum() (sha string, lines int) {
	if w.lines == 0 || w.err != nil {
		return "", 0
	}
	return hex.EncodeToString(w.hash.Sum(nil)), w.lines
}

// Dropped gives the number of lines that there was no room for.
func (w *EvidenceWriter) Dropped() int { return w.dropped }

// ReadEvidence finds the evidence in a probe's log, between whatever else is there. It is all of what the result speaks of,
// or none and a ProtocolError. Each of its texts can be shown.
func ReadEvidence(log []byte, sha string) ([]Evidence, error) {
	h := sha256.New()
	var lines [][]byte
	for line := range bytes.Lines(log) {
		if bytes.HasPrefix(line, []byte(EvidencePrefix)) {
			h.Write(line)
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil, refuse(ProblemEmpty, "the log has no evidence")
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != sha {
		return nil, refuse(ProblemHash, "the log has %d lines of evidence, which are not those that the result speaks of", len(lines))
	}
	found := make([]Evidence, 0, len(lines))
	for i, line := range lines {
		line = bytes.TrimPrefix(line, []byte(EvidencePrefix))
		if !utf8.Valid(line) {
			return nil, refuse(ProblemNotText, "line %d of the evidence is not UTF-8", i+1)
		}
		var e Evidence
		strict, err := kjson.UnmarshalStrict(line, &e)
		if err := errors.Join(append(strict, err)...); err != nil {
			return nil, refuse(ProblemNotJSON, "line %d of the evidence: %v", i+1, err)
		}
		e = e.harmless()
		if err := e.validate(); err != nil {
			return nil, fmt.Errorf("line %d of the evidence: %w", i+1, err)
		}
		found = append(found, e)
	}
	return found, nil
}

// Findings gives the findings of one row.
func Findings(evidence []Evidence, row v1alpha1.Row) []Finding {
	var found []Finding
	for _, e := range evidence {
		if e.Row == row && e.Finding != nil {
			found = append(found, *e.Finding)
		}
	}
	return found
}
