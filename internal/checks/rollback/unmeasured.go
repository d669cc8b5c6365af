// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
)

// unmeasuredError says why a workload could not be looked at. Its message is the same as long as the cause is: no
// ports, request ids or generations.
type unmeasuredError struct {
	fault           v1alpha1.Fault
	reason, message string
	// passing: it goes away by itself in a moment.
	passing bool
}

func (e *unmeasuredError) Error() string { return e.reason + ": " + e.message }

// asUnmeasured gives an error as what kept a workload from being looked at.
func asUnmeasured(w launch.Workload, err error) *unmeasuredError {
	var e *unmeasuredError
	if errors.As(err, &e) {
		return e
	}
	return &unmeasuredError{fault: v1alpha1.FaultOperator, reason: v1alpha1.ReasonProbeError, message: fmt.Sprintf("Looking at %s failed; it is tried again.", w)}
}

// rank orders what is told first.
func (e *unmeasuredError) rank() int {
	if e.fault == v1alpha1.FaultApp {
		return 0
	}
	return 1
}

// notYet says that the next measurement should find it done. No app can bring it about, so it is the operator's to wait
// for.
func notYet(format string, args ...any) *unmeasuredError {
	return &unmeasuredError{fault: v1alpha1.FaultOperator, reason: v1alpha1.ReasonNoPositiveControl, message: fmt.Sprintf(format, args...)}
}

// lagging says that the workload's controller, or the cache, is behind: another look in a moment should find it done.
func lagging(format string, args ...any) *unmeasuredError {
	e := notYet(format, args...)
	e.passing = true
	return e
}

// access is a request to the API server, as RBAC names it.
type access struct {
	verb, group, resource string
	// what is read, as messages name it.
	what string
}

// failed says why a request gave nothing. The server's own words stay out: they can hold names that others chose, and
// differ from one attempt to the next.
func (a access) failed(err error) error {
	e := &unmeasuredError{fault: v1alpha1.FaultOperator, reason: v1alpha1.ReasonProbeError}
	switch {
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		e.reason = v1alpha1.ReasonNotConfigured
		e.message = fmt.Sprintf("The operator may not %s %s, which it needs for %s: grant its ServiceAccount the verb %q on %q of API group %q.",
			a.verb, a.resource, a.what, a.verb, a.resource, a.group)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		e.reason = v1alpha1.ReasonTimeout
		e.message = fmt.Sprintf("Reading %s took too long; it is tried again.", a.what)
	default:
		e.message = fmt.Sprintf("Reading %s failed (%s); it is tried again.", a.what, cause(err))
	}
	return e
}

// cause gives the machine-readable reason of an API error, one of a fixed list.
func cause(err error) string {
	if reason := apierrors.ReasonForError(err); reason != "" {
		return string(reason)
	}
	return "no answer from the API server"
}
