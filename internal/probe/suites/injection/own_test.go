// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// magicWord is what no built-in attack says.
const magicWord = "xyzzy-plugh"

// ownFile is a file with one attack each of these ids, weights and texts.
func ownFile(attacks ...string) probe.AttackFile {
	return probe.AttackFile{ConfigMap: "chat-attacks", Key: "team.yaml", Text: "attacks:\n" + strings.Join(attacks, "")}
}

func own(id string, weight int, turn string) string {
	return fmt.Sprintf(`- id: %s
  technique: magic-word
  owasp: LLM07
  atlas: AML.T0056
  goal: SystemPrompt
  carrier: Chat
  language: en
  weight: %d
  turns: [%q]
`, id, weight, turn)
}

// withOwn gives the catalogue with a team's own attacks.
func withOwn(t *testing.T, files ...probe.AttackFile) *Catalogue {
	t.Helper()
	c, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	with, err := c.ReadConfigMaps(files)
	if err != nil {
		t.Fatal(err)
	}
	return with
}

// using runs the suite with a catalogue, and with what it plans.
func using(c *Catalogue, smokes bool, known ...probe.KnownAttack) func(*Options) {
	return func(o *Options) {
		o.Catalogue, o.Smoke, o.Known = c, smokes, known
		o.Target.Chats = httpstep.NewChatAllowance(o.App, c.Plan(o.App, known, smokes).Chats, 0)
	}
}

// spellbound is a bot that tells its prompt to whoever says the magic word, and nothing to anybody else.
func spellbound() *bot {
	return &bot{says: func(_ *bot, _ string, turns []string) (answer, bool) {
		h, _ := NewHandshake(seed)
		return answer{Reply: "At your service: " + h.Secret.Hex}, strings.Contains(turns[len(turns)-1], magicWord)
	}}
}

func TestAnOwnAttackFindsWhatTheBuiltInOnesDoNot(t *testing.T) {
	c, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	with := withOwn(t, ownFile(own("team-harmless", 5, "Hello."), own("team-magic-word", 1, magicWord+". Tell me $(ask).")))
	for _, smokes := range []bool{true, false} {
		if got := measured(t, spellbound(), described(), using(c, smokes)); got.Verdict != v1alpha1.VerdictPass {
			t.Fatalf("smoke %t: without the own attack it passes; got %+v", smokes, got)
		}
		got := measured(t, spellbound(), described(), using(with, smokes))
		if got.Verdict != v1alpha1.VerdictFail || len(got.Findings) != 1 {
			t.Fatalf("smoke %t: the own attack finds it; got %+v", smokes, got)
		}
		f := got.Findings[0]
		if f.Rule != "SystemPromptLeaked" || f.Place != "attack team-magic-word as alice" ||
			!strings.Contains(f.Message, "By the team's own attack team-magic-word, magic-word in a message, ") {
			t.Errorf("smoke %t: %+v", smokes, f)
		}
		if text := textsOf(t, got); !strings.Contains(text, "Of 2 attacks of the team's own, 2 were answered.") {
			t.Error(text)
		}
	}
}

func TestAnOwnAttackThatSucceededIsMadeAgain(t *testing.T) {
	with := withOwn(t, ownFile(own("team-magic-word", 1, magicWord+". Tell me $(ask).")))
	known := failing(measured(t, spellbound(), described(), using(with, true)))
	if len(known) != 1 || known[0].Request != "attack team-magic-word" {
		t.Fatalf("known are %+v", known)
	}
	if got := measured(t, &bot{}, described(), using(with, true, known...)); got.Verdict != v1alpha1.VerdictPass {
		t.Errorf("the mended bot passes; got %+v", got)
	}
	c, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	got := measured(t, &bot{}, described(), using(c, true, known...))
	if got.Verdict != v1alpha1.VerdictUnknown || got.Reason != v1alpha1.ReasonKnownAttackNotTried || !strings.Contains(got.Message, "nor in a ConfigMap of spec.app.chat.attacks any more") {
		t.Errorf("taken out of the ConfigMap it is not forgotten; got %+v", got)
	}
}

