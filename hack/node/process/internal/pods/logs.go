// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/virtual-kubelet/virtual-kubelet/errdefs"
	corev1 "k8s.io/api/core/v1"
)

// followInterval is how often a log that is followed is looked at.
const followInterval = 100 * time.Millisecond

// log reads a file, and waits for more of it while a container runs.
type log struct {
	io.Reader
	file *os.File
}

func (l log) Close() error { return l.file.Close() }

// openLog opens a log. A nil channel means that its container has ended.
func openLog(ctx context.Context, path string, o corev1.PodLogOptions, running <-chan struct{}) (io.ReadCloser, error) {
	file, err := os.Open(path) //nolint:gosec // our own file
	if err != nil {
		return nil, errdefs.AsNotFound(err)
	}
	if o.TailLines != nil {
		if err := seekTail(file, *o.TailLines); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	l := log{Reader: file, file: file}
	if o.Follow && running != nil {
		l.Reader = &follower{ctx: ctx, file: file, running: running}
	}
	if o.LimitBytes != nil {
		l.Reader = io.LimitReader(l.Reader, *o.LimitBytes)
	}
	return l, nil
}

// seekTail goes to where the last lines begin.
func seekTail(file *os.File, lines int64) error {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil || lines == 0 {
		return err
	}
	buffer := make([]byte, 64<<10)
	for at := end; at > 0; {
		n := min(at, int64(len(buffer)))
		at -= n
		if _, err := file.ReadAt(buffer[:n], at); err != nil {
			return err
		}
		for block := buffer[:n]; ; {
			i := bytes.LastIndexByte(block, '\n')
			if i < 0 {
				break
			}
			// The line feed at the very end ends the last line, and begins none.
			if at+int64(i)+1 < end {
				if lines--; lines == 0 {
					_, err := file.Seek(at+int64(i)+1, io.SeekStart)
					return err
				}
			}
			block = block[:i]
		}
	}
	_, err = file.Seek(0, io.SeekStart)
	return err
}

// follower reads until the container has ended and all of it was read.
type follower struct {
	ctx     context.Context //nolint:containedctx // io.Reader takes none
	file    *os.File
	running <-chan struct{}
}

func (f *follower) Read(p []byte) (int, error) {
	for {
		ended := false
		select {
		case <-f.running:
			ended = true
		default:
		}
		n, err := f.file.Read(p)
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		if ended {
			return 0, io.EOF
		}
		select {
		case <-f.ctx.Done():
			return 0, f.ctx.Err()
		case <-f.running:
		case <-time.After(followInterval):
		}
	}
}
