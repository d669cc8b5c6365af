// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package images finds images in a folder of tarballs, and lays their files out. There is no registry: what is not in the folder
// is not there.
package images

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// ErrNotLoaded says that no tarball has the image.
var ErrNotLoaded = errors.New("no such image was loaded, and there is no registry here")

// Image is one that was laid out.
type Image struct {
	// ID is the digest of its configuration, which is what a runtime calls an image that came from no registry.
	ID string
	// Root is the folder of its files.
	Root   string
	Config v1.Config
}

// Store is a folder of tarballs, and one for their files.
type Store struct {
	Tarballs, Files string

	mu sync.Mutex
}

// Find finds an image by the name that a pod has for it. Of several with a name, the tarball that was loaded last counts.
func (s *Store) Find(image string) (*Image, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", image, err)
	}
	tag, ok := ref.(name.Tag)
	if !ok {
		return nil, fmt.Errorf("image %s: %w", image, ErrNotLoaded)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path, err := s.tarballOf(tag)
	if err != nil {
		return nil, err
	}
	img, err := tarball.ImageFromPath(path, &tag)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", image, err)
	}
	return s.layOut(img)
}

// tarballOf finds the newest tarball with a tag.
func (s *Store) tarballOf(tag name.Tag) (string, error) {
	entries, err := os.ReadDir(s.Tarballs)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	found := ""
	var newest int64
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".tar" {
			continue
		}
		path := filepath.Join(s.Tarballs, e.Name())
		info, err := e.Info()
		if err != nil {
			return "", err
		}
		has, err := hasTag(path, tag)
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", path, err)
		}
		if when := info.ModTime().UnixNano(); has && when >= newest {
			found, newest = path, when
		}
	}
	if found == "" {
		return "", fmt.Errorf("image %s: %w", tag.Name(), ErrNotLoaded)
	}
	return found, nil
}

func hasTag(path string, tag name.Tag) (bool, error) {
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(path) }) //nolint:gosec // in our own folder
	if err != nil {
		return false, err
	}
	for _, d := range manifest {
		for _, text := range d.RepoTags {
			// A short name, such as docker save writes it, is the same as its long one.
			if other, err := name.NewTag(text); err == nil && other.Name() == tag.Name() {
				return true, nil
			}
		}
	}
	return false, nil
}

// layOut lays an image's files out, once.
func (s *Store) layOut(img v1.Image) (*Image, error) {
	id, err := img.ConfigName()
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	found := &Image{ID: id.String(), Root: filepath.Join(s.Files, id.Hex), Config: file.Config}
	if _, err := os.Stat(found.Root); err == nil {
		return found, nil
	}
	if err := os.MkdirAll(s.Files, 0o700); err != nil {
		return nil, err
	}
	staging, err := os.MkdirTemp(s.Files, "staging-")
	if err != nil {
		return nil, err
	}
	files := mutate.Extract(img)
	defer files.Close() //nolint:errcheck // only read
	if err := extract(files, staging); err != nil {
		return nil, errors.Join(fmt.Errorf("laying out image %s: %w", found.ID, err), os.RemoveAll(staging))
	}
	return found, os.Rename(staging, found.Root)
}

// extract writes what is in a tarball below a folder, and nothing anywhere else.
func extract(files io.Reader, folder string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // what was written was closed
	if err := root.Chmod(".", 0o755); err != nil {
		return err
	}
	for archive := tar.NewReader(files); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := extractOne(root, header, archive); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

func extractOne(root *os.Root, header *tar.Header, content io.Reader) error {
	path := strings.TrimPrefix(filepath.Clean("/"+header.Name), "/")
	if path == "" {
		return nil
	}
	if err := root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// Owners are not kept: all files are the user's who runs us, and so are its processes.
	mode := header.FileInfo().Mode().Perm()
	switch header.Typeflag {
	case tar.TypeDir:
		if err := root.MkdirAll(path, 0o755); err != nil {
			return err
		}
		return root.Chmod(path, mode|header.FileInfo().Mode()&os.ModeSticky)
	case tar.TypeReg:
		file, err := root.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content)
		return errors.Join(err, file.Close())
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, path)
	case tar.TypeLink:
		return root.Link(strings.TrimPrefix(filepath.Clean("/"+header.Linkname), "/"), path)
	default:
		return fmt.Errorf("a file of type %q is none that a user without root can make", header.Typeflag)
	}
}
