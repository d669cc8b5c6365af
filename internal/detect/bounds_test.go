// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/base64"
	"strings"
	"testing"
)

// TestDecodingIsBounded wraps a secret in base64 until it is out of reach: two layers
// are undone, and a bomb of many costs no more than its length.
func TestDecodingIsBounded(t *testing.T) {
	d := newDetector(t)
	text := "DB_PASSWORD=hunter2"
	for depth := range 6 {
		if found := len(d.Text(text)) > 0; found != (depth <= 2) {
			t.Errorf("after %d encodings found is %v", depth, found)
		}
		text = base64.StdEncoding.EncodeToString([]byte(text))
	}
}

// TestWorkThatIsSpentIsNotDone holds the bound on decoded and nested text: without it
// text that unfolds would be read as often as it can be unfolded.
func TestWorkThatIsSpentIsNotDone(t *testing.T) {
	text := "DB_PASSWORD=hunter2\n" + b64("TOKEN=hunter3-correct") + "\nghp" + "_" + invented("alnum", 36)
	for work, want := range map[int]int{workFloor: 3, 0: 1} {
		s := scan{d: newDetector(t)}
		s.begin(len(text))
		s.work = work
		s.free(region{text: text})
		if got := len(s.matches(0)); got != want {
			t.Errorf("with %d bytes of work left, %d secrets are found, want %d", work, got, want)
		}
	}
}

func TestASecretOnTheSeamOfWindowsIsFound(t *testing.T) {
	d := newDetector(t)
	token := "ghp" + "_" + invented("alnum", 36)
	aws := "AKIA" + invented("base32", 16)
	for _, seam := range []int{maxLine, windowSize, windowSize - windowOverlap, 2*windowSize - windowOverlap} {
		for _, shift := range []int{-45, -20, -4, 0, 4} {
			pad := strings.Repeat("x,", (seam+shift)/2)
			for _, secret := range []string{token, aws, `"password":"hunter2"`} {
				if len(d.Text(pad+" "+secret+" "+pad)) == 0 {
					t.Errorf("%.4s… at %d%+d is not found", secret, seam, shift)
				}
			}
		}
	}
}

func TestCompressedTextIsReadWithinBounds(t *testing.T) {
	d := newDetector(t)
	manifest := `{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"hunter2-correct"}]}]}}`
	for what, text := range map[string]string{"in base64": b64(zipped(manifest)), "as it is": zipped(manifest)} {
		if len(d.Value("objectset.rio.cattle.io/applied", text)) == 0 {
			t.Errorf("a secret in compressed text is not found: %s", what)
		}
	}
	// A bomb unpacks no more than its bound, where nothing is found behind it.
	for _, pad := range []string{"", "x"} { // so that it is cut in the middle of a character once
		bomb := zipped("DB_PASSWORD=hunter2-correct " + pad + strings.Repeat("é", 4<<20) + " API_TOKEN=hunter3-correct")
		if m := d.Value("data", b64(bomb)); len(m) != 1 {
			t.Errorf("of a bomb of 8 MiB %d secrets are found, want the one at its beginning", len(m))
		}
	}
}
