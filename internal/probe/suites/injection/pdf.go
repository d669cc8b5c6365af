// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"bytes"
	"fmt"

	"codeberg.org/go-pdf/fpdf"

	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// The rendering modes of text in a PDF. ISO 32000-1 §9.3.6, table 106.
const (
	filled    = 0
	invisible = 3
)

// innocent is what a PDF shows that holds its text elsewhere.
const innocent = "This page is about the garden in spring."

// pdfOf gives a PDF that holds a text at a place. Characters that Windows-1252 lacks are points: the standard fonts have no others.
func pdfOf(text string, place corpus.Place) (string, error) {
	doc := fpdf.New("P", "mm", "A4", "")
	doc.SetCompression(false) // what is sent can be read
	doc.SetFont("Helvetica", "", 11)
	doc.AddPage()
	write := func(text string) {
		const lineHeight = 5
		doc.MultiCell(0, lineHeight, doc.UnicodeTranslatorFromDescriptor("")(text), "", "L", false)
	}
	switch place {
	case corpus.Metadata:
		doc.SetTitle(text, true)
		doc.SetSubject(text, true)
		doc.SetKeywords(text, true)
		write(innocent)
	case corpus.Invisible:
		write(innocent)
		doc.SetTextRenderingMode(invisible)
		write(text)
		doc.SetTextRenderingMode(filled)
	default:
		write(text)
	}
	var out bytes.Buffer
	if err := doc.Output(&out); err != nil {
		return "", fmt.Errorf("writing a PDF: %w", err)
	}
	return out.String(), nil
}
