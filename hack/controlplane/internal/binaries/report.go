// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package binaries

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	// heartbeat is how often a long build says that it is alive.
	heartbeat = 15 * time.Second
	// tailLines is how much of the go command's output an error quotes.
	tailLines = 20
)

// reporter reads what "go build -v" says: a line for each package it compiles and each module it downloads.
type reporter struct {
	out   io.Writer
	name  string
	begun time.Time

	mu         sync.Mutex
	partial    []byte
	compiled   int
	downloaded int
	lines      []string
}

func newReporter(out io.Writer, name string) *reporter {
	return &reporter{out: out, name: name, begun: time.Now()}
}

// Write takes the go command's output.
func (r *reporter) Write(data []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.partial = append(r.partial, data...)
	for {
		line, rest, found := bytes.Cut(r.partial, []byte("\n"))
		if !found {
			return len(data), nil
		}
		r.line(string(line))
		r.partial = bytes.Clone(rest)
	}
}

func (r *reporter) line(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		r.downloaded++
	case line != "" && !strings.ContainsAny(line, " :"):
		r.compiled++
	default:
		// Not progress, so it may be the reason of a failure.
		r.lines = append(r.lines, line)
		r.lines = r.lines[max(len(r.lines)-tailLines, 0):]
	}
}

// start begins the heartbeat; the returned function ends it and reports the program as built.
func (r *reporter) start() (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(heartbeat)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				r.print("still ")
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
		r.print("")
	}
}

func (r *reporter) print(prefix string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = fmt.Fprintf(r.out, "  %s%s: %s, %d packages compiled, %d modules downloaded\n",
		prefix, r.name, rounded(time.Since(r.begun)), r.compiled, r.downloaded)
}

func (r *reporter) tail() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.TrimSpace(strings.Join(append(r.lines, string(r.partial)), "\n"))
}

func rounded(d time.Duration) time.Duration {
	return d.Round(100 * time.Millisecond)
}
