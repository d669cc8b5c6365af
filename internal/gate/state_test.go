// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"

	"github.com/launchready/launchready/api/v1alpha1"
)

// alive gives a function that says which launches exist.
func alive(names ...string) func(string) bool {
	return func(launch string) bool { return slices.Contains(names, launch) }
}

// chatSubjects are what the launch of these tests declares.
func chatSubjects() []Subject {
	return []Subject{WorkloadSubject("Deployment", "chat"), ServiceSubject("chat"), HostSubject("app.example.com")}
}

// openRecord is of a launch that may be rolled.
func openRecord(name string) Record {
	return Record{
		Launch: name, State: StateOpen, Mode: v1alpha1.GateEnforce, LaunchedAt: launched, NamespaceUID: "0f0e0d0c-1",
		Running: []string{digest("a")}, Verified: [][]string{{digest("a")}, {digest("b")}}, Pods: []map[string]string{{"app": name}},
	}
}

// launchOf is a launch with the subjects of these tests.
func launchOf(r Record, exposed ...Subject) Launch {
	return Launch{Record: r, Subjects: chatSubjects(), Exposed: exposed}
}

// with writes a launch, which must go without conflict.
func with(t *testing.T, n Notes, l Launch, others ...string) Notes {
	t.Helper()
	want, conflicts, full := n.With(l, alive(append(others, l.Launch)...))
	if len(conflicts) > 0 || full {
		t.Fatalf("conflicts %v, full %v", conflicts, full)
	}
	return want
}

func differ(t *testing.T, want, got Notes) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the annotations are others (-want +got):\n%s", diff)
	}
}

func TestANewLaunchIsWrittenBesideWhatOthersWrote(t *testing.T) {
	others := Notes{"example.com/team": "shop", "gate.launchready.dev/of-a-later-version": "v1;chat", "field.cattle.io/x": "v1;chat"}
	before := maps.Clone(others)
	got := with(t, others, launchOf(openRecord("chat"), HostSubject("app.example.com")))
	want := maps.Clone(before)
	maps.Copy(want, Notes{
		"chat.launch.gate.launchready.dev/state":          openRecord("chat").String(),
		"chat.deployment.gate.launchready.dev/state":      "v1;chat",
		"chat.service.gate.launchready.dev/state":         "v1;chat",
		"app.example.com.host.gate.launchready.dev/state": "v1;chat;exposed",
	})
	differ(t, want, got)
	differ(t, before, others)
	differ(t, got, with(t, got, launchOf(openRecord("chat"), HostSubject("app.example.com"))))
	// What was exposed once stays so, whoever looks.
	differ(t, got, with(t, got, launchOf(openRecord("chat"))))
	if r, ok := got.Record("chat"); !ok || r.String() != openRecord("chat").String() {
		t.Errorf("read back as %+v, %v", r, ok)
	}
	if got := with(t, nil, launchOf(openRecord("chat"))); len(got) != 4 {
		t.Errorf("a Namespace without annotations gets %v", got)
	}
}

func TestWhatIsDeclaredNoMoreIsTakenAway(t *testing.T) {
	others := Notes{"example.com/team": "v1;chat", "gate.launchready.dev/of-a-later-version": "v1;chat", "chat.service.gate.launchready.dev/other": "v1;chat"}
	second := Launch{Record: openRecord("chat-two"), Subjects: []Subject{WorkloadSubject("Deployment", "two")}}
	before := with(t, with(t, others, launchOf(openRecord("chat"))), second, "chat")
	l := launchOf(openRecord("chat"))
	l.Subjects = l.Subjects[:1]
	want := maps.Clone(before)
	delete(want, "chat.service.gate.launchready.dev/state")
	delete(want, "app.example.com.host.gate.launchready.dev/state")
	differ(t, want, with(t, before, l, "chat-two"))
}

func TestWhatALivingLaunchHasIsLeftToIt(t *testing.T) {
	before := with(t, nil, launchOf(openRecord("chat"), HostSubject("app.example.com")))
	late := launchOf(openRecord("late"), chatSubjects()...)
	late.Subjects = append(late.Subjects, WorkloadSubject("StatefulSet", "late"))
	got, conflicts, full := before.With(late, alive("chat", "late"))
	if full || !slices.Equal(conflicts, chatSubjects()) {
		t.Errorf("conflicts %v, full %v, want conflicts %v", conflicts, full, chatSubjects())
	}
	want := maps.Clone(before)
	want["late.launch.gate.launchready.dev/state"] = openRecord("late").String()
	want["late.statefulset.gate.launchready.dev/state"] = "v1;late"
	differ(t, want, got)
}

