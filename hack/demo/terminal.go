// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// terminal types commands as a person would. After the first that fails, it types no more.
type terminal struct {
	stage *stage
	err   error
	// out keeps the lines of a watching command whole among those of the others.
	out sync.Mutex
}

func (t *terminal) say(text string) {
	if t.err == nil {
		fmt.Printf("\n# %s\n", text)
	}
}

// typed shows a command and runs it.
func (t *terminal) typed(ctx context.Context, command string) { t.typedWithInput(ctx, "", command) }

// typedWithInput runs a command with something on its standard input that is not shown.
func (t *terminal) typedWithInput(ctx context.Context, input, command string) {
	if t.err != nil {
		return
	}
	if _, err := t.run(ctx, input, command); err != nil {
		t.err = fmt.Errorf("%s: %w", command, err)
	}
}

// run shows a command, runs it, and shows and gives what it prints.
func (t *terminal) run(ctx context.Context, input, command string) (string, error) {
	t.printf("$ %s\n", command)
	cmd := t.shell(ctx, command)
	cmd.Stdin = strings.NewReader(input)
	output, err := cmd.CombinedOutput()
	t.printf("%s", output)
	if len(output) > 0 && output[len(output)-1] != '\n' {
		t.printf("\n")
	}
	return string(output), err
}

// refused runs a command that the gate must refuse.
func (t *terminal) refused(ctx context.Context, command string) { t.refusedWithInput(ctx, "", command) }

// refusedWithInput runs a command that the gate must refuse, with something on its standard input that is not shown.
func (t *terminal) refusedWithInput(ctx context.Context, input, command string) {
	if t.err != nil {
		return
	}
	output, err := t.run(ctx, input, command)
	switch {
	case err == nil:
		t.err = fmt.Errorf("%s: it passed, and should have been refused", command)
	case !strings.Contains(output, "ValidatingAdmissionPolicy 'launchready-"):
		t.err = fmt.Errorf("%s: it failed, but not by the gate: %w", command, err)
	}
}

// patience is how long something may take that follows by itself.
const patience = 30 * time.Second

// typedUntil is typed for a command that the gate lets through in a moment: it opens after the status has said so.
func (t *terminal) typedUntil(ctx context.Context, command string) {
	if t.err != nil {
		return
	}
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		output, err := t.shell(ctx, command+" --dry-run=server").CombinedOutput()
		if err != nil && !strings.Contains(string(output), "ValidatingAdmissionPolicy 'launchready-") {
			return false, fmt.Errorf("%s: %w: %s", command, err, output)
		}
		return err == nil, nil
	})
	if err != nil {
		t.err = fmt.Errorf("waiting for the gate to open: %w", err)
	}
	t.typed(ctx, command)
}

// shown is typed for a command that has to print something, or the story isn't true.
func (t *terminal) shown(ctx context.Context, want, command string) {
	if t.err != nil {
		return
	}
	output, err := t.run(ctx, "", command)
	if err == nil && !strings.Contains(output, want) {
		err = fmt.Errorf("it does not print %s", want)
	}
	if err != nil {
		t.err = fmt.Errorf("%s: %w", command, err)
	}
}

// eventually is shown for what comes about in a while.
func (t *terminal) eventually(ctx context.Context, want, command string) {
	if t.err != nil {
		return
	}
	err := wait.PollUntilContextTimeout(ctx, time.Second, patience, true, func(ctx context.Context) (bool, error) {
		output, err := t.shell(ctx, command).CombinedOutput()
		return err == nil && strings.Contains(string(output), want), nil
	})
	if err != nil {
		t.err = fmt.Errorf("%s: waiting for %s: %w", command, want, err)
	}
	t.shown(ctx, want, command)
}

// do does something that no command does.
func (t *terminal) do(something func() error) {
	if t.err == nil {
		t.err = something()
	}
}

// watch runs a command that goes on by itself, its lines indented among those of the others. What it gives ends it.
func (t *terminal) watch(ctx context.Context, command string) (end func()) {
	if t.err != nil {
		return func() {}
	}
	t.printf("$ %s\n", command)
	ctx, cancel := context.WithCancel(ctx)
	cmd := t.shell(ctx, "exec "+command)
	output, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.err = fmt.Errorf("%s: %w", command, err)
		return func() {}
	}
	lines := make(chan struct{})
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			t.printf("    | %s\n", scanner.Text())
		}
	}()
	return func() {
		cancel()
		<-lines
		_ = cmd.Wait() // it ends because we end it
	}
}

func (t *terminal) shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = t.stage.dir
	cmd.Env = append(os.Environ(), "CLOUDFLARE_TOKEN="+cloudflareToken, "KUBECONFIG="+t.stage.kubeconfig, "PATH="+t.stage.binaries+":"+t.stage.tools+":"+os.Getenv("PATH"))
	return cmd
}

func (t *terminal) printf(format string, args ...any) {
	t.out.Lock()
	defer t.out.Unlock()
	fmt.Printf(format, args...)
}
