// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/launchready/launchready/api/v1alpha1"
)

// launched is when the app of these tests was Launchable for the first time.
var launched = time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC)

// digest gives an image's digest that differs by a letter.
func digest(letter string) string { return "sha256:" + strings.Repeat(letter, 64) }

func everyState() []State {
	return []State{StateNew, StateOpen, StateOpenVerifiedOnly, StateFailing}
}

func everyMode() []v1alpha1.GateMode {
	return []v1alpha1.GateMode{v1alpha1.GateOff, v1alpha1.GateAudit, v1alpha1.GateEnforce}
}

func drawHolds(t *rapid.T, what string) []Hold {
	rows := []v1alpha1.Row{"RowOfALaterVersion"}
	for _, c := range codes() {
		rows = append(rows, c.row)
	}
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Hold {
		return Hold{Row: rapid.SampledFrom(rows).Draw(t, "row"), Why: rapid.SampledFrom([]string{"1", "32", "NotMeasured", "TargetUnreachable"}).Draw(t, "why")}
	}), 0, 5, func(h Hold) v1alpha1.Row { return h.Row }).Draw(t, what)
}

// drawDigests gives what a record keeps of digests, in its order.
func drawDigests(t *rapid.T, least int, what string) []string {
	digests := rapid.SliceOfNDistinct(rapid.StringMatching(`[0-9a-f]{16}`), least, 4, rapid.ID).Draw(t, what)
	slices.Sort(digests)
	return digests
}