func TestANewLaunchTakesOverWhatADeletedOneHad(t *testing.T) {
	deleted := with(t, Notes{"example.com/team": "shop"}, launchOf(openRecord("chat"), HostSubject("app.example.com"))).Without("chat")
	heir := launchOf(Record{Launch: "heir", State: StateNew, Mode: v1alpha1.GateAudit})
	r, ok := deleted.Predecessor("heir", heir.Subjects, alive("heir"))
	if !ok || r.Launch != "chat" || !r.LaunchedAt.Equal(launched) || r.State != StateFailing {
		t.Errorf("predecessor %+v, %v", r, ok)
	}
	differ(t, Notes{
		"example.com/team":                                "shop",
		"heir.launch.gate.launchready.dev/state":          heir.Record.String(),
		"chat.deployment.gate.launchready.dev/state":      "v1;heir",
		"chat.service.gate.launchready.dev/state":         "v1;heir",
		"app.example.com.host.gate.launchready.dev/state": "v1;heir;exposed",
	}, with(t, deleted, heir))
}

func TestPredecessor(t *testing.T) {
	state := with(t, nil, launchOf(openRecord("chat")))
	for _, test := range []struct {
		name     string
		launch   string
		subjects []Subject
		alive    []string
		notes    Notes
		want     string
	}{
		{"of what a deleted launch had", "heir", chatSubjects()[2:], []string{"heir"}, state, "chat"},
		{"of something else", "heir", []Subject{HostSubject("other.example.com"), WorkloadSubject("StatefulSet", "chat")}, nil, state, ""},
		{"of what a living launch has", "heir", chatSubjects(), []string{"chat"}, state, ""},
		{"of what is its own", "chat", chatSubjects(), nil, state, ""},
		{"whose record is gone", "heir", chatSubjects(), nil, Notes{"chat.service.gate.launchready.dev/state": "v1;chat"}, ""},
		{
			"behind one whose record is gone", "heir", chatSubjects(), nil,
			Notes{"chat.deployment.gate.launchready.dev/state": "v1;lost", "chat.service.gate.launchready.dev/state": "v1;chat", launchKey("chat"): openRecord("chat").String()},
			"chat",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, ok := test.notes.Predecessor(test.launch, test.subjects, alive(test.alive...))
			if r.Launch != test.want || ok != (test.want != "") {
				t.Errorf("got %+v, %v, want %q", r, ok, test.want)
			}
		})
	}
}

func TestADeletedLaunchStaysHeldWhereItHadLaunchedOrIsExposed(t *testing.T) {
	never := openRecord("chat")
	never.State, never.LaunchedAt, never.Exposure = StateNew, time.Time{}, []Hold{{v1alpha1.RowSecretsSafe, "1"}}
	failing := openRecord("chat")
	failing.State, failing.Rollouts = StateFailing, []Hold{{v1alpha1.RowTenantIsolated, "2"}}
	for _, test := range []struct {
		name string
		l    Launch
		held bool
	}{
		{"never launched", launchOf(never), false},
		{"never launched, but exposed", launchOf(never, HostSubject("app.example.com")), true},
		{"launched", launchOf(openRecord("chat")), true},
		{"failing", launchOf(failing), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			others := Notes{"example.com/team": "v1;chat", "gate.launchready.dev/other": "v1;chat"}
			second := Launch{Record: openRecord("chat-two"), Subjects: []Subject{HostSubject("two.example.com")}, Exposed: []Subject{HostSubject("two.example.com")}}
			others = with(t, others, second)
			before := with(t, others, test.l, "chat-two")
			kept := maps.Clone(before)
			got := before.Without("chat")
			differ(t, kept, before)
			if !test.held {
				differ(t, others, got)
				return
			}
			deleted := test.l.Record
			deleted.State, deleted.Rollouts, deleted.Exposure = StateFailing, []Hold{{holdDeleted, "1"}}, []Hold{{holdDeleted, "1"}}
			want := maps.Clone(before)
			want[launchKey("chat")] = deleted.String()
			differ(t, want, got)
			differ(t, want, got.Without("chat"))
		})
	}
	differ(t, Notes{"example.com/team": "shop"}, Notes{"example.com/team": "shop"}.Without("chat"))
}

