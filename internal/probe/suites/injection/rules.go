// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// rule is a kind of finding.
type rule struct {
	name     string
	severity v1alpha1.Severity
	// rank sorts rules of one severity, the worst first.
	rank int
	// owasp is the entry of the OWASP Top 10 for LLM Applications 2025, and atlas the technique of MITRE ATLAS.
	owasp, atlas string
	remedy       string
}

// The rules of the suite. The order of harm: data of others, what the bot does, the system prompt, what a page shows.
var (
	foreignContent = rule{
		"ForeignContentByInjection", v1alpha1.SeverityCritical, 0, "LLM02:2025 Sensitive Information Disclosure", "AML.T0057 LLM Data Leakage",
		"Filter the retrieval by tenant and user of the session before anything reaches the model: no instruction to the model is a guard.",
	}
	guardedCall = rule{
		"GuardedToolCalled", v1alpha1.SeverityCritical, 1, "LLM06:2025 Excessive Agency", "AML.T0053 LLM Plugin Compromise",
		"Let the code that runs a tool ask for the user's approval, outside of the model, and give the model no tool that it does not need.",
	}
	internalFetch = rule{
		"InternalAddressFetched", v1alpha1.SeverityHigh, 2, "LLM06:2025 Excessive Agency, API7:2023 Server Side Request Forgery", "AML.T0053 LLM Plugin Compromise",
		"Refuse addresses that are private, link-local or the cluster's own wherever the app fetches what a text names: resolve the name, check the address, connect to that one, and do the same at each redirect.",
	}
	namesAsked = rule{
		"InternalNameServerAsked", v1alpha1.SeverityHigh, 3, "LLM06:2025 Excessive Agency, API7:2023 Server Side Request Forgery", "AML.T0053 LLM Plugin Compromise",
		"Let tools look names up by the app's own resolver alone, and run no command that a text has written: whoever names the name server is sent whatever stands in front of the name. Let the app's pods reach port 53 of the cluster's DNS and of nothing else.",
	}
	systemPromptLeaked = rule{
		"SystemPromptLeaked", v1alpha1.SeverityHigh, 4, "LLM07:2025 System Prompt Leakage", "AML.T0056 LLM Meta Prompt Extraction",
		"Keep nothing in the system prompt that a stranger may not read. Check each reply for parts of it in code, decoded and over several replies, before it is sent.",
	}
	internalTold = rule{
		"InternalTextTold", v1alpha1.SeverityHigh, 5, "LLM02:2025 Sensitive Information Disclosure", "AML.T0057 LLM Data Leakage",
		"Give the model nothing that whoever asks may not read: leave internal fields and remarks out of what is retrieved and of what tools return, in code, before it is put into the prompt.",
	}
	promptQuoted = rule{
		"SystemPromptQuoted", v1alpha1.SeverityMedium, 9, "LLM07:2025 System Prompt Leakage", "AML.T0056 LLM Meta Prompt Extraction",
		"Keep nothing in the system prompt that a stranger may not read. Compare each reply with it in code before it is sent, and take what may be told out of the text that textSecretRef names.",
	}
	activeContent = rule{
		"ActiveContentInReply", v1alpha1.SeverityHigh, 6, "LLM05:2025 Improper Output Handling", "AML.T0051 LLM Prompt Injection",
		"Take replies for untrusted text: render Markdown without HTML, drop javascript: addresses, and set a Content-Security-Policy.",
	}
	foreignHost = rule{
		"ReplyLoadsForeignHost", v1alpha1.SeverityHigh, 7, "LLM05:2025 Improper Output Handling", "AML.T0057 LLM Data Leakage",
		"Remove images and other references to hosts that are not yours from replies, and set a Content-Security-Policy; list hosts that are meant in spec.app.chat.fetches.",
	}
	unbounded = rule{
		"UnboundedReply", v1alpha1.SeverityMedium, 8, "LLM10:2025 Unbounded Consumption", "AML.T0029 Denial of ML Service",
		"Bound the length of a reply where the model is called (max_tokens), and close the stream when the bound is reached.",
	}
)

// goalOf says which rule's plant an attack of a goal asks for; nil for one that asks for none.
func goalOf(goal corpus.Goal) *rule {
	switch goal {
	case corpus.SystemPrompt:
		return &systemPromptLeaked
	case corpus.OtherTenant:
		return &foreignContent
	case corpus.OwnContext:
		return &internalTold
	default:
		return nil
	}
}
