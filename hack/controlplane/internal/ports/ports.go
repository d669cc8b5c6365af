// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package ports reserves free loopback ports for programs that bind them themselves.
//
// The usual way, to bind port 0, look and close, leaves a moment in which another program may take the port. Here the port
// stays bound, by a socket that never listens and so gets no connection, with SO_REUSEPORT: a program of the same user that
// sets that option too (kube-apiserver --permit-port-sharing, etcd --socket-reuse-port) binds and listens beside it, others
// are kept off, and the kernel gives the port to nobody who asks for port 0. It must not be used for other addresses than
// loopback.
package ports

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reservation holds ports until it is closed.
type Reservation struct {
	ports   []int
	sockets []int
}

// Reserve reserves n ports of 127.0.0.1.
func Reserve(n int) (*Reservation, error) { return ReserveWith(n) }

// ReserveWith reserves n ports of 127.0.0.1, first the given ones; 0 is any.
func ReserveWith(n int, first ...int) (*Reservation, error) {
	r := &Reservation{}
	for i := range n {
		port := 0
		if i < len(first) {
			port = first[i]
		}
		if err := r.add(port); err != nil {
			return nil, fmt.Errorf("reserving a loopback port: %w", errors.Join(err, r.Close()))
		}
	}
	return r, nil
}

// Ports are the reserved ports.
func (r *Reservation) Ports() []int { return r.ports }

// Close gives the ports up.
func (r *Reservation) Close() error {
	var errs []error
	for _, socket := range r.sockets {
		errs = append(errs, unix.Close(socket))
	}
	r.sockets = nil
	return errors.Join(errs...)
}

func (r *Reservation) add(port int) error {
	socket, err := openSocket()
	if err != nil {
		return err
	}
	r.sockets = append(r.sockets, socket)
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return err
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	address, err := unix.Getsockname(socket)
	if err != nil {
		return err
	}
	inet, ok := address.(*unix.SockaddrInet4)
	if !ok {
		return fmt.Errorf("unexpected address %T", address)
	}
	r.ports = append(r.ports, inet.Port)
	return nil
}

// openSocket holds the fork lock, so that no child started meanwhile inherits the socket and with it the port.
func openSocket() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, err
	}
	unix.CloseOnExec(socket)
	return socket, nil
}
