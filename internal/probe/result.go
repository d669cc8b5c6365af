// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"
	kjson "sigs.k8s.io/json"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/scorecard"
)

const (
	// MaxResultBytes is what Kubernetes keeps of a termination message.
	// https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
	MaxResultBytes = 4096
	// maxIdentityBytes bounds Identity, which is never shortened: a fingerprint is made of it.
	maxIdentityBytes = 256
	// maxNotes is how many notes a result may have.
	maxNotes = 16
	// maxMarked is how many requests with markers a result may tell of, and maxMarkedName how long the name of each may be.
	maxMarked     = 16
	maxMarkedName = 128
	// maxSinks is how many sinks of logs there may be, as the API has it, and maxSinkLeaks how many leaks of each are told.
	maxSinks     = 8
	maxSinkLeaks = 16
	// maxDetail is how long the text may be that says what is wrong with a query, or a part of a leak's place.
	maxDetail = 128
	// maxListed is how many findings of a row can fit in a message at most; none is smaller than 64 bytes.
	maxListed = MaxResultBytes / 64
)

var (
	// word is a rule or a reason, as the API takes it.
	word = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,63}$`)
	// digest is a SHA-256.
	digest = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Expected is what the operator knows of the Job that it created.
type Expected struct {
	Nonce     string
	Suite     Suite
	LaunchUID string
}

// Problem is a kind of thing that is wrong with a result or with evidence.
type Problem string

const (
	// ProblemEmpty is nothing at all.
	ProblemEmpty Problem = "Empty"
	// ProblemTooLong is more than Kubernetes would have kept of ours.
	ProblemTooLong Problem = "TooLong"
	// ProblemNotText is bytes that are not UTF-8.
	ProblemNotText Problem = "NotText"
	// ProblemNotJSON is text that is no JSON object of the right types, or has fields twice or that are unknown.
	ProblemNotJSON Problem = "NotJSON"
	// ProblemVersion is another version of the protocol.
	ProblemVersion Problem = "Version"
	// ProblemNonce is the result of another Job.
	ProblemNonce Problem = "Nonce"
	// ProblemSuite is the result of another suite.
	ProblemSuite Problem = "Suite"
	// ProblemLaunch is the result of another launch.
	ProblemLaunch Problem = "Launch"
	// ProblemRows is a row that is missing, there twice or not the suite's.
	ProblemRows Problem = "Rows"
	// ProblemValue is a value that is none of those allowed, or contradicts another.
	ProblemValue Problem = "Value"
	// ProblemHash is evidence that is not what the result speaks of.
	ProblemHash Problem = "Hash"
)

// ProtocolError says why a result or evidence does not count.
type ProtocolError struct {
	Problem Problem
	Detail  string
}

func (e *ProtocolError) Error() string { return e.Detail }

func refuse(p Problem, format string, args ...any) error {
	return &ProtocolError{Problem: p, Detail: fmt.Sprintf(format, args...)}
}

// Encode gives the result as a termination message of at most MaxResultBytes. What there is no room for is left out: first
// the findings, the least bad first and the worst of each row last, then the length of texts, then everything but
// verdicts, reasons and counts. It refuses whatever Decode would.
func Encode(r Result) ([]byte, error) {
	r = harmless(r)
	if err := r.validate(); err != nil {
		return nil, fmt.Errorf("encoding a probe's result: %w", err)
	}
	for _, smaller := range []func(*Result) bool{dropLeast(1), dropLeaks, shortenTexts(), dropLeast(0), dropNotes} {
		for {
			data, err := marshal(r)
			if err != nil {
				return nil, fmt.Errorf("encoding a probe's result: %w", err)
			}
			if len(data) <= MaxResultBytes {
				return data, nil
			}
			if !smaller(&r) {
				break
			}
		}
	}
	data, err := marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding a probe's result: %w", err)
	}
	if len(data) > MaxResultBytes {
		return nil, refuse(ProblemTooLong, "encoding a probe's result: it takes %d bytes without its findings, and there is room for %d", len(data), MaxResultBytes)
	}
	return data, nil
}

// marshal is json.Marshal without the escapes for HTML, which cost room.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// dropLeast leaves out the least bad finding of a row that has more than keep.
func dropLeast(keep int) func(*Result) bool {
	return func(r *Result) bool {
		least := -1
		for i, row := range r.Rows {
			if len(row.Findings) <= keep {
				continue
			}
			if least < 0 {
				least = i
				continue
			}
			a, b := row.Findings, r.Rows[least].Findings
			c := scorecard.CompareSeverity(a[len(a)-1].Severity, b[len(b)-1].Severity)
			if c > 0 || (c == 0 && len(a) > len(b)) {
				least = i
			}
		}
		if least < 0 {
			return false
		}
		omitLast(&r.Rows[least])
		return true
	}
}

func omitLast(row *RowResult) {
	last := len(row.Findings) - 1
	switch row.Findings[last].Severity {
	case v1alpha1.SeverityCritical:
		row.Omitted.Critical++
	case v1alpha1.SeverityHigh:
		row.Omitted.High++
	case v1alpha1.SeverityMedium:
		row.Omitted.Medium++
	case v1alpha1.SeverityLow:
		row.Omitted.Low++
	}
	row.Findings = row.Findings[:last]
}

// shortenTexts cuts texts shorter each time. Places and identities of findings stay as they are, for they are known by them.
func shortenTexts() func(*Result) bool {
	limits := []int{512, 256, 128, 64, 32, 16}
	return func(r *Result) bool {
		if len(limits) == 0 {
			return false
		}
		limit := limits[0]
		limits = limits[1:]
		for i := range r.Rows {
			row := &r.Rows[i]
			row.Message, row.Control = cut(row.Message, limit), cut(row.Control, limit)
			for j := range row.Findings {
				f := &row.Findings[j]
				f.Message, f.Remedy = cut(f.Message, limit), cut(f.Remedy, limit)
				// Half a command is none.
				if len(f.Reproduce) > limit {
					f.Reproduce = ""
				}
			}
		}
		for i := range r.Notes {
			r.Notes[i] = cut(r.Notes[i], limit)
		}
		for i := range r.Marked {
			r.Marked[i].Name = cut(r.Marked[i].Name, limit)
		}
		for i := range r.Sinks {
			r.Sinks[i] = r.Sinks[i].cut(limit)
		}
		return true
	}
}

// dropLeaks leaves out the least bad leak of the sink that has the most. One stays of each, for the row fails by it.
func dropLeaks(r *Result) bool {
	most := -1
	for i, sink := range r.Sinks {
		if len(sink.Leaks) > 1 && (most < 0 || len(sink.Leaks) > len(r.Sinks[most].Leaks)) {
			most = i
		}
	}
	if most < 0 {
		return false
	}
	sink := &r.Sinks[most]
	sink.Leaks = sink.Leaks[:len(sink.Leaks)-1]
	return true
}

func dropNotes(r *Result) bool {
	if len(r.Notes) == 0 {
		return false
	}
	r.Notes = r.Notes[:len(r.Notes)-1]
	return true
}

// cut gives at most limit bytes of a text, an ellipsis included, at a character's border.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// harmless gives a copy of the result in which each text can be shown, and the findings stand the worst first.
func harmless(r Result) Result {
	r.Notes = slices.Clone(r.Notes)
	for i, n := range r.Notes {
		r.Notes[i] = scorecard.Bounded(n)
	}
	r.Marked = slices.Clone(r.Marked)
	for i := range r.Marked {
		r.Marked[i].Name = cut(scorecard.Bounded(r.Marked[i].Name), maxMarkedName)
	}
	r.Sinks = slices.Clone(r.Sinks)
	for i := range r.Sinks {
		r.Sinks[i] = r.Sinks[i].harmless()
	}
	r.Rows = slices.Clone(r.Rows)
	for i := range r.Rows {
		row := &r.Rows[i]
		row.Message, row.Control = scorecard.Bounded(row.Message), scorecard.Bounded(row.Control)
		row.Findings = slices.Clone(row.Findings)
		slices.SortStableFunc(row.Findings, func(a, b Finding) int { return scorecard.CompareSeverity(a.Severity, b.Severity) })
		for len(row.Findings) > maxListed {
			omitLast(row)
		}
		for j := range row.Findings {
			row.Findings[j] = row.Findings[j].harmless()
		}
	}
	return r
}

func (s SeenSink) harmless() SeenSink {
	s.Detail = scorecard.Bounded(s.Detail)
	s.Leaks = slices.Clone(s.Leaks[:min(len(s.Leaks), maxSinkLeaks)])
	for i := range s.Leaks {
		leak := &s.Leaks[i]
		leak.Encoding, leak.Place.Path, leak.Place.After = scorecard.Bounded(leak.Encoding), scorecard.Bounded(leak.Place.Path), scorecard.Bounded(leak.Place.After)
	}
	return s.cut(maxDetail)
}

// cut cuts texts to so many bytes each.
func (s SeenSink) cut(limit int) SeenSink {
	s.Detail = cut(s.Detail, limit)
	for i := range s.Leaks {
		leak := &s.Leaks[i]
		leak.Encoding, leak.Place.Path, leak.Place.After = cut(leak.Encoding, limit), cut(leak.Place.Path, limit), cut(leak.Place.After, limit)
	}
	return s
}

func (f Finding) harmless() Finding {
	f.Place, f.Message, f.Remedy = scorecard.Bounded(f.Place), scorecard.Bounded(f.Message), scorecard.Bounded(f.Remedy)
	f.Identity, f.Reproduce = scorecard.Bounded(f.Identity), scorecard.Bounded(f.Reproduce)
	return f
}

// Decode reads a termination message. A result that it gives is the expected Job's, complete and without contradictions;
// each of its texts can be shown. Everything else is a ProtocolError.
func Decode(data []byte, want Expected) (Result, error) {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return Result{}, refuse(ProblemEmpty, "the message is empty")
	case len(data) > MaxResultBytes:
		return Result{}, refuse(ProblemTooLong, "the message has %d bytes, and a probe writes at most %d", len(data), MaxResultBytes)
	case !utf8.Valid(data):
		return Result{}, refuse(ProblemNotText, "the message is not UTF-8")
	}
	// The version comes first: what follows may look different in another.
	var head struct {
		SchemaVersion int `json:"schemaVersion"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &head); err != nil {
		return Result{}, refuse(ProblemNotJSON, "the message is no result: %v", err)
	}
	if head.SchemaVersion != SchemaVersion {
		return Result{}, refuse(ProblemVersion, "the message has schema version %d, not %d", head.SchemaVersion, SchemaVersion)
	}
	var r Result
	strict, err := kjson.UnmarshalStrict(data, &r)
	if err := errors.Join(append(strict, err)...); err != nil {
		return Result{}, refuse(ProblemNotJSON, "the message is no result: %v", err)
	}
	switch {
	case r.Nonce == "" || r.Nonce != want.Nonce:
		return Result{}, refuse(ProblemNonce, "the message is another Job's: its nonce is not that of this one")
	case r.Suite != want.Suite:
		return Result{}, refuse(ProblemSuite, "the message is of suite %q, not %q", r.Suite, want.Suite)
	case r.LaunchUID == "" || r.LaunchUID != want.LaunchUID:
		return Result{}, refuse(ProblemLaunch, "the message is of the launch with uid %q, not %q", r.LaunchUID, want.LaunchUID)
	}
	r = harmless(r)
	if err := r.validate(); err != nil {
		return Result{}, err
	}
	return r, nil
}

