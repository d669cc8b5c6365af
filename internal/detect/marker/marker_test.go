// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package marker_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/launchready/launchready/internal/detect/marker"
)

func TestAMarkerIsFoundInWhateverEncoding(t *testing.T) {
	m := marker.New()
	reversed := []byte(m.Secret)
	slices.Reverse(reversed)
	for name, text := range map[string]string{
		"as it is": `{"title":"` + m.Text() + `"}`, "in capitals": strings.ToUpper(m.Text()), "backwards": string(reversed),
		"hexadecimal": hex.EncodeToString([]byte("see " + m.Text())),
		"base64 +0":   base64.StdEncoding.EncodeToString([]byte(m.Secret + "tail")),
		"base64 +1":   base64.RawURLEncoding.EncodeToString([]byte("x" + m.Secret + "tail")),
		"base64 +2":   base64.StdEncoding.EncodeToString([]byte("xy" + m.Secret)),
	} {
		if !m.In([]byte(text)) {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
}

func TestAMarkerIsNotFoundWhereItIsNot(t *testing.T) {
	m, other := marker.New(), marker.New()
	for _, text := range []string{"", m.Term, other.Text(), fmt.Sprintf("No results for %q", m.Term), m.Secret[:len(m.Secret)-1], base64.StdEncoding.EncodeToString([]byte(other.Text()))} {
		if m.In([]byte(text)) {
			t.Errorf("found in %q", text)
		}
	}
}