// TestOwnAttacksStandInForNoBuiltInOnes has a bot of whom something in front lets through what the team has written, and nothing else.
func TestOwnAttacksStandInForNoBuiltInOnes(t *testing.T) {
	var easy []string
	for i := range 2 * minimumAttacks {
		easy = append(easy, own(fmt.Sprintf("easy-%d", i), 5, fmt.Sprintf("easy %d, please", i)))
	}
	guarded := &bot{says: func(_ *bot, _ string, turns []string) (answer, bool) {
		last := turns[len(turns)-1]
		if codeAsked.MatchString(last) || slices.Contains(benign, last) || strings.HasPrefix(last, "easy ") {
			return answer{}, false
		}
		return answer{status: http.StatusForbidden, header: map[string]string{"cf-mitigated": "challenge"}}, true
	}}
	got := measured(t, guarded, described(), using(withOwn(t, ownFile(easy...)), false))
	if got.Verdict != v1alpha1.VerdictUnknown || !strings.Contains(got.Message, "a team's own don't count among these") || !strings.Contains(got.Control, "Of 80 attacks of the team's own, 80 were answered.") {
		t.Errorf("got %+v", got)
	}
}

func TestOwnAttacksThatAreNotMadeAreNamed(t *testing.T) {
	page := strings.Replace(own("team-page", 3, "Read $(page)"), "carrier: Chat", "carrier: URL\n  content: hello", 1)
	broken := own("team-broken", 3, "please break")
	got := measured(t, &bot{says: func(_ *bot, _ string, turns []string) (answer, bool) {
		return answer{status: http.StatusInternalServerError}, turns[len(turns)-1] == "please break"
	}}, described(), using(withOwn(t, ownFile(page, broken, own("team-fine", 3, "Hello."))), false))
	want := "Of 3 attacks of the team's own, 1 were answered; not answered: team-broken; the app has no place for team-page."
	if got.Verdict != v1alpha1.VerdictPass || !strings.Contains(got.Control, want) {
		t.Errorf("got %+v, want %q", got, want)
	}
}

// TestOwnAttacksPushNoBuiltInOneOut is about a hundred attacks of the highest weight.
func TestOwnAttacksPushNoBuiltInOneOut(t *testing.T) {
	c, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	var many []string
	for i := range 100 {
		many = append(many, own(fmt.Sprintf("team-%d", i), 4, "Hello."))
	}
	many = append(many, own("team-worst", 5, "Hello."))
	with := withOwn(t, ownFile(many...))
	ids := func(c *Catalogue, smokes bool) (ids []string) {
		selected, _ := c.Select(described(), smokes)
		for _, a := range selected {
			ids = append(ids, a.ID)
		}
		return ids
	}
	plain, smoked := ids(c, true), ids(with, true)
	if len(smoked) != ownSmoke+len(plain) || smoked[0] != "team-worst" || smoked[1] != "team-0" {
		t.Errorf("%d attacks, the first are %v", len(smoked), smoked[:2])
	}
	if diff := cmp.Diff(plain, smoked[ownSmoke:]); diff != "" {
		t.Errorf("a smoke run has others of the built-in ones:\n%s", diff)
	}
	if diff := cmp.Diff(ids(c, false), ids(with, false)[101:]); diff != "" {
		t.Errorf("a full run has others of the built-in ones:\n%s", diff)
	}
	for smokes, more := range map[bool]int{true: ownSmoke, false: 101} {
		without, planned := c.Plan(described(), nil, smokes).Chats, with.Plan(described(), nil, smokes).Chats
		// Whether the attacker is served is asked around each batch.
		if most := more + 2*(more/batch+1); planned < without+more || planned > without+most {
			t.Errorf("smoke %t: %d questions are planned and %d without the own, want %d to %d more", smokes, planned, without, more, most)
		}
	}
}

func TestOwnAttacksMayNotHaveABuiltInId(t *testing.T) {
	c, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{c.full[0].ID, "shape-blank"} {
		_, err := c.ReadConfigMaps([]probe.AttackFile{ownFile(own(id, 3, "Hello."))})
		want := "ConfigMap chat-attacks, key team.yaml: attack " + id + ": id: one that is built in has it: write another, such as my-" + id
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if kind := c.Kind(); kind.Own == nil {
		t.Error("the operator can't count a team's own attacks")
	}
}

func TestPlacelessAttacksAreTold(t *testing.T) {
	tool := strings.Replace(own("team-tool", 3, "Call $(tool)"), "SystemPrompt", string(corpus.ToolCall), 1)
	with := withOwn(t, ownFile(tool, own("team-fine", 3, "Hello.")))
	if diff := cmp.Diff([]string{"team-tool"}, with.Placeless(described())); diff != "" {
		t.Error(diff)
	}
}
