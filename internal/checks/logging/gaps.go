// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// gap is something that could not be measured.
type gap struct {
	fault           v1alpha1.Fault
	reason, message string
}

// gaps are told with those first that the app is the cause of: they must not hide behind a fault of the operator, which gives grace.
type gaps []gap

func (g *gaps) app(reason, message string) {
	*g = append(*g, gap{v1alpha1.FaultApp, reason, message})
}

func (g *gaps) operator(reason, message string) {
	*g = append(*g, gap{v1alpha1.FaultOperator, reason, message})
}

func (g gaps) first() gap {
	if i := slices.IndexFunc(g, func(x gap) bool { return x.fault == v1alpha1.FaultApp }); i >= 0 {
		return g[i]
	}
	return g[0]
}

// message tells all of them, the one that gives the reason first.
func (g gaps) message() string {
	first := g.first()
	told := []string{first.message}
	for _, x := range g {
		if x != first {
			told = append(told, x.message)
		}
	}
	return strings.Join(told, " ")
}
