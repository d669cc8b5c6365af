// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package image wraps a static binary into an OCI image, as the project's Dockerfile does, without a registry, a base image
// or a container engine.
//
// It must not be used for releases: nothing of distroless but what a static binary may ask for is in it.
package image

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const (
	// User is distroless's "nonroot", as a number: a kubelet that has to prove runAsNonRoot can't look a name up.
	User = "65532:65532"
	uid  = 65532
	home = "/home/nonroot"
)

// Spec says what image to make.
type Spec struct {
	// Binary is the file to put in, Path where it lies in the image, as its only entry point.
	Binary, Path string
	// Name is the image's name with its tag.
	Name string
}

// Write makes the image and writes it as a tarball that containerd imports.
func Write(spec Spec, output string) error {
	tag, err := name.NewTag(spec.Name, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("name of the image: %w", err)
	}
	img, err := Make(spec)
	if err != nil {
		return fmt.Errorf("image %s: %w", spec.Name, err)
	}
	if err := tarball.WriteToFile(output, tag, img); err != nil {
		return fmt.Errorf("writing image %s: %w", spec.Name, err)
	}
	return nil
}

// Make makes the image. The same binary makes the same image, whenever and wherever.
func Make(spec Spec) (v1.Image, error) {
	architecture, err := staticFor(spec.Binary)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(spec.Binary)
	if err != nil {
		return nil, err
	}
	layer, err := layerOf(spec.Path, content)
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", architecture
	file.Config = v1.Config{
		Entrypoint: []string{spec.Path}, User: User, WorkingDir: home,
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}
	return mutate.ConfigFile(img, file)
}

// staticFor gives the architecture of a static Linux binary. Another one would only fail in the pod, as "no such file".
func staticFor(path string) (string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return "", fmt.Errorf("not a Linux binary: %w", err)
	}
	defer func() { _ = file.Close() }()
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP {
			return "", errors.New("not a static binary: build it with CGO_ENABLED=0")
		}
	}
	switch file.Machine { //nolint:exhaustive // those that the Dockerfile builds for
	case elf.EM_X86_64:
		return "amd64", nil
	case elf.EM_AARCH64:
		return "arm64", nil
	default:
		return "", fmt.Errorf("unexpected architecture %s", file.Machine)
	}
}

// layerOf holds the binary and what distroless gives a static one: a user, a home and a folder for temporary files.
func layerOf(path string, content []byte) (v1.Layer, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	text := func(name, text string) entry {
		return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, []byte(text)}
	}
	folder := func(name string, mode int64, owner int) entry {
		return entry{tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: mode, Uid: owner, Gid: owner}, nil}
	}
	for _, e := range []entry{
		folder("etc/", 0o755, 0),
		text("etc/passwd", "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:"+home+":/sbin/nologin\n"),
		text("etc/group", "root:x:0:\nnonroot:x:65532:\n"),
		folder("home/", 0o755, 0),
		folder(home[1:]+"/", 0o700, uid),
		folder("tmp/", 0o1777, 0),
		{tar.Header{Name: path[1:], Typeflag: tar.TypeReg, Mode: 0o755}, content},
	} {
		e.header.Size, e.header.ModTime, e.header.Format = int64(len(e.content)), time.Unix(0, 0), tar.FormatPAX
		if err := w.WriteHeader(&e.header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
}

type entry struct {
	header  tar.Header
	content []byte
}