// validate refuses what no suite may say, whoever says it.
func (r Result) validate() error {
	switch {
	case r.SchemaVersion != SchemaVersion:
		return refuse(ProblemVersion, "the result has schema version %d, not %d", r.SchemaVersion, SchemaVersion)
	case r.Nonce == "" || r.LaunchUID == "":
		return refuse(ProblemValue, "the result has no nonce, or no launchUID")
	case r.Requests < 0 || r.Chats < 0 || r.SignUps < 0 || r.EvidenceLines < 0:
		return refuse(ProblemValue, "the result has a number below 0")
	case len(r.Notes) > maxNotes:
		return refuse(ProblemValue, "the result has %d notes, and there may be %d", len(r.Notes), maxNotes)
	case len(r.Marked) > maxMarked:
		return refuse(ProblemValue, "the result tells of %d requests with markers, and there may be %d", len(r.Marked), maxMarked)
	case (r.EvidenceLines > 0) != (r.EvidenceSHA256 != "") || (r.EvidenceSHA256 != "" && !digest.MatchString(r.EvidenceSHA256)):
		return refuse(ProblemValue, "the result has evidence without its SHA-256, or a SHA-256 without evidence")
	}
	if err := validateSinks(r.Sinks); err != nil {
		return err
	}
	rows := r.Suite.Rows()
	if len(rows) == 0 {
		return refuse(ProblemSuite, "suite %q is unknown", r.Suite)
	}
	seen := map[v1alpha1.Row]bool{}
	for _, row := range r.Rows {
		if !slices.Contains(rows, row.Row) {
			return refuse(ProblemRows, "row %q is none of suite %s", row.Row, r.Suite)
		}
		if seen[row.Row] {
			return refuse(ProblemRows, "row %s is there twice", row.Row)
		}
		seen[row.Row] = true
		if err := row.validate(); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if !seen[row] {
			return refuse(ProblemRows, "row %s is missing", row)
		}
	}
	return nil
}

