// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package process

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// guardTether tells a guard process which children are alive. The guard reads a pipe whose other end only this program
// holds, so it notices this program's end however it came, and then kills what is left.
//
// It is weaker than the kernel's signal: a child started in the instant before this program is killed may be missed.
type guardTether struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	pipe io.WriteCloser
}

func newGuardTether(guard []string) (*guardTether, error) {
	if len(guard) == 0 {
		return nil, errors.New("this system needs a guard command to end children with their parent")
	}
	cmd := exec.Command(guard[0], guard[1:]...) //nolint:gosec,noctx // our own program, and it must outlive every context
	// Away from our terminal and group: what kills this program must not kill the guard with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("guard process: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard process: %w", err)
	}
	return &guardTether{cmd: cmd, pipe: pipe}, nil
}

func (g *guardTether) prepare(*syscall.SysProcAttr, bool) {}

func (g *guardTether) started(pid int) { g.tell('+', pid) }

func (g *guardTether) ended(pid int) { g.tell('-', pid) }

func (g *guardTether) tell(what byte, pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	// A guard that is gone cannot be told anything, and the children are still stopped in order by those who started them.
	_, _ = fmt.Fprintf(g.pipe, "%c%d\n", what, pid)
}

func (g *guardTether) close() error {
	g.mu.Lock()
	err := g.pipe.Close()
	g.mu.Unlock()
	return errors.Join(err, g.cmd.Wait())
}

// Guard is the guard process: it reads which children live, and kills the rest at the end of its input.
func Guard(in io.Reader) error {
	alive := map[int]bool{}
	var errs []error
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		pid, err := strconv.Atoi(line[min(1, len(line)):])
		if err != nil || pid <= 1 {
			errs = append(errs, fmt.Errorf("guard: not a process id: %q", line))
			continue
		}
		alive[pid] = line[0] == '+'
	}
	errs = append(errs, lines.Err())
	for pid, on := range alive {
		if !on {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("guard: killing %d: %w", pid, err))
		}
	}
	return errors.Join(errs...)
}