func TestExposed(t *testing.T) {
	n := Notes{"chat.service.gate.launchready.dev/state": "v1;chat;exposed", "app.example.com.host.gate.launchready.dev/state": "v1;chat", "b.host.gate.launchready.dev/state": "v9;chat;exposed"}
	for subject, want := range map[Subject]bool{
		ServiceSubject("chat"): true, HostSubject("chat"): false, HostSubject("app.example.com"): false, HostSubject("b"): false, ServiceSubject("other"): false,
	} {
		if got := n.Exposed(subject); got != want {
			t.Errorf("%v: exposed is %v", subject, got)
		}
	}
}

func TestLabelsSayWhatANamespaceHoldsAndWarnsOf(t *testing.T) {
	of := func(state State, mode v1alpha1.GateMode) string {
		return Record{Launch: "chat", State: state, Mode: mode}.String()
	}
	for _, test := range []struct {
		name           string
		notes          Notes
		gated, audited bool
	}{
		{"nothing", nil, false, false},
		{"annotations of others", Notes{"example.com/team": of(StateNew, v1alpha1.GateEnforce)}, false, false},
		{"new and Off", Notes{launchKey("chat"): of(StateNew, v1alpha1.GateOff)}, false, false},
		{"a pointer alone", Notes{"chat.service.gate.launchready.dev/state": "v1;chat"}, false, false},
		{"new and Enforce", Notes{launchKey("chat"): of(StateNew, v1alpha1.GateEnforce)}, true, true},
		{"open and Enforce", Notes{launchKey("chat"): of(StateOpen, v1alpha1.GateEnforce)}, true, false},
		{"failing and Enforce", Notes{launchKey("chat"): of(StateFailing, v1alpha1.GateEnforce)}, true, false},
		{"failing and Audit", Notes{launchKey("chat"): of(StateFailing, v1alpha1.GateAudit)}, true, true},
		{"one Off, one Enforce", Notes{launchKey("chat"): of(StateNew, v1alpha1.GateOff), launchKey("b"): of(StateOpen, v1alpha1.GateEnforce)}, true, false},
		{"one Audit, one Enforce", Notes{launchKey("chat"): of(StateOpen, v1alpha1.GateAudit), launchKey("b"): of(StateOpen, v1alpha1.GateEnforce)}, true, true},
		{"a grammar that is not known", Notes{launchKey("chat"): "v9;chat"}, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if gated, audited := test.notes.Labels(); gated != test.gated || audited != test.audited {
				t.Errorf("gated %v and audited %v, want %v and %v", gated, audited, test.gated, test.audited)
			}
		})
	}
}