func validateSinks(sinks []SeenSink) error {
	if len(sinks) > maxSinks {
		return refuse(ProblemValue, "the result tells of %d sinks of logs, and there may be %d", len(sinks), maxSinks)
	}
	for _, s := range sinks {
		if len(validation.IsDNS1123Label(s.Name)) > 0 {
			return refuse(ProblemValue, "the result tells of a sink whose name is none")
		}
		if !slices.Contains([]SinkProblem{"", SinkUnreachable, SinkUnexpected, SinkTooLong, SinkEchoes, SinkMisdescribed}, s.Problem) {
			return refuse(ProblemValue, "sink %s: problem %q is none", s.Name, s.Problem)
		}
		for _, leak := range s.Leaks {
			if !slices.Contains(logmark.Kinds(), leak.Kind) || !slices.Contains(logmark.Forms(), leak.Place.Form) {
				return refuse(ProblemValue, "sink %s: a leak of kind %q in a %q", s.Name, leak.Kind, leak.Place.Form)
			}
		}
	}
	return nil
}

func (r RowResult) validate() error {
	worded := r.Verdict == v1alpha1.VerdictPass || r.Verdict == v1alpha1.VerdictFail
	switch {
	case !word.MatchString(r.Reason) && (r.Reason != "" || !worded):
		return refuse(ProblemValue, "row %s: reason %q is no CamelCase word", r.Row, r.Reason)
	case r.Message == "" && !worded:
		return refuse(ProblemValue, "row %s: verdict %s without a message", r.Row, r.Verdict)
	case r.Cases < 0 || min(r.Omitted.Critical, r.Omitted.High, r.Omitted.Medium, r.Omitted.Low) < 0:
		return refuse(ProblemValue, "row %s: a number is below 0", r.Row)
	}
	fails := r.Omitted.Critical > 0 || r.Omitted.High > 0 || r.Omitted.Medium > 0
	for _, f := range r.Findings {
		if err := f.validate(); err != nil {
			return refuse(ProblemValue, "row %s: %v", r.Row, err)
		}
		fails = fails || f.Fails()
	}
	return r.validateVerdict(fails)
}

