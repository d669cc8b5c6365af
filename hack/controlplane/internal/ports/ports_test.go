// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ports

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func reserve(t *testing.T, n int) *Reservation {
	t.Helper()
	r, err := Reserve(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// listen listens as a program with --permit-port-sharing does, or as any other.
func listen(ctx context.Context, port int, sharing bool) (net.Listener, error) {
	config := net.ListenConfig{}
	if sharing {
		config.Control = func(_, _ string, conn syscall.RawConn) error {
			var inner error
			err := conn.Control(func(fd uintptr) {
				inner = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			})
			return errors.Join(err, inner)
		}
	}
	return config.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

func dial(t *testing.T, address string) (net.Conn, error) {
	t.Helper()
	var dialer net.Dialer
	return dialer.DialContext(t.Context(), "tcp", address)
}

func TestReservedPortsDiffer(t *testing.T) {
	seen := map[int]bool{}
	for range 4 {
		for _, port := range reserve(t, 50).Ports() {
			if port == 0 || seen[port] {
				t.Errorf("port %d is reserved twice", port)
			}
			seen[port] = true
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d ports, want 200", len(seen))
	}
}

func TestReservedPortIsClosedToOthers(t *testing.T) {
	port := reserve(t, 1).Ports()[0]
	if l, err := listen(t.Context(), port, false); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("another program may take the port: %v", err)
		if err == nil {
			_ = l.Close()
		}
	}
	if conn, err := dial(t, fmt.Sprintf("127.0.0.1:%d", port)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the reservation itself takes connections: %v", err)
		if err == nil {
			_ = conn.Close()
		}
	}
}

func TestReservedPortServesTheProgramItIsFor(t *testing.T) {
	port := reserve(t, 1).Ports()[0]
	l, err := listen(t.Context(), port, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	// More than a few: the kernel would spread them, if the reservation listened too.
	for range 50 {
		conn, err := dial(t, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if accepted.RemoteAddr().String() != conn.LocalAddr().String() {
			t.Errorf("accepted %s, want %s", accepted.RemoteAddr(), conn.LocalAddr())
		}
		_, _ = accepted.Close(), conn.Close()
	}
}

func TestClosedReservationGivesThePortBack(t *testing.T) {
	r := reserve(t, 1)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := listen(t.Context(), r.Ports()[0], false)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}
