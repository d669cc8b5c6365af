// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// appOf is the app chat, whose web part runs.
func appOf(changes ...func(*launch.App)) *launch.App {
	app := &launch.App{
		Launch: &v1alpha1.LaunchReadiness{
			ObjectMeta: metav1.ObjectMeta{Name: "chat", Namespace: "shop"},
			Spec: v1alpha1.LaunchReadinessSpec{
				Workloads: []v1alpha1.Workload{{Name: "web", Ref: v1alpha1.WorkloadReference{Kind: v1alpha1.KindDeployment, Name: "chat"}, Services: []string{"chat"}}},
				Domains:   &v1alpha1.Domains{Canonical: "app.example.com"},
				Gate:      &v1alpha1.Gate{Mode: v1alpha1.GateEnforce},
			},
		},
		Workloads: []launch.Workload{{Name: "web", Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "chat"}}}}},
		Revision:  launch.Revision{Hash: "1111111111111111", Images: []string{digest("a")}, Resolved: true},
	}
	for _, change := range changes {
		change(app)
	}
	return app
}

func declares(change func(*v1alpha1.Gate)) func(*launch.App) {
	return func(app *launch.App) { change(app.Launch.Spec.Gate) }
}

func declaresMode(mode v1alpha1.GateMode) func(*launch.App) {
	return declares(func(g *v1alpha1.Gate) { g.Mode = mode })
}

// demands gives a change that puts a policy in force.
func demands(rules v1alpha1.GateRules) func(*launch.App) {
	return func(app *launch.App) { app.Policy.Gate = &rules }
}

func unmeasurable(app *launch.App) {
	app.Workloads, app.Revision = nil, launch.Revision{}
}

// stands gives a row as the scorecard sees it.
func stands(row v1alpha1.Row, stage scorecard.Stage, effect scorecard.Effect, reason string) scorecard.Standing {
	return scorecard.Standing{Row: scorecard.Row{Name: row, Stage: stage}, Effect: effect, Reason: reason}
}

// scored is a score of an app that passes all: it has launched, is Exposable and Launchable, and two rows were measured.
func scored(changes ...func(*scorecard.Score)) scorecard.Score {
	score := scorecard.Score{
		Rows: []scorecard.Standing{
			stands(v1alpha1.RowSecretsSafe, scorecard.BeforeExposure, scorecard.CountsPassed, "Passed"),
			stands(v1alpha1.RowTLSEnforced, scorecard.AfterExposure, scorecard.CountsPassed, "Passed"),
		},
		Status: v1alpha1.LaunchReadinessStatus{
			LaunchedAt: metav1.NewTime(launched),
			Conditions: []metav1.Condition{{Type: v1alpha1.ConditionExposable, Status: metav1.ConditionTrue}, {Type: v1alpha1.ConditionLaunchable, Status: metav1.ConditionTrue}},
			Measurements: []v1alpha1.Measurement{
				{Row: v1alpha1.RowSecretsSafe, Verdict: v1alpha1.VerdictPass, MeasuredAt: metav1.NewTime(launched)},
				{Row: v1alpha1.RowTLSEnforced, Verdict: v1alpha1.VerdictPass, MeasuredAt: metav1.NewTime(launched)},
			},
		},
	}
	for _, change := range changes {
		change(&score)
	}
	return score
}

func notLaunched(score *scorecard.Score) { score.Status.LaunchedAt = metav1.Time{} }

// is gives a change of the summaries: Exposable and Launchable.
func is(exposable, launchable metav1.ConditionStatus) func(*scorecard.Score) {
	return func(score *scorecard.Score) {
		score.Status.Conditions[0].Status, score.Status.Conditions[1].Status = exposable, launchable
	}
}

func withRows(rows ...scorecard.Standing) func(*scorecard.Score) {
	return func(score *scorecard.Score) { score.Rows = rows }
}

func unmeasured(score *scorecard.Score) {
	score.Status.Measurements[1].MeasuredAt = metav1.Time{}
}

// seen is what the cluster says: the record of before, and what strangers reach.
func seen(before *Record, exposed ...Subject) Observed {
	o := Observed{NamespaceUID: "0f0e0d0c-1", Exposed: exposed, Alive: alive("chat")}
	if before != nil {
		o.Notes = Notes{launchKey("chat"): before.String()}
	}
	return o
}

