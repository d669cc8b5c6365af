// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/zricethezav/gitleaks/v8/logging"
)

const silentChild = "LAUNCHREADY_DETECT_CHILD"

// TestNothingIsPrinted runs the detector in a process of its own, with the logger of
// gitleaks at its most talkative, and looks at what the process wrote.
func TestNothingIsPrinted(t *testing.T) {
	if os.Getenv(silentChild) != "" {
		logging.Logger = logging.Logger.Level(zerolog.TraceLevel) //nolint:reassign // in a process of its own: the logger of gitleaks can be set in no other way
		d, err := New()
		if err != nil {
			t.Fatal(err)
		}
		logging.Logger.Info().Msg("the child looks")
		for _, c := range loadCorpus(t, "testdata/corpus/secrets.yaml") {
			look(d, c)
		}
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNothingIsPrinted$", "-test.v=false") //nolint:gosec // this test's own binary
	child.Env = append(os.Environ(), silentChild+"=1")
	var stdout, stderr bytes.Buffer
	child.Stdout, child.Stderr = &stdout, &stderr
	if err := child.Run(); err != nil {
		t.Fatalf("the child failed: %v", err)
	}
	_, after, ok := strings.Cut(stderr.String(), "the child looks")
	_, after, _ = strings.Cut(after, "\n")
	if !ok {
		t.Fatal("the logger of gitleaks does not write where this test looks")
	}
	if after != "" {
		t.Errorf("detection wrote %d bytes to stderr", len(after))
	}
	if out := strings.TrimSpace(stdout.String()); out != "PASS" && !strings.HasPrefix(out, "PASS\n") {
		t.Errorf("detection wrote to stdout: %d bytes", len(out))
	}
}