// drawRecord gives a record of a launch as one is read: in order, and with no more than what is kept.
func drawRecord(t *rapid.T, launch, what string) Record {
	r := Record{
		Launch: launch, State: rapid.SampledFrom(everyState()).Draw(t, what+" state"), Mode: rapid.SampledFrom(everyMode()).Draw(t, what+" mode"),
		Rollouts: drawHolds(t, what+" holds rollouts"), Exposure: drawHolds(t, what+" holds exposure"),
		NamespaceUID: rapid.StringMatching(`[0-9a-f]{0,8}`).Draw(t, what+" uid"), Running: drawDigests(t, 0, what+" running"),
	}
	if r.State != StateNew {
		r.LaunchedAt = launched.Add(time.Duration(rapid.IntRange(0, 1<<28).Draw(t, what+" launched")) * time.Second)
	}
	for i := range rapid.IntRange(0, maxRevisions).Draw(t, what+" verified") {
		r.Verified = append(r.Verified, drawDigests(t, 1, fmt.Sprint(what, " revision ", i)))
	}
	for _, app := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"api", "chat", "worker"}), 0, 3, rapid.ID).Draw(t, what+" pods") {
		r.Pods = append(r.Pods, map[string]string{"app": app, "app.kubernetes.io/part-of": "shop", "canary": ""})
	}
	slices.SortFunc(r.Pods, func(a, b map[string]string) int { return strings.Compare(a["app"], b["app"]) })
	who := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z:@=|. -]{1,20}`), 0, 3, rapid.ID)
	r.ExcludedUsers, r.ExcludedGroups = who.Draw(t, what+" users"), who.Draw(t, what+" groups")
	slices.Sort(r.ExcludedUsers)
	slices.Sort(r.ExcludedGroups)
	return r
}

func TestRecordsComeBackAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t, subdomains().Draw(t, "launch"), "a")
		value := r.String()
		got, err := ParseRecord(value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s comes back as another (-want +got):\n%s", value, diff)
		}
		if fields := strings.Split(value, ";"); len(fields) != recordFields || fields[0] != grammar {
			t.Errorf("%q has %d fields, want %d", value, len(fields), recordFields)
		}
		if again := got.String(); again != value {
			t.Errorf("it is written as %q the second time, want %q", again, value)
		}
	})
}

func TestARecordInFull(t *testing.T) {
	annotation, value := Record{
		Launch: "chat", State: StateFailing, Mode: v1alpha1.GateEnforce, LaunchedAt: launched.In(time.FixedZone("east", 7200)).Add(time.Millisecond),
		Rollouts:      []Hold{{v1alpha1.RowTenantIsolated, "2"}, {v1alpha1.RowRateLimited, "NotMeasured"}},
		Exposure:      []Hold{{holdNothingRequired, "0"}, {"RowOfALaterVersion", "1"}},
		NamespaceUID:  "0f0e0d0c-1111-2222-3333-444444444444",
		Running:       []string{digest("b"), digest("a"), digest("b")},
		Verified:      [][]string{{digest("d"), digest("c")}, {}, {"sha256:short"}, {digest("e")}},
		Pods:          []map[string]string{{"tier": "web", "app": "chat"}, {"app": "api"}, {"app": "api"}},
		ExcludedUsers: []string{"system:serviceaccount:argocd:argocd", "bot"}, ExcludedGroups: []string{"robots"},
	}.Annotation()
	if want := "chat.launch.gate.launchready.dev/state"; annotation != want {
		t.Errorf("annotation %q, want %q", annotation, want)
	}
	want := "v1;chat;Failing;TI=2,RL=NotMeasured;NR=0,RowOfALaterVersion=1;Enforce;20261102T093000Z;0f0e0d0c;aaaaaaaaaaaaaaaa,bbbbbbbbbbbbbbbb;" +
		"cccccccccccccccc,dddddddddddddddd|short|eeeeeeeeeeeeeeee;app=api|app=chat,tier=web;g:robots,u:bot,u:system:serviceaccount:argocd:argocd"
	if value != want {
		t.Errorf("got  %s\nwant %s", value, want)
	}
	if _, value := (Record{Launch: "chat", State: StateNew, Mode: v1alpha1.GateAudit}).Annotation(); value != "v1;chat;New;;;Audit;;;;;;" {
		t.Errorf("an empty record is %q", value)
	}
}

func TestARecordKeepsFiveRevisionsAndSixteenDigits(t *testing.T) {
	r := Record{Launch: "chat"}
	for i := range 9 {
		r.Verified = append(r.Verified, []string{fmt.Sprintf("sha256:%064x", i), digest(fmt.Sprint(i))})
		r.Running = append(r.Running, digest(fmt.Sprint(i)))
	}
	got, err := ParseRecord(r.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Verified) != 5 {
		t.Fatalf("%d revisions are kept, want 5", len(got.Verified))
	}
	for i, revision := range got.Verified {
		if want := strings.Repeat(fmt.Sprint(i), 16); !slices.Contains(revision, want) {
			t.Errorf("revision %d is %v, want the newest first, with %s", i, revision, want)
		}
	}
	digits := regexp.MustCompile(`^[0-9a-f]{16}$`)
	for _, d := range slices.Concat(got.Running, slices.Concat(got.Verified...)) {
		if !digits.MatchString(d) {
			t.Errorf("%q is kept of a digest, want 16 hexadecimal digits", d)
		}
	}
	if len(got.Running) != 9 {
		t.Errorf("%d running images, want 9", len(got.Running))
	}
}

func TestTheSameRecordGivesTheSameValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t, "chat", "a")
		want := r.String()
		shuffled := func(list []string, what string) []string { return rapid.Permutation(list).Draw(t, what) }
		r.Running, r.ExcludedUsers, r.ExcludedGroups = shuffled(r.Running, "running"), shuffled(r.ExcludedUsers, "users"), shuffled(r.ExcludedGroups, "groups")
		r.Pods = rapid.Permutation(r.Pods).Draw(t, "pods")
		for i, labels := range r.Pods {
			r.Pods[i] = maps.Clone(labels)
		}
		for i, revision := range r.Verified {
			r.Verified[i] = shuffled(revision, "revision")
		}
		for range 3 {
			if got := r.String(); got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	})
}

func TestWhatCanNotBeReadSaysWhatToDo(t *testing.T) {
	whole := Record{Launch: "chat", State: StateOpen, Mode: v1alpha1.GateAudit}.String()
	for _, test := range []struct{ name, value, want string }{
		{"another grammar", "v9" + whole[2:], `the gate's record "v9;chat;Open;;;Audit;;;;;;" is not of grammar v1: upgrade LaunchReady's policies and operator together`},
		{"nothing", "", `the gate's record "" is not of grammar v1: upgrade LaunchReady's policies and operator together`},
		{"a field too few", strings.TrimSuffix(whole, ";"), `the gate's record "v1;chat;Open;;;Audit;;;;;" is not of grammar v1: upgrade LaunchReady's policies and operator together`},
		{"a hold of rollouts without a reason", "v1;chat;Failing;TI;;Audit;;;;;;", `the gate's record "v1;chat;Failing;TI;;Audit;;;;;;": "TI" is no row that holds: want a code and a reason, such as TI=2`},
		{"a hold of exposure without a reason", "v1;chat;Open;;TI=1,;Audit;;;;;;", `the gate's record "v1;chat;Open;;TI=1,;Audit;;;;;;": "" is no row that holds: want a code and a reason, such as TI=2`},
		{"no time", "v1;chat;Open;;;Audit;yesterday;;;;;", `the gate's record "v1;chat;Open;;;Audit;yesterday;;;;;": parsing time "yesterday"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := ParseRecord(test.value)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Fatalf("got %v, want %s", err, test.want)
			}
			if diff := cmp.Diff(Record{}, r); diff != "" {
				t.Errorf("something was read all the same: %s", diff)
			}
			if got, ok := (Notes{launchKey("chat"): test.value}).Record("chat"); ok || got.Launch != "" {
				t.Errorf("the Namespace knows %v", got)
			}
		})
	}
}

func TestALaterVersionMayAddFields(t *testing.T) {
	r, err := ParseRecord("v1;chat;Open;;;Enforce;;;;;;;of;a;later;version")
	if err != nil || r.State != StateOpen || r.Mode != v1alpha1.GateEnforce {
		t.Errorf("got %+v, %v", r, err)
	}
	if p, ok := parsePointer("v1;chat;exposed;more"); !ok || p != (pointer{launch: "chat", exposed: true}) {
		t.Errorf("got %v, %v", p, ok)
	}
}

func TestPointers(t *testing.T) {
	for value, want := range map[string]struct {
		pointer
		ok bool
	}{
		"v1;chat":         {pointer{launch: "chat"}, true},
		"v1;chat;exposed": {pointer{launch: "chat", exposed: true}, true},
		"v1;chat;claimed": {pointer{launch: "chat", claimed: true}, true},
		"v1;chat;hidden":  {pointer{launch: "chat"}, true},
		"v9;chat;exposed": {}, "v1": {}, "": {}, "chat": {},
	} {
		if got, ok := parsePointer(value); got != want.pointer || ok != want.ok {
			t.Errorf("%q is read as %v (%v), want %v (%v)", value, got, ok, want.pointer, want.ok)
		}
	}
	for _, exposed := range []bool{false, true} {
		annotation, value := Pointer(HostSubject("app.example.com"), "chat", exposed)
		if got, ok := parsePointer(value); annotation != "app.example.com.host.gate.launchready.dev/state" || !ok || got != (pointer{launch: "chat", exposed: exposed}) {
			t.Errorf("%s: %s", annotation, value)
		}
	}
}

// The codes are part of the grammar: the Namespaces of a cluster are full of them when the operator is upgraded.
func TestCodesOfRowsNeverChange(t *testing.T) {
	want := "DN=DNSConfigured TL=TLSEnforced EP=EdgeProtected EM=EmailAuthenticated SE=SecretsSafe AU=AuthEnforced TI=TenantIsolated IV=InputValidated " +
		"PI=PromptInjectionResistant RL=RateLimited FW=FlowsWorking LB=LatencyWithinBudget LS=LoggingSafe ML=MonitoringLive RR=RollbackReady EI=EnvironmentIsolated " +
		"NR=NothingRequired LD=LaunchDeleted"
	var got []string
	for _, c := range codes() {
		got = append(got, c.code+"="+string(c.row))
		if codeOf(c.row) != c.code || rowOf(c.code) != c.row {
			t.Errorf("%s does not stand for %s alone", c.code, c.row)
		}
	}
	if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
		t.Errorf("the codes have changed (-want +got):\n%s", diff)
	}
	if codeOf("Unheard") != "Unheard" || rowOf("ZZ") != "ZZ" {
		t.Error("a row without a code, or a code without a row, does not stand for itself")
	}
}
