// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/logmark"
)

// Input is what one run gave: what was sent, and what was seen afterwards.
type Input struct {
	// Key of the operator, for fingerprints.
	Key []byte
	// Namespace of the launch.
	Namespace string
	// Described says that spec.app describes how to use the app.
	Described bool
	// Requests that carry markers, sent or not.
	Requests []Request
	// Absent are the kinds that the app takes nowhere, as its description says.
	Absent []logmark.Kind
	// Containers are the logs of all containers of all pods of the app, init containers and sidecars too.
	Containers []Container
	// Sinks are where else logs go.
	Sinks Sinks
	// Variables are the names of the environment variables of the app's containers.
	Variables []Variable
	// Access is who may do what in the namespace.
	Access Access
	// Expected are those who read logs by right, as spec.logging.readers says.
	Expected []v1alpha1.LogReader
	// Pods are the names of the app's pods.
	Pods []string
	// RunsAs are the ServiceAccounts of the app's workloads.
	RunsAs []RunsAs
}

// RunsAs says as whom a workload runs.
type RunsAs struct {
	Workload, ServiceAccount string
}

// Request carries markers through the app.
type Request struct {
	// Number by which logmark.Markers.Request gave it its id.
	Number int
	// Name is the request as the app's owner described it: "POST /api/login".
	Name string
	// Kinds of the markers that it carries.
	Kinds []logmark.Kind
	// Answered says that the app answered it, whatever it said.
	Answered bool
}

// Container is the log of one container of one pod.
type Container struct {
	// Workload whose template has the container: "Deployment shop/chat".
	Workload string
	// Name of the container.
	Name string
	// Seen in the log since the first request, and before a restart too.
	Seen logmark.Seen
	// Problem is what kept the log from being searched as a whole.
	Problem Problem
}

// Problem says what is wrong with a log, or with what a sink answered.
type Problem string

const (
	// Complete logs reach from the first request to the end of the wait after the last.
	Complete Problem = ""
	// Forbidden logs are those that the operator may not read.
	Forbidden Problem = "Forbidden"
	// Unreadable logs are those of which reading failed.
	Unreadable Problem = "Unreadable"
	// Rotated logs are those whose beginning is younger than the first request.
	Rotated Problem = "Rotated"
	// TooLong logs are those of which a part alone was read.
	TooLong Problem = "TooLong"
	// Restarted containers did so during the run, and the log before that is gone.
	Restarted Problem = "Restarted"
	// Unreachable sinks could not be asked.
	Unreachable Problem = "Unreachable"
	// Unexpected is an answer that the query does not expect.
	Unexpected Problem = "Unexpected"
	// Echoes are answers that have the id that was asked for, whatever the sink holds.
	Echoes Problem = "Echoes"
	// Misdescribed queries can't be sent.
	Misdescribed Problem = "Misdescribed"
)

// Sinks are the places besides the containers' logs to which the app writes, as spec.logging.sinks says.
type Sinks struct {
	// Declared says that the spec says something. With no sink in the list it says that there are none.
	Declared bool
	List     []Sink
}

// Sink is one of them: tracing, an error tracker, files.
type Sink struct {
	Name string
	// Asked says that spec.logging.sinks says how to ask it, and that it was.
	Asked bool
	// Seen in what it answered.
	Seen logmark.Seen
	// Problem is what kept it from being searched as a whole; empty where nothing did.
	Problem Problem
	// Status is that of a reply which the query does not expect, and Detail says what is wrong with a query that could not be sent.
	Status int
	Detail string
}

// Variable is the name of an environment variable. Values are of no interest here.
type Variable struct {
	Workload, Container, Name string
}
