// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	// maxForeignRunes is how much of a text that others wrote may stand in a finding.
	maxForeignRunes = 200
	// maxTextBytes bounds every text of ours.
	maxTextBytes = 1024
	// maxMarks is how many combining marks may stand on one character: scripts in use need no more.
	maxMarks = 4
	// brailleBlank is a graphic character that shows nothing, and no space to Unicode either.
	brailleBlank = '\u2800'
	// fingerprintDigits is the length of a finding's fingerprint: 64 bits, as hexadecimal digits.
	fingerprintDigits = 16
)

// Finding is one concrete thing that is wrong. Only NewFinding makes one, so that no text that others wrote reaches
// a status, a report, a log or an Event as it came.
type Finding struct {
	api v1alpha1.Finding
}

// Draft is what a Finding is made of. Place, Message and Remedy are written by us; what others wrote goes through
// Foreign first.
type Draft struct {
	// Rule is the kind of finding, a CamelCase word.
	Rule     string
	Severity v1alpha1.Severity
	// Place is where it is: an object and a field, such as `Deployment shop/chat: containers[web].env[TOKEN]`.
	Place   string
	Message string
	Remedy  string
	// Reproduce is a command that shows it, without anything secret; empty where there is none.
	Reproduce string
	// Identity tells this finding from others of the same rule at the same place, such as a keyed hash of the secret.
	// It never appears itself.
	Identity string
}

// NewFinding makes a finding. Its fingerprint is an HMAC-SHA-256 with the operator's key over rule, place and
// identity, so that it is the same in every measurement and tells nothing to whoever lacks the key.
func NewFinding(key []byte, d Draft) Finding {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{"launchready finding v1", d.Rule, d.Place, d.Identity} {
		// The length in front keeps ("ab", "c") apart from ("a", "bc").
		mac.Write(fmt.Appendf(nil, "%d:%s", len(part), part))
	}
	return Finding{api: v1alpha1.Finding{
		Fingerprint: hex.EncodeToString(mac.Sum(nil))[:fingerprintDigits],
		Severity:    d.Severity,
		Rule:        d.Rule,
		Place:       Bounded(d.Place),
		Message:     Bounded(d.Message),
		Remedy:      Bounded(d.Remedy),
		Reproduce:   Bounded(d.Reproduce),
	}}
}

// API gives the finding as the LaunchReport holds it.
func (f Finding) API() v1alpha1.Finding { return f.api }

// Fails says whether the finding fails its row.
func (f Finding) Fails() bool { return f.api.Severity != v1alpha1.SeverityLow }

// Foreign makes text that others wrote harmless: valid UTF-8; control, escape, bidirectional and invisible characters
// and piles of combining marks made visible as \u{...}; at most 200 characters, an ellipsis included.
func Foreign(text string) string { return harmless(text, maxForeignRunes, utf8.RuneCountInString) }

// Bounded cuts a text at 1,024 bytes, at a character's border, and makes it harmless as a last resort. That is the
// MaxLength of texts in our API, and of an Event's note (events.k8s.io/v1: 1 kB).
func Bounded(text string) string {
	return harmless(text, maxTextBytes, func(s string) int { return len(s) })
}

// harmless gives as much of a text as the limit allows, in the given measure.
func harmless(text string, limit int, size func(string) int) string {
	var b strings.Builder
	// marks begins as if the pile were full: a mark in front would sit on whatever we write before the text.
	n, cut, marks := 0, 0, maxMarks
	for _, r := range text {
		v := visible(r)
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		} else if marks > maxMarks {
			v = escaped(r)
		}
		if n += size(v); n > limit {
			return b.String()[:cut] + "…"
		}
		b.WriteString(v)
		if n <= limit-size("…") {
			cut = b.Len()
		}
	}
	return b.String()
}

// visible gives a character as it may stand in a terminal, an HTML page or a log line.
func visible(r rune) string {
	// Control, format, bidirectional and unassigned characters and line separators are not graphic.
	if !unicode.IsGraphic(r) || unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) ||
		r == brailleBlank || r == utf8.RuneError {
		return escaped(r)
	}
	return string(r)
}

func escaped(r rune) string { return fmt.Sprintf("\\u{%X}", r) }

// CompareSeverity orders severities, the worst first.
func CompareSeverity(a, b v1alpha1.Severity) int {
	order := []v1alpha1.Severity{v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow}
	return cmp.Compare(slices.Index(order, a), slices.Index(order, b))
}

// CompareFindings orders findings: the worst first, then by rule and place, so that the same findings always stand
// in the same order.
func CompareFindings(a, b v1alpha1.Finding) int {
	return cmp.Or(
		CompareSeverity(a.Severity, b.Severity),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Place, b.Place),
		cmp.Compare(a.Fingerprint, b.Fingerprint),
	)
}