func TestForGivesTheStateAndWhatHolds(t *testing.T) {
	rows := withRows(
		stands(v1alpha1.RowSecretsSafe, scorecard.BeforeExposure, scorecard.CountsFailed, "TypedSecret"),
		stands(v1alpha1.RowAuthEnforced, scorecard.BeforeExposure, scorecard.CountsUnknown, "NotMeasured"),
		stands(v1alpha1.RowTenantIsolated, scorecard.BeforeExposure, scorecard.CountsWaived, "Waived"),
		stands(v1alpha1.RowInputValidated, scorecard.BeforeExposure, scorecard.NotCounted, "Failing"),
		stands(v1alpha1.RowLoggingSafe, scorecard.BeforeExposure, scorecard.NotYetCounted, "NotMeasured"),
		stands(v1alpha1.RowEnvironmentIsolated, scorecard.BeforeExposure, scorecard.KeepsPassed, "Stale"),
		stands(v1alpha1.RowTLSEnforced, scorecard.AfterExposure, scorecard.CountsFailed, "NoRedirect"),
	)
	counted := func(score *scorecard.Score) { score.Status.Measurements[0].Failing = ptr.To[int32](3) }
	before := []Hold{{v1alpha1.RowSecretsSafe, "3"}, {v1alpha1.RowAuthEnforced, "NotMeasured"}}
	verifiedOnly := declares(func(g *v1alpha1.Gate) { g.Rollouts = v1alpha1.RolloutsVerifiedOnly })
	noGate := func(app *launch.App) { app.Launch.Spec.Gate = nil }
	const yes, no, unknown = metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown
	for _, test := range []struct {
		name               string
		app                *launch.App
		score              scorecard.Score
		state              State
		rollouts, exposure []Hold
	}{
		{"launched and passing", appOf(), scored(), StateOpen, nil, nil},
		{"launched and passing, verified only", appOf(verifiedOnly), scored(), StateOpenVerifiedOnly, nil, nil},
		{"launched, without a gate", appOf(noGate), scored(), StateOpen, nil, nil},
		{"never launched", appOf(verifiedOnly), scored(notLaunched), StateNew, nil, nil},
		{"never launched and failing", appOf(), scored(notLaunched, rows, counted, is(no, no)), StateNew, nil, before},
		{"launched and failing", appOf(verifiedOnly), scored(rows, counted, is(no, no)), StateFailing, append(slices.Clone(before), Hold{v1alpha1.RowTLSEnforced, "NoRedirect"}), before},
		{"launched and unknown", appOf(), scored(withRows(stands(v1alpha1.RowTLSEnforced, scorecard.AfterExposure, scorecard.CountsUnknown, "TargetUnreachable")), is(yes, unknown)), StateFailing, []Hold{{v1alpha1.RowTLSEnforced, "TargetUnreachable"}}, nil},
		{"nothing is required", appOf(), scored(notLaunched, withRows(), is(unknown, unknown)), StateNew, nil, []Hold{{holdNothingRequired, "0"}}},
		{"without conditions", appOf(), scorecard.Score{}, StateNew, nil, []Hold{{holdNothingRequired, "0"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := For(test.app, test.score, seen(nil))
			if got.State != test.state {
				t.Errorf("state %s, want %s", got.State, test.state)
			}
			if diff := cmp.Diff([][]Hold{test.rollouts, test.exposure}, [][]Hold{got.Rollouts, got.Exposure}, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("rollouts and exposure are held by others (-want +got):\n%s", diff)
			}
		})
	}
}

func TestForTellsAllThatTheGateKnows(t *testing.T) {
	app := appOf(demands(v1alpha1.GateRules{BreakGlass: &v1alpha1.BreakGlassRules{ExcludedUsers: []v1alpha1.Subject{"argocd"}, ExcludedGroups: []v1alpha1.Subject{"robots"}}}), func(app *launch.App) {
		app.Launch.Spec.Domains.Hosts = []v1alpha1.HostName{"www.example.com", "app.example.com"}
		app.Launch.Spec.Workloads = append(app.Launch.Spec.Workloads, v1alpha1.Workload{Name: "api", Ref: v1alpha1.WorkloadReference{Kind: v1alpha1.KindRollout, Name: "api"}})
		app.Workloads = append(app.Workloads, launch.Workload{Name: "api", TemplateFrom: "api-template", Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "api"}}}})
	})
	got := For(app, scored(), seen(nil))
	want := Launch{
		Record: Record{
			Launch: "chat", State: StateOpen, Mode: v1alpha1.GateEnforce, LaunchedAt: launched, NamespaceUID: "0f0e0d0c-1", Running: []string{digest("a")},
			Pods: []map[string]string{{"app": "chat"}, {"app": "api"}}, ExcludedUsers: []string{"argocd"}, ExcludedGroups: []string{"robots"},
		},
		Subjects: []Subject{
			WorkloadSubject("Deployment", "chat"), ServiceSubject("chat"), WorkloadSubject("Rollout", "api"), WorkloadSubject("Deployment", "api-template"),
			HostSubject("app.example.com"), HostSubject("www.example.com"),
		},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Subject{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("it is told otherwise (-want +got):\n%s", diff)
	}
	noServices := For(appOf(func(app *launch.App) { app.Launch.Spec.Workloads[0].Services, app.Launch.Spec.Domains = nil, nil }), scored(), seen(nil))
	if noServices.Pods != nil || len(noServices.Subjects) != 1 {
		t.Errorf("without Services and hosts it has pods %v and subjects %v", noServices.Pods, noServices.Subjects)
	}
}

