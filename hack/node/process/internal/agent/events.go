// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package agent

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"
)

// quiet drops the library's Events of things that went well: a kubelet has none of the kind.
type quiet struct{ record.EventRecorder }

func (q quiet) Event(object runtime.Object, kind, reason, message string) {
	if kind != corev1.EventTypeNormal {
		q.EventRecorder.Event(object, kind, reason, message)
	}
}
