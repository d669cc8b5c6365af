// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/launchready/launchready/api/v1alpha1"
)

// TestNoWayAround tries what went past the gate once.
func TestNoWayAround(t *testing.T) {
	mine := func(mode v1alpha1.GateMode) Launch {
		return Launch{
			Record:   Record{Launch: "mine", State: StateNew, Mode: mode, Exposure: []Hold{{holdNothingRequired, "0"}}, NamespaceUID: "0f0e0d0c"},
			Subjects: []Subject{HostSubject("mine.example.com")},
		}
	}
	beside := func(l Launch, r Record) Notes {
		n, _, _ := Notes(gated(r).Annotations).With(l, alive("chat", "mine"))
		return n
	}
	refused := func(t *testing.T, r Request) {
		t.Helper()
		if d := Decide(r); len(d.Denials) == 0 {
			t.Errorf("it passes: %+v", d)
		}
	}
	t.Run("a launch in Audit beside an enforced one", func(t *testing.T) {
		refused(t, create(namespaceOf(beside(mine(v1alpha1.GateAudit), in(StateOpen))),
			ingress(ingressRule("app.example.com", "/", "elsewhere"), ingressRule("mine.example.com", "/", "x"))))
	})
	t.Run("the verb on one launch, and the host of another", func(t *testing.T) {
		r := create(namespaceOf(beside(mine(v1alpha1.GateEnforce), in(StateNew, notExposable))),
			changed(ingress(ingressRule("mine.example.com", "/", "x"), ingressRule("app.example.com", "/", "chat")), annotated(v1alpha1.BreakGlassAnnotation, "incident 42")))
		r.May = func(v Verb, l string) bool { return v == VerbBypass && l == "mine" }
		refused(t, r)
	})
	t.Run("an excluded user, and something undeclared", func(t *testing.T) {
		ns := gated(in(StateNew, notExposable, func(r *Record) { r.ExcludedUsers = []string{"argocd"} }))
		ns.Labels[v1alpha1.GateLabel] = v1alpha1.GateRequired
		r := as(create(ns, changed(ingress(ingressRule("app.example.com", "/", "chat"), ingressRule("x.example.com", "/", "stray")), annotated(v1alpha1.BreakGlassAnnotation, "sync"))), "argocd")
		r.May = func(Verb, string) bool { return true }
		refused(t, r)
	})
	t.Run("a default backend for a host without paths", func(t *testing.T) {
		refused(t, create(gated(in(StateOpen)), changed(ingress(map[string]any{"host": "app.example.com"}), set("elsewhere", "spec", "defaultBackend", "service", "name"))))
	})
	t.Run("an init container in place of a container", func(t *testing.T) {
		app := changed(deployment("r.example/chat:1"), set([]any{map[string]any{"name": "migrate", "image": "r.example/chat:1"}}, "spec", "template", "spec", "initContainers"))
		swapped := changed(app, func(o map[string]any) {
			s := fieldsAt(o, "spec", "template", "spec")
			s["containers"], s["initContainers"] = s["initContainers"], s["containers"]
		})
		refused(t, update(gated(in(StateFailing)), app, swapped))
	})
	t.Run("the deletion of a launch whose exposed host has a long name", func(t *testing.T) {
		h := HostSubject(strings.Repeat("a.", 100) + "example.com")
		n, _, _ := Notes(nil).With(Launch{Record: in(StateNew), Subjects: []Subject{h}, Exposed: []Subject{h}}, alive("chat"))
		refused(t, deletion(namespaceOf(n), launchObject()))
	})
}

func TestHeirTakesOverWhatItDeclaresAndNoMore(t *testing.T) {
	o := Observed{NamespaceUID: "0f0e0d0c-1", Notes: with(t, nil, launchOf(in(StateOpen))).Without("chat"), Alive: alive("heir")}
	app := appOf()
	app.Launch.Name = "heir"
	if l := For(app, scored(unmeasured), o); len(l.Verified) == 0 || l.Mode != v1alpha1.GateEnforce {
		t.Errorf("the heir loses what was verified or enforced: %+v", l.Record)
	}
	deleted := with(t, nil, launchOf(openRecord("chat"), HostSubject("app.example.com"))).Without("chat")
	got := with(t, deleted, Launch{Record: Record{Launch: "heir", State: StateNew, Mode: v1alpha1.GateOff}, Subjects: []Subject{ServiceSubject("chat")}})
	if got["chat.deployment.gate.launchready.dev/state"] == "" || !got.Exposed(HostSubject("app.example.com")) {
		t.Errorf("the heir of a Service frees all the rest: %v", got)
	}
}

func TestClosingFitsIntoAFullNamespaceAndHoldsEveryDimension(t *testing.T) {
	n := with(t, nil, launchOf(openRecord("chat")))
	n["example.com/rest"] = strings.Repeat("x", maxNotes-n.size()-len("example.com/rest"))
	f := openRecord("chat")
	f.State, f.Rollouts = StateFailing, []Hold{{v1alpha1.RowTenantIsolated, "2"}}
	f.Exposure = f.Rollouts
	if got := n.Closing(with(t, n, launchOf(f)), "chat").size(); got > maxNotes {
		t.Errorf("it takes %d bytes of %d", got, maxNotes)
	}
	a := with(t, nil, launchOf(in(StateFailing, func(r *Record) { r.Rollouts = r.Rollouts[:1] })))
	r, _ := a.Closing(with(t, a, launchOf(in(StateFailing, func(r *Record) { r.ExcludedUsers = []string{"dev"} }))), "chat").Record("chat")
	if len(r.Rollouts) != 2 || len(r.ExcludedUsers) != 1 {
		t.Errorf("further rows and exclusions are not held: %+v", r)
	}
	want := with(t, nil, launchOf(openRecord("chat-two")))
	k, v := openRecord("chat").Annotation()
	want[k] = v
	if got := Notes(nil).Closing(want, "chat"); len(got) != 1 {
		t.Errorf("it takes what belongs to a launch of a longer name: %v", got)
	}
}

func TestMessagesAndReasonsFitTheirFields(t *testing.T) {
	var many []Subject
	for i := range 33 {
		many = append(many, HostSubject(fmt.Sprintf("%s%d.example.com", strings.Repeat("tenant.", 30), i)))
	}
	if n := len(Status(appOf(), scored(), seen(nil), nil, many, false).Message); n > 1024 {
		t.Errorf("the message has %d bytes", n)
	}
	r := in(StateFailing)
	r.Rollouts = []Hold{{v1alpha1.RowSecretsSafe, "Typed,Secret"}}
	if _, err := ParseRecord(r.String()); err != nil {
		t.Error(err)
	}
}
