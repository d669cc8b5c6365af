// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// binary builds the pause program: a small static binary.
func binary(t *testing.T, cgo string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "launchready")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./pause")
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo, "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// instruction is what the last stage of the project's Dockerfile says.
func instruction(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	value := ""
	for line := range strings.Lines(string(content)) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			value = strings.TrimSpace(rest)
		}
	}
	if value == "" {
		t.Fatalf("the Dockerfile has no %s", name)
	}
	return value
}

func TestImageIsWhatTheDockerfileMakes(t *testing.T) {
	output := filepath.Join(t.TempDir(), "image.tar")
	spec := Spec{Binary: binary(t, "0"), Path: "/launchready", Name: "launchready.dev/launchready:dev"}
	if err := Write(spec, output); err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(output, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if file.OS != "linux" || file.Architecture != runtime.GOARCH {
		t.Errorf("it is for %s/%s", file.OS, file.Architecture)
	}
	if want := instruction(t, "USER"); file.Config.User != want {
		t.Errorf("user %q, want %q", file.Config.User, want)
	}
	var entrypoint []string
	if err := json.Unmarshal([]byte(instruction(t, "ENTRYPOINT")), &entrypoint); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(file.Config.Entrypoint, entrypoint) {
		t.Errorf("entry point %q, want %q", file.Config.Entrypoint, entrypoint)
	}
	if copied := strings.Fields(instruction(t, "COPY")); copied[len(copied)-1] != spec.Path {
		t.Errorf("the binary lies in %s, want %s", spec.Path, copied[len(copied)-1])
	}
	modes := map[string]int64{}
	files := tar.NewReader(mutate.Extract(img))
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		modes[strings.Trim(header.Name, "/")] = header.Mode
	}
	if modes["launchready"] != 0o755 || modes["tmp"] != 0o1777 || modes["home/nonroot"] != 0o700 {
		t.Errorf("files are %v", modes)
	}
}

func TestSameBinaryMakesTheSameImage(t *testing.T) {
	spec := Spec{Binary: binary(t, "0"), Path: "/pause"}
	one, errOne := Make(spec)
	other, errOther := Make(spec)
	if err := errors.Join(errOne, errOther); err != nil {
		t.Fatal(err)
	}
	first, errOne := one.Digest()
	second, errOther := other.Digest()
	if errOne != nil || errOther != nil || first != second {
		t.Errorf("%s, %v and %s, %v", first, errOne, second, errOther)
	}
}

func TestWhatCannotRunInAPodIsRefused(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	tests := map[string]struct {
		spec Spec
		want string
	}{
		"not a binary":  {Spec{Binary: script, Path: "/x", Name: "launchready.dev/x:dev"}, "not a Linux binary"},
		"name, no tag":  {Spec{Binary: script, Path: "/x", Name: "x"}, "name of the image"},
		"missing":       {Spec{Binary: script + "2", Path: "/x", Name: "launchready.dev/x:dev"}, "no such file"},
		"dynamic, libc": {Spec{Binary: "/bin/ls", Path: "/x", Name: "launchready.dev/x:dev"}, "not a static binary"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := Write(test.spec, filepath.Join(t.TempDir(), "out")); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Write: %v, want %q", err, test.want)
			}
		})
	}
}