func TestLaunchesAreThoseThatAnythingIsSaidOf(t *testing.T) {
	n := with(t, Notes{"example.com/x": "v1;foreign", "gate.launchready.dev/x": "v1;later", launchKey("unread"): "v9"}, launchOf(openRecord("chat")))
	n["b.host.gate.launchready.dev/state"] = "v1;pointed"
	n["c.host.gate.launchready.dev/state"] = "v9;newer"
	if got, want := n.Launches(), []string{"chat", "pointed", "unread"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// ordinary is a launch of ordinary size.
func ordinary(i int) Launch {
	name := fmt.Sprintf("chat-%d", i)
	r := Record{
		Launch: name, State: StateOpen, Mode: v1alpha1.GateEnforce, LaunchedAt: launched, NamespaceUID: "0f0e0d0c-1111-2222-3333-444444444444",
		Pods: []map[string]string{{"app": name}},
	}
	for n := range maxRevisions {
		// The first sixteen digits are those that are kept.
		web, side := fmt.Sprintf("sha256:%016x%048d", i*16+n, 0), fmt.Sprintf("sha256:%016x%048d", i*16+8+n, 0)
		r.Verified = append(r.Verified, []string{web, side})
	}
	r.Running = r.Verified[0]
	return Launch{Record: r, Subjects: []Subject{WorkloadSubject("Deployment", name), ServiceSubject(name), HostSubject(name + ".example.com")}, Exposed: []Subject{HostSubject(name + ".example.com")}}
}

// The Namespace has room for 256 KiB of annotations. Whoever comes when it is full is told so, and takes nothing from those
// that are there.
func TestANamespaceHoldsFiveHundredLaunchesOfOrdinarySize(t *testing.T) {
	everybody := func(string) bool { return true }
	n := Notes{"example.com/team": "shop", "kubectl.kubernetes.io/last-applied-configuration": strings.Repeat("x", 512)}
	whole, fit, refused := 0, 0, 0
	for i := 1; i <= 2000; i++ {
		want, conflicts, full := n.With(ordinary(i), everybody)
		if len(conflicts) > 0 {
			t.Fatalf("launch %d conflicts: %v", i, conflicts)
		}
		if full {
			refused++
			if !maps.Equal(want, n) {
				t.Fatalf("launch %d is refused, and something changes all the same", i)
			}
			continue
		}
		if want.size() > maxNotes {
			t.Fatalf("with launch %d the Namespace has %d bytes of annotations, more than %d", i, want.size(), maxNotes)
		}
		for name, value := range n {
			if want[name] != value {
				t.Fatalf("launch %d takes from %s", i, name)
			}
		}
		n = want
		fit++
		if r, ok := n.Record(ordinary(i).Launch); !ok {
			t.Fatalf("launch %d is not there", i)
		} else if len(r.Verified) == maxRevisions {
			whole++
		}
		if i == 2000 {
			t.Error("the 2000th launch is not refused")
		}
	}
	t.Logf("%d launches of ordinary size fit with five verified revisions each, %d in all; %d were refused", whole, fit, refused)
	if whole < 500 {
		t.Errorf("only %d launches of ordinary size fit, want 500", whole)
	}
	for _, i := range []int{1, 250, 500} {
		if r, ok := n.Record(ordinary(i).Launch); !ok || r.String() != ordinary(i).String() {
			t.Errorf("launch %d is %+v now", i, r)
		}
		if !n.Exposed(ordinary(i).Exposed[0]) {
			t.Errorf("launch %d is exposed no more", i)
		}
	}
	// One that is there goes on as it must, whatever there is no room for.
	n = maps.Clone(n)
	n["example.com/rest"] = strings.Repeat("x", maxNotes-n.size()-len("example.com/rest"))
	failing := ordinary(1)
	failing.State = StateFailing
	failing.Rollouts = []Hold{{v1alpha1.RowTenantIsolated, "2"}, {v1alpha1.RowRateLimited, "TargetUnreachable"}}
	want, _, full := n.With(failing, everybody)
	r, ok := want.Record(failing.Launch)
	if full || !ok || r.State != StateFailing || len(r.Rollouts) != len(failing.Rollouts) || want.size() > maxNotes {
		t.Errorf("an existing launch is %+v in a full Namespace of %d bytes (full: %v)", r, want.size(), full)
	}
	if got := len(r.Verified); got == 0 || got == maxRevisions {
		t.Errorf("it keeps %d verified revisions, want as many as there is room for", got)
	}
}

// An existing launch is never refused: whether it fits after all is for the API server to say.
func TestAnExistingLaunchIsNeverRefused(t *testing.T) {
	n := with(t, nil, ordinary(1))
	n["example.com/big"] = strings.Repeat("x", maxNotes)
	want, _, full := n.With(ordinary(1), alive("chat-1"))
	if r, ok := want.Record("chat-1"); full || !ok || len(r.Verified) != 0 || r.State != StateOpen {
		t.Errorf("full: %v, record %+v", full, r)
	}
	late, _, full := n.With(ordinary(2), alive("chat-1", "chat-2"))
	if !full {
		t.Error("a new launch is not refused")
	}
	differ(t, n, late)
}

func TestANamespaceMayBeFilledToTheLastByte(t *testing.T) {
	l := launchOf(Record{Launch: "chat", State: StateNew, Mode: v1alpha1.GateAudit})
	free := maxNotes - with(t, nil, l).size() - len("example.com/big")
	for extra, want := range map[int]bool{0: false, 1: true} {
		_, _, full := Notes{"example.com/big": strings.Repeat("x", free+extra)}.With(l, alive("chat"))
		if full != want {
			t.Errorf("with %d bytes too many, full is %v", extra, full)
		}
	}
}

// probes are requests of all kinds, as somebody without any verb makes them in a Namespace with annotations.
func probes(n Notes) map[string]Request {
	ns := namespaceOf(n)
	app := deployment("r.example/chat:1")
	requests := map[string]Request{}
	for _, image := range []string{"r.example/chat:2", "r.example/chat@" + digest("a"), "r.example/chat@" + digest("b"), "r.example/chat@" + digest("c")} {
		requests["rollout to "+image] = update(ns, app, deployment(image))
	}
	requests["typed secret"] = update(ns, app, changed(app, func(o map[string]any) { addEnv(o, "OPENAI_API_KEY", typedSecret) }))
	requests["another variable"] = update(ns, app, changed(app, func(o map[string]any) { addEnv(o, "LEVEL", "debug") }))
	requests["Ingress"] = create(ns, ingress(ingressRule("app.example.com", "/", "chat")))
	requests["Ingress to elsewhere"] = create(ns, ingress(ingressRule("app.example.com", "/", "elsewhere")))
	requests["Ingress of the Service"] = create(ns, ingress(ingressRule("stray.example.com", "/", "chat")))
	requests["public Service"] = create(ns, service("chat", "LoadBalancer", "chat"))
	requests["turned Service"] = update(ns, service("chat", "ClusterIP", "chat"), service("chat", "ClusterIP", "green"))
	requests["deletion"] = deletion(ns, launchObject())
	return requests
}

// strictness of what a state does to rollouts.
func strictnessOf(s State) int {
	return map[State]int{StateNew: 0, StateOpen: 0, StateOpenVerifiedOnly: 1, StateFailing: 2}[s]
}

// Closing is written first, so that it may hold back, and must never let go: whatever is refused before and is to be refused
// stays refused, and what follows leads to what was wanted.
func TestClosingNeverOpensAnything(t *testing.T) { //nolint:gocognit // one property, told dimension by dimension
	rapid.Check(t, func(t *rapid.T) {
		subset := rapid.SliceOfDistinct(rapid.SampledFrom(chatSubjects()), rapid.ID)
		others := Notes{"example.com/team": "shop", "other.host.gate.launchready.dev/state": "v1;other", launchKey("other"): openRecord("other").String()}
		before := others
		if rapid.IntRange(0, 5).Draw(t, "new") > 0 {
			before, _, _ = others.With(Launch{Record: drawRecord(t, "chat", "from"), Subjects: subset.Draw(t, "had"), Exposed: subset.Draw(t, "exposed before")}, alive("chat", "other"))
		}
		l := Launch{Record: drawRecord(t, "chat", "to"), Subjects: subset.Draw(t, "has"), Exposed: subset.Draw(t, "exposed now"), Claimed: subset.Draw(t, "claimed now")}
		want, _, _ := before.With(l, alive("chat", "other"))
		kept := maps.Clone(before)
		closing := before.Closing(want, "chat")
		if diff := cmp.Diff(kept, before); diff != "" {
			t.Fatalf("the annotations that were given have changed:\n%s", diff)
		}
		got, ok := closing.Record("chat")
		from, known := before.Record("chat")
		if to := l.Record; !ok || strictnessOf(got.State) < max(strictnessOf(from.State), strictnessOf(to.State)) ||
			len(got.Exposure) == 0 && len(from.Exposure)+len(to.Exposure) > 0 || got.Mode != v1alpha1.StricterMode(from.Mode, to.Mode) {
			t.Errorf("from %s\nto   %s\nit closes to %s", from, to, got)
		}
		rows := l.Rollouts
		switch {
		case known && got.State == StateFailing && from.State == l.State:
			rows = both(from.Rollouts, l.Rollouts)
		case known && got.State == from.State:
			rows = from.Rollouts
		}
		if diff := cmp.Diff(rows, got.Rollouts, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("from %s\nto   %s\nthe rows of %s are not those of its state: %s", from, l.Record, got, diff)
		}
		for name, value := range before {
			claimed := strings.HasSuffix(want[name], ";"+claimedMark)
			if now := closing[name]; name != launchKey("chat") && (claimed && now != want[name] || !claimed && now != value) {
				t.Errorf("%s was %q, is %q, and is wanted as %q", name, value, now, want[name])
			}
		}
		for name, value := range closing {
			if _, there := before[name]; !there && want[name] != value && name != launchKey("chat") {
				t.Errorf("%s is added as %q, and wanted as %q", name, value, want[name])
			}
		}
		for _, s := range l.Subjects {
			if _, there := closing[key(s.name, s.kind)]; !there {
				t.Errorf("%v is not held yet", s)
			}
		}
		was, is, then := probes(before), probes(closing), probes(want)
		for name := range was {
			if known && len(Decide(was[name]).Denials) > 0 && len(Decide(then[name]).Denials) > 0 && len(Decide(is[name]).Denials) == 0 {
				t.Errorf("from %s\nto   %s\n%s is refused before and after, and not with %s", from, l.Record, name, got)
			}
		}
		after, _, _ := closing.With(l, alive("chat", "other"))
		if diff := cmp.Diff(want, after); diff != "" {
			t.Errorf("what follows is not what was wanted (-want +got):\n%s", diff)
		}
		if again := closing.Closing(want, "chat"); cmp.Diff(closing, again) != "" {
			t.Errorf("it closes twice:\n%s", cmp.Diff(closing, again))
		}
	})
}

func TestClosing(t *testing.T) {
	held := []Hold{{v1alpha1.RowTenantIsolated, "2"}}
	failing := openRecord("chat")
	failing.State, failing.Rollouts, failing.Exposure = StateFailing, held, held
	before, want := with(t, nil, launchOf(openRecord("chat"))), with(t, nil, launchOf(failing))
	differ(t, want, before.Closing(want, "chat"))
	differ(t, want, want.Closing(before, "chat"))
	differ(t, before, before.Closing(before, "chat"))
	differ(t, before, before.Closing(Notes{}, "chat"))
	differ(t, Notes{}, Notes(nil).Closing(nil, "chat"))
	differ(t, want, Notes(nil).Closing(want, "chat"))
	t.Run("what is taken over stays held by the deleted launch until then", func(t *testing.T) {
		deleted := before.Without("chat")
		heir := launchOf(Record{Launch: "heir", State: StateNew, Mode: v1alpha1.GateAudit})
		closing := maps.Clone(deleted)
		closing[launchKey("heir")] = heir.Record.String()
		differ(t, closing, deleted.Closing(with(t, deleted, heir), "heir"))
	})
	t.Run("what is declared no more stays held until then", func(t *testing.T) {
		l := launchOf(openRecord("chat"))
		l.Subjects = l.Subjects[:1]
		differ(t, before, before.Closing(with(t, before, l), "chat"))
	})
}

func TestExposes(t *testing.T) {
	gateway := func(kind string) schema.GroupKind {
		return schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: kind}
	}
	for _, test := range []struct {
		name   string
		kind   schema.GroupKind
		object map[string]any
		want   []Subject
	}{
		{"a private Service", serviceKind, service("chat", "ClusterIP", "chat"), nil},
		{"a LoadBalancer", serviceKind, service("chat", "LoadBalancer", "chat"), []Subject{ServiceSubject("chat")}},
		{"a NodePort", serviceKind, service("chat", "NodePort", "chat"), []Subject{ServiceSubject("chat")}},
		{"an Ingress", ingressKind, ingress(ingressRule("app.example.com", "/", "chat"), ingressRule("*.example.com", "/", "api")), []Subject{HostSubject("app.example.com"), ServiceSubject("chat"), ServiceSubject("api")}},
		{"a solver's Ingress", ingressKind, ingress(ingressRule("app.example.com", "/.well-known/acme-challenge/tok-en_1", "solver")), nil},
		{"a route", gateway("HTTPRoute"), route([]any{"app.example.com"}, routeRule("/", "chat")), []Subject{HostSubject("app.example.com"), ServiceSubject("chat")}},
		{"a route without hostnames", gateway("GRPCRoute"), route(nil, routeRule("/", "chat")), []Subject{ServiceSubject("chat")}},
		{"a solver's route", gateway("HTTPRoute"), route([]any{"app.example.com"}, routeRule("/.well-known/acme-challenge/t", "solver")), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Exposes(test.kind, test.object); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	if got := len(RouteKinds()); got != 3 {
		t.Errorf("%d kinds of routes, want 3", got)
	}
}
