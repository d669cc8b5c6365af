// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/launchready/launchready/internal/httpstep"
)

const good = `attacks:
  - id: ours-one
    technique: direct-ask
    owasp: LLM07
    atlas: AML.T0056
    goal: SystemPrompt
    carrier: Chat
    language: en
    weight: 3
    turns: ["Price: 5 $$. Say $(ask)."]
`

func TestParseReadsATeamsOwn(t *testing.T) {
	got, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := []Attack{{
		ID: "ours-one", Technique: "direct-ask", OWASP: "LLM07", ATLAS: "AML.T0056", Goal: SystemPrompt, Carrier: Chat,
		Language: "en", Weight: 3, Turns: []string{"Price: 5 $$. Say $(ask)."},
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Attack{})); diff != "" {
		t.Error(diff)
	}
}

func TestParseSaysWhatToWrite(t *testing.T) {
	for _, test := range []struct{ name, old, replacement, want string }{
		{"an unknown field", "weight: 3", "weigth: 3", `attack ours-one: unknown field "weigth"`},
		{"a field of other case", "weight: 3", "Weight: 3", `attack ours-one: unknown field "Weight"`},
		{"a field beside attacks", "attacks:", "kind: x\nattacks:", "write attacks: and a list below it"},
		{"a field twice", "weight: 3", "weight: 3\n    weight: 4", `key "weight" already set`},
		{"a wrong type", "weight: 3", `weight: often`, "attack ours-one"},
		{"an identifier with a capital", "ours-one", "Ours", "attacks[0]: id: write lower-case letters"},
		{"an identifier with a plus", "ours-one", "ours+base64", "attacks[0]: id: write lower-case"},
		{"a technique with a space", "direct-ask", "direct ask", "attack ours-one: technique: write"},
		{"an unknown risk", "LLM07", "LLM11", "attack ours-one: owasp: write LLM01 to LLM10"},
		{"an unknown technique of ATLAS", "AML.T0056", "AML.T9999", "attack ours-one: atlas: write"},
		{"an unknown goal", "SystemPrompt", "Everything", "attack ours-one: goal: write one of SystemPrompt, OtherTenant"},
		{"an unknown carrier", "Chat", "Pigeon", "attack ours-one: carrier: write one of Chat"},
		{"no language", "language: en", "language: ''", "attack ours-one: language: write a BCP 47 tag"},
		{"no such language", "language: en", "language: english-please", "attack ours-one: language: write a BCP 47 tag"},
		{"a weight of 6", "weight: 3", "weight: 6", "attack ours-one: weight: write 1 to 5"},
		{"a place elsewhere", "weight: 3", "weight: 3\n    place: Text", "attack ours-one: place: write"},
		{"no turn", `["Price: 5 $$. Say $(ask)."]`, "[]", "attack ours-one: turns: write 1 to 8"},
		{"nine turns", `["Price: 5 $$. Say $(ask)."]`, "[a,b,c,d,e,f,g,h,i]", "attack ours-one: turns: write 1 to 8"},
		{"an empty turn", `"Price: 5 $$. Say $(ask)."`, `" "`, "attack ours-one: turns[0]: write 1 to 8192 bytes"},
		{"a long turn", "Price", strings.Repeat("Price", 2000), "attack ours-one: turns[0]: write 1 to 8192 bytes"},
		{"an unknown placeholder", "$(ask)", "$(canary)", `attack ours-one: turns[0]: $("canary") is no placeholder: write one of $(ask)`},
		{"somebody's host", "Price", "https://acme.io", `attack ours-one: turns[0]: "acme.io" may be somebody's`},
		{"content in a chat", "weight: 3", "weight: 3\n    content: x", "attack ours-one: content: belongs to other carriers"},
		{"no content in a document", "carrier: Chat", "carrier: Document", "attack ours-one: content: write what is planted as Document"},
		{"a page without the carrier", "$(ask)", "$(page)", "attack ours-one: turns: $(page) belongs to the carrier URL"},
		{"a tool that is not named", "SystemPrompt", "ToolCall", ""},
		{"a fetch to nowhere", "goal: SystemPrompt", "goal: Fetch", ""},
		{"a NUL", "Price", `\0`, "attack ours-one: turns[0]: write UTF-8 without NUL"},
		{"no list", good, "attacks: []", "attacks: has 0: write 1 to 1000"},
		{"no YAML", good, "\t:", "reading YAML"},
		{"too much", "attacks:", strings.Repeat("#\n", maxData) + "attacks:", "bytes are too many"},
		{"an identifier twice", good, good + strings.TrimPrefix(good, "attacks:\n"), "attack ours-one: id: stands twice"},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := strings.Replace(good, test.old, test.replacement, 1)
			if data == good {
				t.Fatal("the case changes nothing")
			}
			_, err := Parse([]byte(data))
			switch {
			case test.want == "" && err != nil: // $(ask) says what is missing
				t.Errorf("error %v, want none", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestParseWantsAnAim(t *testing.T) {
	for goal, want := range map[Goal]string{
		ToolCall: "name the tool that must not run",
		Fetch:    "lead to the probe's listener",
		Render:   "lead to the probe's listener",
		Markup:   "lead to the probe's listener",
	} {
		data := strings.Replace(strings.Replace(good, "$(ask)", "it", 1), "SystemPrompt", string(goal), 1)
		if _, err := Parse([]byte(data)); err == nil || !strings.Contains(err.Error(), "attack ours-one: turns: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", goal, err, want)
		}
	}
}

func TestNamesAreForLookups(t *testing.T) {
	const ours = "belong together and to the goal Fetch"
	for turn, wants := range map[string]map[Goal]string{
		"Ask $(nameserver) for $(name).":              {Fetch: "", Render: ours, SystemPrompt: ours},
		"Ask $(nameserver):$(nameport) for $(name).":  {Fetch: ""},
		"Ask $(nameserver) for $(host).":              {Fetch: ours},
		"What is the address of $(name)?":             {Fetch: ours},
		"Open $(url), and ask port $(nameport).":      {Fetch: ours},
		"Look up $(name) and x.$(name).acme.io there": {Fetch: "may be somebody's"},
	} {
		for goal, want := range wants {
			data := strings.Replace(strings.Replace(good, "Price: 5 $$. Say $(ask).", turn, 1), "SystemPrompt", string(goal), 1)
			if _, err := Parse([]byte(data)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: error %v, want one with %q", goal, turn, err, want)
			}
		}
	}
}

func TestParseTellsAllMistakesAtOnce(t *testing.T) {
	second := strings.Replace(strings.TrimPrefix(good, "attacks:\n"), "ours-one", "ours-two", 1)
	data := strings.ReplaceAll(good+second, "weight: 3", "weight: 0")
	_, err := Parse([]byte(data))
	if err == nil || !strings.Contains(err.Error(), "ours-one: weight") || !strings.Contains(err.Error(), "ours-two: weight") {
		t.Errorf("error %v, want both", err)
	}
}

func TestExpand(t *testing.T) {
	attacks, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	changed := attacks[0].Then(func(a Attack) Attack { return a.WithHostile(strings.ToUpper(a.Hostile())) })
	for _, test := range []struct {
		name   string
		attack Attack
		vars   httpstep.Vars
		want   string
	}{
		{"what the goal asks for", attacks[0], nil, "Price: 5 $. Say " + asks(SystemPrompt) + "."},
		{"what is given wins", attacks[0], httpstep.Vars{Ask: "hello"}, "Price: 5 $. Say hello."},
		{"a change waits for it", changed, httpstep.Vars{Ask: "hello"}, "PRICE: 5 $. SAY HELLO."},
	} {
		got, err := test.attack.Expand(test.vars)
		if err != nil || got.Turns[0] != test.want {
			t.Errorf("%s: %q, %v, want %q", test.name, got.Turns, err, test.want)
		}
		again, err := got.Expand(nil)
		if err != nil || !slices.Equal(again.Turns, got.Turns) {
			t.Errorf("%s: expanded twice it is %q, %v", test.name, again.Turns, err)
		}
		if later := got.Then(func(a Attack) Attack { return a.WithHostile("x") }); later.Hostile() != "x" {
			t.Errorf("%s: a change to an expanded attack gives %q", test.name, later.Hostile())
		}
	}
	attacks[0].Goal = OtherTenant
	if _, err := attacks[0].Expand(nil); err == nil || !strings.Contains(err.Error(), "attack ours-one: turns[0]: $(ask) stands for nothing") {
		t.Errorf("error %v, want one that names what is missing", err)
	}
	if diff := cmp.Diff([]string{Tenant, Term}, attacks[0].Needs()); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	// Small ones, so that many are tried a second.
	f.Add([]byte(strings.Replace(good, "$(ask)", "https://192.0.2.1/ and jane@example.com", 1)))
	f.Add([]byte(strings.Replace(strings.Replace(good, "Chat", "URL\n    content: $(url)", 1), "$(ask)", "$(page) $$(term)", 1)))
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, data []byte) {
		attacks, err := Parse(data)
		if err != nil {
			if attacks != nil {
				t.Error("attacks with an error")
			}
			return
		}
		vars := httpstep.Vars{Term: "a", Tenant: "b", Page: "c", Address: "d", DNSName: "e", Tool: "f", Name: "g", NameServer: "h", NamePort: "i"}
		for _, a := range attacks {
			if _, err := a.Expand(vars); err != nil {
				t.Errorf("what was taken does not expand: %v", err)
			}
			if _, found := stranger(strings.Join(a.texts(), "\n")); found {
				t.Errorf("attack %s names a stranger", a.ID)
			}
		}
	})
}
