// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package command

import (
	"flag"
	"io"
	"strings"
	"testing"
)

func TestNodeFlagStandsAloneOrNamesANode(t *testing.T) {
	for line, want := range map[string]nodeKind{
		"": nodeNone, "--node": nodeAuto, "--node=auto": nodeAuto, "--node=real": nodeReal, "--node=process": nodeProcess, "--node=false": nodeNone,
	} {
		flags := flag.NewFlagSet("start", flag.ContinueOnError)
		kind, dir := nodeFlag(flags, "with a node"), flags.String("dir", "", "")
		if err := flags.Parse(append(strings.Fields(line), "--dir", "/d")); err != nil || *kind != want || *dir != "/d" {
			t.Errorf("%q: node %q, dir %q, %v, want node %q", line, *kind, *dir, err, want)
		}
	}
	flags := flag.NewFlagSet("start", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	nodeFlag(flags, "with a node")
	if err := flags.Parse([]string{"--node=kwok"}); err == nil || !strings.Contains(err.Error(), "it is auto, real or process") {
		t.Errorf("a node that is none: %v", err)
	}
}

func TestEachNodeSaysWhatItCanNotShow(t *testing.T) {
	for _, kind := range []nodeKind{nodeReal, nodeProcess} {
		if said := saidOf(kind); !strings.HasPrefix(said, "node: "+string(kind)+" ") || !strings.Contains(said, "It can't show: ") {
			t.Errorf("the %s node says %q", kind, said)
		}
	}
}
