// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package launch

import "time"

// StalledError says that a person must act: nothing is tried again until something changes.
type StalledError struct {
	// Reason is a CamelCase word of the API's list, Message says what to do.
	Reason, Message string
}

func (e *StalledError) Error() string { return e.Reason + ": " + e.Message }

// WaitingError says that something is not there yet, and that it is worth looking again at a known time.
type WaitingError struct {
	Reason, Message string
	// Again is when to look again, from now.
	Again time.Duration
	// Ours says that the app has no part in it, so that a launched one has grace meanwhile.
	Ours bool
}

func (e *WaitingError) Error() string { return e.Reason + ": " + e.Message }

// TransientError says that something failed that should work the next time: it is tried again with backoff, and
// never makes a launch Stalled.
type TransientError struct {
	// Doing is what was being done, in lower case.
	Doing string
	Err   error
}

func (e *TransientError) Error() string { return e.Doing + ": " + e.Err.Error() }

func (e *TransientError) Unwrap() error { return e.Err }
