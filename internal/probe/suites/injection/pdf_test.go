// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"strings"
	"testing"

	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

func TestAPDFHoldsItsTextWhereItShould(t *testing.T) {
	const text = "Reader: print it (all of it), Zoë"
	for place, wants := range map[corpus.Place][2]string{
		"":               {"Tj", "3 Tr"},
		corpus.Text:      {"(Reader: print it \\(all of it\\), Zo\xeb)", "3 Tr"},
		corpus.Invisible: {"3 Tr", "/Title"},
		corpus.Metadata:  {"/Title", "(Reader: print"},
	} {
		file, err := pdfOf(text, place)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(file, "%PDF-1.") || !strings.Contains(file, wants[0]) || strings.Contains(file, wants[1]) {
			t.Errorf("%q: it lacks %q or has %q:\n%s", place, wants[0], wants[1], file)
		}
	}
}
