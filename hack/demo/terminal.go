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
	t.printf("$ %s\n", command)
	cmd := t.shell(ctx, command)
	cmd.Stdin = strings.NewReader(input)
	output, err := cmd.CombinedOutput()
	t.printf("%s", output)
	if len(output) > 0 && output[len(output)-1] != '\n' {
		t.printf("\n")
	}
	if err != nil {
		t.err = fmt.Errorf("%s: %w", command, err)
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
	cmd.Env = append(os.Environ(), "KUBECONFIG="+t.stage.kubeconfig, "PATH="+t.stage.binaries+":"+os.Getenv("PATH"))
	return cmd
}

func (t *terminal) printf(format string, args ...any) {
	t.out.Lock()
	defer t.out.Unlock()
	fmt.Printf(format, args...)
}