func TestModeAndWhyItIsSo(t *testing.T) {
	in := func(mode v1alpha1.GateMode) *Record { return &Record{Launch: "chat", Mode: mode} }
	minimum := func(mode v1alpha1.GateMode) func(*launch.App) { return demands(v1alpha1.GateRules{MinimumMode: mode}) }
	uncounted := withRows(stands(v1alpha1.RowTLSEnforced, scorecard.AfterExposure, scorecard.NotCounted, "Advisory"), stands(v1alpha1.RowDNSConfigured, scorecard.AfterExposure, scorecard.CountsWaived, "Waived"))
	newRow := withRows(stands(v1alpha1.RowDNSConfigured, scorecard.AfterExposure, scorecard.CountsUnknown, "NotMeasured"))
	for _, test := range []struct {
		name    string
		app     *launch.App
		score   scorecard.Score
		before  *Record
		want    v1alpha1.GateMode
		reason  string
		message string
	}{
		{"enforced, as all is measured", appOf(), scored(), nil, v1alpha1.GateEnforce, "AsDeclared", "What is not ready is held."},
		{"Audit, until all is measured", appOf(), scored(unmeasured), nil, v1alpha1.GateAudit, "NotMeasuredYet", "What would be refused passes with a warning until every Required row was measured once; then the gate enforces."},
		{"Audit, until a row is measured that has no measurement", appOf(), scored(newRow), in(v1alpha1.GateAudit), v1alpha1.GateAudit, "NotMeasuredYet", "What would be refused passes with a warning until every Required row was measured once; then the gate enforces."},
		{"enforced once, it stays so", appOf(), scored(unmeasured), in(v1alpha1.GateEnforce), v1alpha1.GateEnforce, "AsDeclared", "What is not ready is held."},
		{"what does not count is not waited for", appOf(), scored(unmeasured, uncounted), nil, v1alpha1.GateEnforce, "AsDeclared", "What is not ready is held."},
		{"enforced no more, as declared", appOf(declaresMode(v1alpha1.GateAudit)), scored(), in(v1alpha1.GateEnforce), v1alpha1.GateAudit, "AsDeclared", "What would be refused passes with a warning: set spec.gate.mode to Enforce to hold it."},
		{"Off", appOf(declaresMode(v1alpha1.GateOff)), scored(), nil, v1alpha1.GateOff, "AsDeclared", "Nothing is held."},
		{"nothing declared", appOf(declaresMode("")), scored(), nil, v1alpha1.GateAudit, "AsDeclared", "What would be refused passes with a warning: set spec.gate.mode to Enforce to hold it."},
		{"a policy demands more", appOf(declaresMode(v1alpha1.GateOff), minimum(v1alpha1.GateAudit)), scored(), nil, v1alpha1.GateAudit, "PolicyMinimum", "A policy in force demands more than spec.gate.mode: its gate.minimumMode counts."},
		{"a policy demands more, until all is measured", appOf(declaresMode(v1alpha1.GateOff), minimum(v1alpha1.GateEnforce)), scored(unmeasured), nil, v1alpha1.GateAudit, "NotMeasuredYet", "What would be refused passes with a warning until every Required row was measured once; then the gate enforces."},
		{"a policy demands more, and all is measured", appOf(declaresMode(v1alpha1.GateOff), minimum(v1alpha1.GateEnforce)), scored(), nil, v1alpha1.GateEnforce, "PolicyMinimum", "A policy in force demands more than spec.gate.mode: its gate.minimumMode counts."},
		{"a policy demands less", appOf(minimum(v1alpha1.GateAudit)), scored(), nil, v1alpha1.GateEnforce, "AsDeclared", "What is not ready is held."},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := seen(test.before)
			if got := For(test.app, test.score, o).Mode; got != test.want {
				t.Errorf("mode %s, want %s", got, test.want)
			}
			want := &v1alpha1.GateStatus{Mode: test.want, Reason: test.reason, Message: test.message, Exposure: v1alpha1.ExposureNone}
			if diff := cmp.Diff(want, Status(test.app, test.score, o, nil, nil, false)); diff != "" {
				t.Errorf("another status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerifiedRevisionsAreThoseOfTheStatusAndOfTheNamespace(t *testing.T) {
	verified := func(images ...string) func(*scorecard.Score) {
		return func(score *scorecard.Score) {
			score.Status.Verified = append(score.Status.Verified, v1alpha1.VerifiedRevision{Images: images})
		}
	}
	short := func(letter string) string { return strings.Repeat(letter, 16) }
	before := &Record{Launch: "chat", Verified: [][]string{{digest("b"), digest("a")}, {digest("c")}, {digest("d")}, {digest("e")}, {digest("f")}}}
	for _, test := range []struct {
		name   string
		score  scorecard.Score
		before *Record
		want   [][]string
	}{
		{"none", scored(), nil, nil},
		{"of the status", scored(verified(digest("a"), digest("b"))), nil, [][]string{{digest("a"), digest("b")}}},
		{"without images there is nothing to know", scored(verified()), nil, nil},
		{"of the Namespace, where the status is lost", scored(), before, [][]string{{short("a"), short("b")}, {short("c")}, {short("d")}, {short("e")}, {short("f")}}},
		{
			"of both, each once, the status first", scored(verified(digest("0")), verified(digest("a"), digest("b")), verified(digest("d"))), before,
			[][]string{{digest("0")}, {digest("a"), digest("b")}, {digest("d")}, {short("c")}, {short("e")}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, For(appOf(), test.score, seen(test.before)).Verified); diff != "" {
				t.Errorf("other revisions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsExposedByRight(t *testing.T) {
	host, svc, foreign := HostSubject("app.example.com"), ServiceSubject("chat"), HostSubject("other.example.com")
	closed := []func(*scorecard.Score){
		withRows(stands(v1alpha1.RowSecretsSafe, scorecard.BeforeExposure, scorecard.CountsFailed, "TypedSecret")), is(metav1.ConditionFalse, metav1.ConditionFalse),
	}
	held := &Record{Launch: "chat", Exposure: []Hold{{v1alpha1.RowSecretsSafe, "1"}}}
	live := declares(func(g *v1alpha1.Gate) { g.Adoption = v1alpha1.AdoptLive })
	for _, test := range []struct {
		name    string
		app     *launch.App
		score   scorecard.Score
		o       Observed
		exposed []Subject
		status  v1alpha1.ExposureState
	}{
		{"nothing reached", appOf(), scored(), seen(nil), nil, v1alpha1.ExposureNone},
		{"somebody else's host reached", appOf(), scored(), seen(nil, foreign), nil, v1alpha1.ExposureNone},
		{"reached while Exposable", appOf(), scored(), seen(held, host, svc, foreign), []Subject{host, svc}, v1alpha1.ExposureVerified},
		{"reached while not Exposable", appOf(), scored(closed...), seen(held, host), nil, v1alpha1.ExposureUnverified},
		{"reached before there was a launch", appOf(), scored(closed...), seen(nil, host), nil, v1alpha1.ExposureUnverified},
		{"let in a moment ago, and not Exposable any more", appOf(), scored(closed...), seen(&Record{Launch: "chat"}, host), []Subject{host}, v1alpha1.ExposureVerified},
		{"adopted as Live", appOf(live), scored(closed...), seen(held, host), []Subject{host}, v1alpha1.ExposureVerified},
		{"adopted as Live, and not reached", appOf(live), scored(closed...), seen(held), nil, v1alpha1.ExposureNone},
		{"adopted as Unverified", appOf(declares(func(g *v1alpha1.Gate) { g.Adoption = v1alpha1.AdoptUnverified })), scored(closed...), seen(held, host), nil, v1alpha1.ExposureUnverified},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := For(test.app, test.score, test.o)
			if !slices.Equal(l.Exposed, test.exposed) {
				t.Errorf("exposed %v, want %v", l.Exposed, test.exposed)
			}
			want, conflicts, full := test.o.Notes.With(l, test.o.Alive)
			if got := Status(test.app, test.score, test.o, want, conflicts, full).Exposure; got != test.status {
				t.Errorf("status says %s, want %s", got, test.status)
			}
		})
	}
	t.Run("one of two reached by right", func(t *testing.T) {
		o := seen(held, host, svc)
		pointer, value := Pointer(host, "chat", true)
		o.Notes[pointer] = value
		l := For(appOf(), scored(closed...), o)
		want, _, _ := o.Notes.With(l, o.Alive)
		if got := Status(appOf(), scored(closed...), o, want, nil, false).Exposure; got != v1alpha1.ExposureUnverified || !want.Exposed(host) || want.Exposed(svc) {
			t.Errorf("status says %s, the Namespace %v", got, want)
		}
	})
}

// A restored Namespace has another UID than its state says. Until the app runs in it and can be measured, it stays one.
func TestARestoredNamespaceStaysOneUntilTheAppIsThere(t *testing.T) {
	before := openRecord("chat")
	before.NamespaceUID = "01d01d01"
	for _, test := range []struct {
		name    string
		app     *launch.App
		before  *Record
		uid     string
		running []string
		pods    []map[string]string
	}{
		{"the app is not there yet", appOf(unmeasurable), &before, "01d01d01", []string{strings.Repeat("a", 16)}, []map[string]string{{"app": "chat"}}},
		{"the app is there", appOf(func(app *launch.App) { app.Revision.Images = []string{digest("c")} }), &before, "0f0e0d0c-1", []string{digest("c")}, []map[string]string{{"app": "chat"}}},
		{"nothing was known", appOf(unmeasurable), nil, "0f0e0d0c-1", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := For(test.app, scored(), seen(test.before))
			want := Record{NamespaceUID: test.uid, Running: test.running, Pods: test.pods}
			if diff := cmp.Diff(want, Record{NamespaceUID: got.NamespaceUID, Running: got.Running, Pods: got.Pods}, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatusSaysWhatToDo(t *testing.T) {
	conflicts := []Subject{HostSubject("app.example.com"), WorkloadSubject("Deployment", "chat")}
	for _, test := range []struct {
		name      string
		conflicts []Subject
		full      bool
		want      v1alpha1.GateStatus
	}{
		{"no room", conflicts, true, v1alpha1.GateStatus{
			Mode: v1alpha1.GateOff, Reason: "StateFull", Exposure: v1alpha1.ExposureNone,
			Message: "The Namespace has no room for this launch's state (256 KiB of annotations), so nothing is held: move it to another namespace, or remove annotations that are not LaunchReady's.",
		}},
		{"a conflict", conflicts, false, v1alpha1.GateStatus{
			Mode: v1alpha1.GateEnforce, Reason: "Conflict", Exposure: v1alpha1.ExposureNone,
			Message: "An older LaunchReadiness of this namespace keeps what both declare: remove it here or there. It is: host app.example.com, deployment chat",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(&test.want, Status(appOf(), scored(), seen(nil), nil, test.conflicts, test.full)); diff != "" {
				t.Errorf("another status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOverrideGivesWhatStandsOnAnObject(t *testing.T) {
	override := func(annotation, value string) v1alpha1.Override {
		return v1alpha1.Override{Kind: "Deployment", Name: "chat", Annotation: annotation, Value: value}
	}
	long := strings.Repeat("é", 512)
	for _, test := range []struct {
		name        string
		annotations map[string]string
		want        []v1alpha1.Override
	}{
		{"none", map[string]string{"example.com/x": "y"}, nil},
		{
			"both",
			map[string]string{"launchready.dev/remediates": "TLSEnforced;generation=2", "launchready.dev/break-glass": " incident 42 "},
			[]v1alpha1.Override{override("launchready.dev/break-glass", "incident 42"), override("launchready.dev/remediates", "TLSEnforced;generation=2")},
		},
		{"no reason", map[string]string{"launchready.dev/break-glass": " "}, nil},
		{"the longest", map[string]string{"launchready.dev/break-glass": long}, []v1alpha1.Override{override("launchready.dev/break-glass", long)}},
		{"longer", map[string]string{"launchready.dev/break-glass": long + "é"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Override("Deployment", "chat", test.annotations)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What For tells of an app that launched an hour ago is read back as it was told, and asks for no write.
func TestAnAppAtRestAsksForNoWrite(t *testing.T) {
	o := seen(nil, HostSubject("app.example.com"))
	score := scored(func(score *scorecard.Score) {
		score.Status.Verified = []v1alpha1.VerifiedRevision{{Images: []string{digest("a")}, At: metav1.NewTime(launched.Add(time.Hour))}}
	})
	first, _, _ := o.Notes.With(For(appOf(), score, o), o.Alive)
	o.Notes = first
	again, _, _ := o.Notes.With(For(appOf(), score, o), o.Alive)
	differ(t, first, again)
	differ(t, first, first.Closing(again, "chat"))
	if len(first) != 4 {
		t.Errorf("the Namespace says %v", first)
	}
}
