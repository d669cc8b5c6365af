// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"
	"testing"
)

func TestNormalised(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/": "/", "": "", "/a/b": "/a/b", "/%68ello": "/hello", "/a%2fb": "/a%2Fb", "//a///b": "/a/b", `/a\b\\c`: "/a/b/c",
		"/a/./b/../c": "/a/c", "/../a": "/a", "/a/..": "/", "/a/.": "/a/", "/a/b/..": "/a/", "/%2e%2E/x": "/x", "/%7e%2D%5f": "/~-_",
		"/\xc3\xa9": "/%C3%A9", "/a b": "/a%20b", "/%zz": "/%zz", "/%": "/%", "/a;b,c=d": "/a;b,c=d", "/..a/b..": "/..a/b..", "/%2f..": "/%2F..",
	} {
		if got := normalised(path); got != want {
			t.Errorf("normalised(%q) = %q, want %q", path, got, want)
		}
	}
}

func FuzzNormalised(f *testing.F) {
	f.Add("/a/%2e%2E//b\\..%2f")
	f.Fuzz(func(t *testing.T, path string) {
		got := normalised("/" + path)
		if !strings.HasPrefix(got, "/") || strings.Contains(got, "//") || strings.Contains(got, "/./") || strings.Contains(got, "/../") || strings.HasSuffix(got, "/..") {
			t.Errorf("normalised(%q) = %q", path, got)
		}
	})
}
