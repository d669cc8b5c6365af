// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"encoding/base32"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The texts on the right were made by Python's base64, urllib, json, html and codecs.
func TestEncodingsAreThoseThatOthersMake(t *testing.T) {
	want := map[string]string{
		"raw": `Zq"7/é&x+ Kp`, "lower": `zq"7/é&x+ kp`, "upper": `ZQ"7/É&X+ KP`,
		"url-query": "Zq%227%2F%C3%A9%26x%2B+Kp", "url-form": "Zq%227%2F%C3%A9%26x%2B%20Kp", "url-lower": "Zq%227%2f%c3%a9%26x%2b+Kp",
		"url-path": "Zq%227%2F%C3%A9&x+%20Kp", "json": `Zq\"7/é&x+ Kp`, "json-html-safe": `Zq\"7/é\u0026x+ Kp`, "json-twice": `Zq\\\"7/é&x+ Kp`,
		"json-slashes": `Zq\"7\/é&x+ Kp`, "quoted-ascii": `Zq\"7/\u00e9&x+ Kp`,
		"html": "Zq&#34;7/é&amp;x+ Kp", "html-named": "Zq&quot;7/é&amp;x+ Kp",
		"quoted-printable": `Zq"7/=C3=A9&x+ Kp`, "hex": "5a7122372fc3a926782b204b70",
		"decimal-commas": "90,113,34,55,47,195,169,38,120,43,32,75,112", "rot13": `Md"7/é&k+ Xc`, "atbash": `Aj"7/é&c+ Pk`, "reversed": `pK +x&é/7"qZ`,
		"base64+0": "WnEiNy/DqSZ4KyBLc", "base64url+0": "WnEiNy_DqSZ4KyBLc", "ascii85": ">&b`F0>jb9GUjn0",
	}
	got := map[string]string{}
	for _, e := range Encodings(`Zq"7/é&x+ Kp`) {
		got[e.Name] = string(e.Text)
	}
	for name := range got {
		if _, asked := want[name]; !asked {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEncodingsGiveEachTextOnceAndNoneShorterThanTheSecret(t *testing.T) {
	for _, secret := range []string{"a", "lr2kq7", "lrwx4n8pq2s6t9", "user+tag@example.org", "日本"} {
		seen := map[string]string{}
		for _, e := range Encodings(secret) {
			if other, again := seen[string(e.Text)]; again {
				t.Errorf("%q: %s gives what %s gives", secret, e.Name, other)
			}
			if len(e.Text) < len(secret) {
				t.Errorf("%q: %s is shorter", secret, e.Name)
			}
			seen[string(e.Text)] = e.Name
		}
	}
	if Encodings("") != nil {
		t.Error("nothing has no encodings")
	}
}

// Whatever stands around a secret, its core is there.
func TestCoresHangOnTheSecretAlone(t *testing.T) {
	const secret = "lrwx4n8pq2s6t9"
	all := Encodings(secret)
	contains := func(prefix, text string) bool {
		for _, e := range all {
			if strings.HasPrefix(e.Name, prefix) && strings.Contains(text, string(e.Text)) {
				return true
			}
		}
		return false
	}
	for before := range 7 {
		for after := range 7 {
			text := []byte(strings.Repeat("é", before)[:before] + secret + strings.Repeat("~", after))
			if !contains("base64", base64.StdEncoding.EncodeToString(text)) || !contains("base32", base32.StdEncoding.EncodeToString(text)) {
				t.Errorf("not found between %d and %d bytes", before, after)
			}
		}
	}
}
