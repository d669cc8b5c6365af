// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command make wraps a static binary into an image.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/launchready/launchready/hack/node/image"
)

func main() {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	binary := flags.String("binary", "", "the static binary")
	path := flags.String("path", "", "where it lies in the image (default: at the root, by its own name)")
	name := flags.String("name", "", "name of the image, with a tag")
	output := flags.String("output", "", "tarball to write")
	if flags.Parse(os.Args[1:]) != nil {
		os.Exit(2)
	}
	if *binary == "" || *name == "" || *output == "" || flags.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "image needs --binary FILE --name NAME:TAG --output TARBALL")
		os.Exit(2)
	}
	if *path == "" {
		*path = "/" + filepath.Base(*binary)
	}
	if err := image.Write(image.Spec{Binary: *binary, Path: *path, Name: *name}, *output); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}
