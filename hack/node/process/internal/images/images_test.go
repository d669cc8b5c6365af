// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// archive makes a tarball of entries; a regular file's content is its link name.
func archive(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname, h.Size = h.Linkname, "", int64(len(h.Linkname))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// save writes an image with one file.
func save(t *testing.T, path, tag, content string, when time.Time) {
	t.Helper()
	layer := archive(t, tar.Header{Name: "app", Typeflag: tar.TypeReg, Mode: 0o755, Linkname: content})
	made, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer)), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, made)
	if err != nil {
		t.Fatal(err)
	}
	named, err := name.NewTag(tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tarball.WriteToFile(path, named, img), os.Chtimes(path, when, when)); err != nil {
		t.Fatal(err)
	}
}

func TestFindGivesWhatWasLoadedLastUnderAName(t *testing.T) {
	s := &Store{Tarballs: t.TempDir(), Files: filepath.Join(t.TempDir(), "files")}
	now := time.Now()
	save(t, filepath.Join(s.Tarballs, "z.tar"), "example.com/app:1", "old", now.Add(-time.Hour))
	save(t, filepath.Join(s.Tarballs, "a.tar"), "example.com/app:1", "new", now)
	save(t, filepath.Join(s.Tarballs, "half"), "example.com/app:1", "half", now.Add(time.Hour))
	save(t, filepath.Join(s.Tarballs, "b.tar"), "app:2", "short", now)
	for image, want := range map[string]string{"example.com/app:1": "new", "docker.io/library/app:2": "short", "app:2": "short"} {
		found, err := s.Find(image)
		if err != nil {
			t.Errorf("%s: %v", image, err)
			continue
		}
		content, err := os.ReadFile(filepath.Join(found.Root, "app"))
		if err != nil || string(content) != want || !strings.HasPrefix(found.ID, "sha256:") {
			t.Errorf("%s is %s with %q, %v, want %q", image, found.ID, content, err, want)
		}
	}
	digest := "example.com/app@sha256:" + strings.Repeat("3f", 32)
	for _, image := range []string{"example.com/app:3", "other.example.com/app:1", digest} {
		if _, err := s.Find(image); !errors.Is(err, ErrNotLoaded) {
			t.Errorf("%s: %v, want %v", image, err, ErrNotLoaded)
		}
	}
}

func TestExtractStaysInItsFolder(t *testing.T) {
	outside := t.TempDir()
	for name, c := range map[string]struct {
		headers []tar.Header
		want    string
	}{
		"a file and a link": {[]tar.Header{
			{Name: "./bin/app", Typeflag: tar.TypeReg, Mode: 0o755, Linkname: "app"},
			{Name: "hard", Typeflag: tar.TypeLink, Linkname: "/bin/app"},
			{Name: "soft", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		}, ""},
		"a path that leaves is taken as one that stays": {[]tar.Header{{Name: "../../file", Typeflag: tar.TypeReg, Mode: 0o600, Linkname: "x"}}, ""},
		"a link that leaves is not followed": {[]tar.Header{
			{Name: "out", Typeflag: tar.TypeSymlink, Linkname: outside},
			{Name: "out/file", Typeflag: tar.TypeReg, Mode: 0o600, Linkname: "x"},
		}, "out/file"},
		"a device": {[]tar.Header{{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}}, "none that a user without root can make"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := extract(bytes.NewReader(archive(t, c.headers...)), dir)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("extract: %v, want %q", err, c.want)
			}
			for _, folder := range []string{outside, filepath.Dir(filepath.Dir(dir))} {
				if _, err := os.Stat(filepath.Join(folder, "file")); err == nil {
					t.Errorf("there is a file in %s", folder)
				}
			}
		})
	}
}
