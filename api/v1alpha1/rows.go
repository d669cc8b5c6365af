// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Row is one line of the launch scorecard: a question about the app with a yes or a no. Its name is also the type of
// the condition that answers it.
//
// +kubebuilder:validation:Enum=DNSConfigured;TLSEnforced;EdgeProtected;EmailAuthenticated;SecretsSafe;AuthEnforced;TenantIsolated;InputValidated;PromptInjectionResistant;RateLimited;FlowsWorking;LatencyWithinBudget;LoggingSafe;MonitoringLive;RollbackReady;EnvironmentIsolated
type Row string

const (
	// RowDNSConfigured passes when every authoritative server and resolver gives the same, declared answer for every host of
	// the app, nothing dangles, retired names are gone, and the name leads to this app. RFC 1034, 1035, 8659, 9364.
	RowDNSConfigured Row = "DNSConfigured"

	// RowTLSEnforced passes when HTTP leads to HTTPS, old protocol versions and weak suites are refused, the certificate is
	// valid, HSTS is on, and no page mixes content. RFC 6797, 8996, 9325; OWASP ASVS 5.0 3.4.1, 4.1.2, 12.1, 12.2.
	RowTLSEnforced Row = "TLSEnforced"

	// RowEdgeProtected passes when every host is proxied, the origin can't be reached around the edge, and the web application
	// firewall, rate limits, bot protection and caching are as declared.
	RowEdgeProtected Row = "EdgeProtected"

	// RowEmailAuthenticated passes when SPF, DKIM and DMARC of every sending name are right, names that send no mail say so,
	// and a real message verifies. RFC 6376, 7208, 7505, 8301, 8463, 9989.
	RowEmailAuthenticated Row = "EmailAuthenticated"

	// RowSecretsSafe passes when every secret comes from a Secret reference that resolves to a real value, and no secret is in
	// what the app ships or serves. OWASP ASVS 5.0 13.3.1, 13.4; CWE-798, CWE-540.
	RowSecretsSafe Row = "SecretsSafe"

	// RowAuthEnforced passes when nobody gets at authenticated or admin content without being the one who may. OWASP API2:2023,
	// API5:2023; ASVS 5.0 8.2.1, 8.4.2.
	RowAuthEnforced Row = "AuthEnforced"

	// RowTenantIsolated passes when what one tenant planted comes back to that tenant and to nobody else. OWASP API1:2023,
	// API3:2023, LLM08:2025; ASVS 5.0 8.2 to 8.4.
	RowTenantIsolated Row = "TenantIsolated"

	// RowInputValidated passes when malformed, oversized and hostile input has no effect, and errors tell nothing. OWASP
	// API4:2023, API8:2023; ASVS 5.0 2.2, 16.5.1.
	RowInputValidated Row = "InputValidated"

	// RowPromptInjectionResistant passes when no planted canary leaves its place, and no unapproved tool call or fetch is made,
	// over the whole catalogue of attacks. OWASP LLM01, 02, 05, 06, 07, 10:2025; MITRE ATLAS T0051, T0053, T0056, T0057.
	RowPromptInjectionResistant Row = "PromptInjectionResistant"

	// RowRateLimited passes when bursts on login and chat meet a limit, and nobody else pays for it. RFC 6585; OWASP API4:2023,
	// API6:2023, LLM10:2025.
	RowRateLimited Row = "RateLimited"

	// RowFlowsWorking passes when each described flow succeeds for a new stranger through the canonical host.
	RowFlowsWorking Row = "FlowsWorking"

	// RowLatencyWithinBudget passes when under the described load the app answers within its latency and error budgets.
	RowLatencyWithinBudget Row = "LatencyWithinBudget"

	// RowLoggingSafe passes when planted secrets and personal data that went through the app are in none of its logs, while the
	// request ids are. OWASP ASVS 5.0 16.2.5, 16.4.1; CWE-532.
	RowLoggingSafe Row = "LoggingSafe"

	// RowMonitoringLive passes when an outage would reach somebody within minutes, and a drill has shown it.
	RowMonitoringLive Row = "MonitoringLive"

	// RowRollbackReady passes when a previous revision is there and could be started again, with everything that it refers to.
	RowRollbackReady Row = "RollbackReady"

	// RowEnvironmentIsolated passes when production shares no secret with other environments and calls none of them. OWASP
	// ASVS 5.0 13.4.2.
	RowEnvironmentIsolated Row = "EnvironmentIsolated"
)

// Verdict is a row's answer.
//
// +kubebuilder:validation:Enum=Pass;Fail;Unknown;NotApplicable
type Verdict string

const (
	// VerdictPass says that the row was measured and holds.
	VerdictPass Verdict = "Pass"
	// VerdictFail says that the row was measured and does not hold.
	VerdictFail Verdict = "Fail"
	// VerdictUnknown says that the row could not be measured. It never counts as passed.
	VerdictUnknown Verdict = "Unknown"
	// VerdictNotApplicable says that the app declares the row's subject absent and the counter-check agrees. It
	// counts as passed.
	VerdictNotApplicable Verdict = "NotApplicable"
)

// Severity says how bad a finding is. Low findings inform; any other fails its row.
//
// +kubebuilder:validation:Enum=Critical;High;Medium;Low
type Severity string

const (
	// SeverityCritical is for what gives a stranger the data or the account at once.
	SeverityCritical Severity = "Critical"
	// SeverityHigh is for what gives them away with little effort.
	SeverityHigh Severity = "High"
	// SeverityMedium is for what breaks the launch or weakens a defence.
	SeverityMedium Severity = "Medium"
	// SeverityLow is for what should be better but fails nothing.
	SeverityLow Severity = "Low"
)

// Fault says through whose fault an attempt gave no verdict.
//
// +kubebuilder:validation:Enum=App;Operator
type Fault string

const (
	// FaultApp is for an app that does not answer, is not there or hides: it counts after remeasureWithinSeconds.
	FaultApp Fault = "App"
	// FaultOperator is for everything else: a launched app keeps its last state for gate.graceSeconds.
	FaultOperator Fault = "Operator"
)
