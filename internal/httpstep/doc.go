// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package httpstep sends the HTTP requests that a launch describes, and reads their replies: $(name) is expanded, expectations
// and captures are CEL over the response. It holds whatever arrives in bounds of size and time, and never leaves the target by
// itself, but for a login that names other hosts: which addresses may be dialled is the transport's business, that it is given.
package httpstep