func (r RowResult) validateVerdict(fails bool) error {
	switch r.Verdict {
	case v1alpha1.VerdictPass, v1alpha1.VerdictNotApplicable:
		switch {
		case fails:
			return refuse(ProblemValue, "row %s: verdict %s beside a finding that fails it", r.Row, r.Verdict)
		case r.Verdict == v1alpha1.VerdictPass && r.Control == "":
			return refuse(ProblemValue, "row %s: verdict Pass without a control", r.Row)
		case r.Verdict == v1alpha1.VerdictPass && r.Cases == 0:
			return refuse(ProblemValue, "row %s: verdict Pass without a case", r.Row)
		}
	case v1alpha1.VerdictFail:
		if !fails {
			return refuse(ProblemValue, "row %s: verdict Fail without a finding that fails it", r.Row)
		}
	case v1alpha1.VerdictUnknown:
		if r.Fault != v1alpha1.FaultApp && r.Fault != v1alpha1.FaultOperator {
			return refuse(ProblemValue, "row %s: verdict Unknown with fault %q, which is neither App nor Operator", r.Row, r.Fault)
		}
		return nil
	default:
		return refuse(ProblemValue, "row %s: verdict %q is none", r.Row, r.Verdict)
	}
	if r.Fault != "" {
		return refuse(ProblemValue, "row %s: verdict %s with a fault", r.Row, r.Verdict)
	}
	return nil
}

func (f Finding) validate() error {
	switch f.Severity {
	case v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow:
	default:
		return fmt.Errorf("severity %q is none", f.Severity)
	}
	switch {
	case !word.MatchString(f.Rule):
		return fmt.Errorf("rule %q is no CamelCase word", f.Rule)
	case f.Place == "" || f.Message == "" || f.Remedy == "":
		return fmt.Errorf("finding %s has no place, message or remedy", f.Rule)
	case len(f.Identity) > maxIdentityBytes:
		return fmt.Errorf("finding %s has an identity of %d bytes, and it may have %d", f.Rule, len(f.Identity), maxIdentityBytes)
	}
	return nil
}
