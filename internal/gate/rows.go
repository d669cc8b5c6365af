// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// What can hold a launch back and is no row.
const (
	// holdNothingRequired: the policies in force require no row, so nothing was proven.
	holdNothingRequired v1alpha1.Row = "NothingRequired"
	// holdDeleted: the launch was deleted after it had been launched or exposed.
	holdDeleted v1alpha1.Row = "LaunchDeleted"
)

// code is the short name of a row in a record, since a Namespace has room for 256 KiB of annotations.
type code struct {
	code string
	row  v1alpha1.Row
}

// codes are the rows' short names. They are part of the grammar: none may change its meaning.
func codes() []code {
	return []code{
		{"DN", v1alpha1.RowDNSConfigured},
		{"TL", v1alpha1.RowTLSEnforced},
		{"EP", v1alpha1.RowEdgeProtected},
		{"EM", v1alpha1.RowEmailAuthenticated},
		{"SE", v1alpha1.RowSecretsSafe},
		{"AU", v1alpha1.RowAuthEnforced},
		{"TI", v1alpha1.RowTenantIsolated},
		{"IV", v1alpha1.RowInputValidated},
		{"PI", v1alpha1.RowPromptInjectionResistant},
		{"RL", v1alpha1.RowRateLimited},
		{"FW", v1alpha1.RowFlowsWorking},
		{"LB", v1alpha1.RowLatencyWithinBudget},
		{"LS", v1alpha1.RowLoggingSafe},
		{"ML", v1alpha1.RowMonitoringLive},
		{"RR", v1alpha1.RowRollbackReady},
		{"EI", v1alpha1.RowEnvironmentIsolated},
		{"NR", holdNothingRequired},
		{"LD", holdDeleted},
	}
}

// codeOf gives a row's code, or the row itself where it has none.
func codeOf(row v1alpha1.Row) string {
	if i := slices.IndexFunc(codes(), func(c code) bool { return c.row == row }); i >= 0 {
		return codes()[i].code
	}
	return string(row)
}

// rowOf gives the row of a code, or the code itself where it is none of ours: a later version may know it.
func rowOf(text string) v1alpha1.Row {
	if i := slices.IndexFunc(codes(), func(c code) bool { return c.code == text }); i >= 0 {
		return codes()[i].row
	}
	return v1alpha1.Row(text)
}

// codesCEL is the map from codes to rows as an expression.
func codesCEL() string {
	var pairs []string
	for _, c := range codes() {
		pairs = append(pairs, "'"+c.code+"': '"+string(c.row)+"'")
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}
