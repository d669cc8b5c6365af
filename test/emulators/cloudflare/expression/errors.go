// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package expression

import "fmt"

// InvalidError says that Cloudflare would refuse an expression.
type InvalidError struct {
	// Offset is where, in bytes from the beginning.
	Offset int
	Reason string
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("invalid expression at byte %d: %s", e.Offset, e.Reason)
}

// UnsupportedError says that Cloudflare may accept an expression that can't be evaluated here.
type UnsupportedError struct {
	Offset int
	// What it is that isn't supported.
	What string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("expression not supported at byte %d: %s", e.Offset, e.What)
}
