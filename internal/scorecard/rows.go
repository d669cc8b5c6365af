// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package scorecard

import "github.com/launchready/launchready/api/v1alpha1"

// Stage says whether a row is measured before the app is exposed or can only be measured after.
type Stage string

const (
	// BeforeExposure rows are measured at the app's Services, in the cluster; they make up Exposable.
	BeforeExposure Stage = "BeforeExposure"
	// AfterExposure rows need a host that answers from outside.
	AfterExposure Stage = "AfterExposure"
)

// Binding says what a verdict is about, and so what makes it Stale besides its age.
type Binding string

const (
	// BoundToRevision verdicts are about the revision that runs: a rollout asks for a new one.
	BoundToRevision Binding = "Revision"
	// BoundToSpec verdicts are about what the spec declares: a rollout leaves them as they are.
	BoundToSpec Binding = "Spec"
	// BoundToTime verdicts are about the world outside, and only age.
	BoundToTime Binding = "Time"
)

// Row is what the scorecard knows of a row.
type Row struct {
	Name    v1alpha1.Row
	Stage   Stage
	BoundTo Binding
	// Networked rows depend on what lies between: a Pass turns to Fail only after a second measurement at once says
	// the same.
	Networked bool
}

// Rows are the lines of the scorecard, in its order.
func Rows() []Row {
	return []Row{
		{Name: v1alpha1.RowDNSConfigured, Stage: AfterExposure, BoundTo: BoundToSpec, Networked: true},
		{Name: v1alpha1.RowTLSEnforced, Stage: AfterExposure, BoundTo: BoundToSpec, Networked: true},
		{Name: v1alpha1.RowEdgeProtected, Stage: AfterExposure, BoundTo: BoundToSpec, Networked: true},
		{Name: v1alpha1.RowEmailAuthenticated, Stage: AfterExposure, BoundTo: BoundToSpec, Networked: true},
		{Name: v1alpha1.RowSecretsSafe, Stage: BeforeExposure, BoundTo: BoundToRevision},
		{Name: v1alpha1.RowAuthEnforced, Stage: BeforeExposure, BoundTo: BoundToRevision},
		{Name: v1alpha1.RowTenantIsolated, Stage: BeforeExposure, BoundTo: BoundToRevision},
		{Name: v1alpha1.RowInputValidated, Stage: BeforeExposure, BoundTo: BoundToRevision},
		{Name: v1alpha1.RowPromptInjectionResistant, Stage: BeforeExposure, BoundTo: BoundToRevision},
		{Name: v1alpha1.RowRateLimited, Stage: AfterExposure, BoundTo: BoundToRevision, Networked: true},
		{Name: v1alpha1.RowFlowsWorking, Stage: AfterExposure, BoundTo: BoundToRevision, Networked: true},
		{Name: v1alpha1.RowLatencyWithinBudget, Stage: AfterExposure, BoundTo: BoundToRevision, Networked: true},
		{Name: v1alpha1.RowLoggingSafe, Stage: BeforeExposure, BoundTo: BoundToRevision},
		{Name: v1alpha1.RowMonitoringLive, Stage: AfterExposure, BoundTo: BoundToTime},
		{Name: v1alpha1.RowRollbackReady, Stage: AfterExposure, BoundTo: BoundToRevision},
		{Name: v1alpha1.RowEnvironmentIsolated, Stage: BeforeExposure, BoundTo: BoundToRevision},
	}
}

// Networked says whether what lies between has a say in a row.
func Networked(name v1alpha1.Row) bool {
	for _, row := range Rows() {
		if row.Name == name {
			return row.Networked
		}
	}
	return false
}
