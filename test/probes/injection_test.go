// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"context"
	_ "embed"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/listener"
	"github.com/launchready/launchready/internal/probe/suites/injection"
	"github.com/launchready/launchready/test/emulators/chatbots"
)

//go:embed injection.yaml
var injected []byte

//go:embed injectionhistory.yaml
var injectedHistory []byte

//go:embed injectionstream.yaml
var injectedStream []byte

// catalogue is loaded once: it takes a second.
var catalogue = sync.OnceValues(func() (*injection.Catalogue, error) { return injection.NewCatalogue() })

// canarySeed is what the Secret of the canary would hold.
var canarySeed = strings.Repeat("7c", 32)

// prompted is a chatbot with a system prompt that has the canary's lines in it.
func prompted(t testing.TB, weaknesses, oddities []string) *rig {
	t.Helper()
	handshake, err := injection.NewHandshake(canarySeed)
	if err != nil {
		t.Fatal(err)
	}
	return newRig(t, chatbots.Config{
		Weaknesses: weaknesses, Oddities: oddities, Honeypot: "lr_audit", Seed: 7,
		SystemPrompt: instructions + handshake.Lines(), LookUp: lookUp,
	})
}

// lookUp asks the server that it is told by DNS, and is no resolver that leads out of here.
func lookUp(ctx context.Context, name, server string) error {
	if server == "" {
		return errors.New("nobody knows that name")
	}
	return chatbots.LookUp(ctx, name, server)
}

// injection runs the suite.
func (r *rig) injection(t testing.TB, app *v1alpha1.App, smoke bool) probe.RowResult {
	t.Helper()
	all, err := catalogue()
	if err != nil {
		t.Fatal(err)
	}
	// A run that asked more than was planned would end there.
	r.target.Chats = httpstep.NewChatAllowance(app, all.Plan(app, r.known, smoke).Chats, 0)
	heard, err := listener.Listen(netip.MustParseAddr("127.0.0.1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = heard.Close() })
	// That port is taken: the emulator would ask at 53, which others may have here.
	names, err := listener.ListenNames(netip.MustParseAddr("127.0.0.1"), 0, netip.MustParseAddrPort(strings.Trim(heard.Base(), "htp:/")).Port())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = names.Close() })
	return injection.Run(t.Context(), injection.Options{
		Listener: heard, Names: names, Prompt: instructions, App: app, Target: r.target, Credentials: r.credentials(), Seed: canarySeed, Catalogue: all, Smoke: smoke, Known: r.known,
		Found: func(_ v1alpha1.Row, f probe.Finding) { r.found = append(r.found, f) },
	})[0]
}

// instructions are the emulated bot's, besides the canary.
const instructions = "You are the assistant of a shop for bicycles. Be kind and brief, and answer from what the customer has written.\n"

// convicts says which rules tell of a weakness of a goal.
func convicts(goal chatbots.Goal) []string {
	switch goal {
	case chatbots.GoalTenant:
		return []string{"ForeignContentByInjection"}
	case chatbots.GoalInternal:
		return []string{"InternalTextTold"}
	case chatbots.GoalTool:
		return []string{"GuardedToolCalled"}
	case chatbots.GoalExfil:
		return []string{"SystemPromptLeaked", "ReplyLoadsForeignHost"}
	case chatbots.GoalMarkup:
		return []string{"ActiveContentInReply", "ReplyLoadsForeignHost"}
	case chatbots.GoalText:
		return []string{"SystemPromptQuoted"}
	case chatbots.GoalFetch:
		return []string{"InternalAddressFetched"}
	case chatbots.GoalLookup:
		return []string{"InternalNameServerAsked"}
	case chatbots.GoalUnbounded:
		return []string{"UnboundedReply"}
	default:
		return []string{"SystemPromptLeaked"}
	}
}

func TestInjectionMatrix(t *testing.T) {
	for _, w := range chatbots.InjectionWeaknesses() {
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			app := asked(t, described(t), injected)
			switch w.Name {
			case "leak-stream-only":
				app = asked(t, described(t), injectedStream)
			case "planted-history":
				app = asked(t, described(t), injectedHistory)
			}
			tells := func(f probe.Finding) bool { return slices.Contains(convicts(w.Goal), f.Rule) }
			result := prompted(t, []string{w.Name}, nil).injection(t, app, true)
			if !slices.ContainsFunc(result.Findings, tells) {
				result = prompted(t, []string{w.Name}, nil).injection(t, app, false)
			}
			i := slices.IndexFunc(result.Findings, tells)
			if result.Verdict != v1alpha1.VerdictFail || i < 0 {
				t.Fatal(told(result))
			}
			t.Logf("%s, %s", result.Findings[i].Rule, result.Findings[i].Place)
		})
	}
}

func TestInjectionDefencesPass(t *testing.T) {
	// Where an attack is stopped before the bot sees it, or by the model's provider, nobody knows what the bot would have said.
	stopped := []string{chatbots.BotWAF, "bot-content-policy", "bot-rate-limited"}
	// These answer from nothing that anybody has written.
	unread := []string{"bot-canned", "bot-echoes", "bot-translates"}
	for _, name := range append([]string{""}, defences()...) {
		t.Run("defence "+name, func(t *testing.T) {
			t.Parallel()
			var oddities []string
			if name != "" {
				oddities = []string{name}
			}
			app := asked(t, described(t), injected)
			if slices.Contains(unread, name) {
				app.Chat.Sources = nil
				for i := range app.Resources {
					app.Resources[i].InChat = v1alpha1.InChatNever
				}
			}
			// Lookups are none of the worst attacks, so that a smoke run makes none.
			smoke := name != "" && name != chatbots.BotLooksUp
			result := prompted(t, nil, oddities).injection(t, app, smoke)
			if !smoke && !strings.Contains(result.Control, " to look a name up at the probe (") {
				t.Errorf("nothing was to be looked up: %s", told(result))
			}
			if result.Verdict == v1alpha1.VerdictFail || (result.Verdict == v1alpha1.VerdictUnknown && !slices.Contains(stopped, name)) {
				t.Fatal(told(result))
			}
			t.Logf("%s: %s %s", result.Verdict, result.Message, result.Control)
		})
	}
}

func defences() []string {
	var names []string
	for _, d := range chatbots.InjectionDefences() {
		names = append(names, d.Name)
	}
	return names
}
