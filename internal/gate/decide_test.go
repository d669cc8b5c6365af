// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/launchready/launchready/api/v1alpha1"
)

// typedSecret is nobody's key.
const typedSecret = "sk-proj-" + "Zk3v9QpL2mXw8RtY5uBn1cVd7sFgHj4KZk3v9QpL2mXw8RtY"

var (
	serviceKind   = schema.GroupKind{Kind: "Service"}
	ingressKind   = schema.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}
	launchKind    = schema.GroupKind{Group: "launchready.dev", Kind: "LaunchReadiness"}
	namespaceKind = schema.GroupKind{Kind: "Namespace"}
)

// content makes an object of the namespace shop.
func content(kind schema.GroupKind, name string, spec map[string]any) map[string]any {
	return runtime.DeepCopyJSON(map[string]any{"apiVersion": kind.Group + "/v1", "kind": kind.Kind, "metadata": map[string]any{"name": name, "namespace": "shop", "generation": int64(2)}, "spec": spec})
}

// changed gives a copy of an object with changes.
func changed(object map[string]any, changes ...func(map[string]any)) map[string]any {
	object = runtime.DeepCopyJSON(object)
	for _, change := range changes {
		change(object)
	}
	return object
}

// set gives a change that puts a value at a path.
func set(value any, path ...string) func(map[string]any) {
	return func(object map[string]any) {
		for _, name := range path[:len(path)-1] {
			next, ok := object[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				object[name] = next
			}
			object = next
		}
		object[path[len(path)-1]] = value
	}
}

func annotated(name, value string) func(map[string]any) {
	return set(value, "metadata", "annotations", name)
}

// workload runs pods of one container.
func workload(kind schema.GroupKind, image string) map[string]any {
	return content(kind, "chat", map[string]any{
		"replicas": int64(1),
		"template": map[string]any{
			"metadata": map[string]any{"labels": map[string]any{"app": "chat"}},
			"spec": map[string]any{"containers": []any{map[string]any{
				"name": "web", "image": image, "args": []any{"--serve"}, "env": []any{map[string]any{"name": "MODE", "value": "fast"}},
			}}},
		},
	})
}

func deployment(image string) map[string]any {
	return workload(schema.GroupKind{Group: "apps", Kind: "Deployment"}, image)
}

// web is the first container of a workload.
func web(object map[string]any) map[string]any {
	return fieldsAt(listAt(object, "spec", "template", "spec", "containers")[0])
}

func addEnv(object map[string]any, name, value string) {
	web(object)["env"] = append(listAt(web(object), "env"), map[string]any{"name": name, "value": value})
}

func addArg(object map[string]any, word string) {
	web(object)["args"] = append(listAt(web(object), "args"), word)
}

func ingressRule(host, path, service string) map[string]any {
	return map[string]any{"host": host, "http": map[string]any{"paths": []any{map[string]any{"path": path, "backend": map[string]any{"service": map[string]any{"name": service}}}}}}
}

func ingress(rules ...any) map[string]any {
	return content(ingressKind, "chat", map[string]any{"rules": rules})
}

func routeRule(path, service string) map[string]any {
	return map[string]any{"matches": []any{map[string]any{"path": map[string]any{"value": path}}}, "backendRefs": []any{map[string]any{"name": service}}}
}

func route(hostnames []any, rules ...any) map[string]any {
	return content(schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute"}, "chat", map[string]any{"hostnames": hostnames, "rules": rules})
}

func service(name, kind, app string) map[string]any {
	return content(serviceKind, name, map[string]any{"type": kind, "selector": map[string]any{"app": app}})
}

func launchObject() map[string]any {
	return content(launchKind, "chat", map[string]any{
		"workloads": []any{map[string]any{"name": "web", "ref": map[string]any{"kind": "Deployment", "name": "chat"}, "services": []any{"chat"}}},
		"domains":   map[string]any{"canonical": "app.example.com", "hosts": []any{"www.example.com"}},
		"policyRef": map[string]any{"name": "starter-2026-11"},
		"gate":      map[string]any{"mode": "Enforce", "rollouts": "VerifiedOnly"},
	})
}

// namespaceOf is the namespace shop, with annotations, and with the labels that the operator gives it for them.
func namespaceOf(notes Notes) corev1.Namespace {
	labels := map[string]string{}
	gated, audited := notes.Labels()
	if gated {
		labels[v1alpha1.GatedLabel] = v1alpha1.GatedTrue
	}
	if audited {
		labels[v1alpha1.AuditedLabel] = v1alpha1.GatedTrue
	}
	return corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", UID: "0f0e0d0c-1", Annotations: notes, Labels: labels}}
}

// gated is the namespace shop with a launch in it.
func gated(r Record, exposed ...Subject) corev1.Namespace {
	n, _, _ := Notes(nil).With(launchOf(r, exposed...), func(string) bool { return true })
	return namespaceOf(n)
}

func nothing(Verb, string) bool { return false }

// holding gives a function that says that a user holds verbs on the launch chat.
func holding(verbs ...Verb) func(Verb, string) bool {
	return func(verb Verb, launch string) bool { return launch == "chat" && slices.Contains(verbs, verb) }
}

// update is a request of somebody without any verb.
func update(ns corev1.Namespace, old, object map[string]any) Request {
	kind := object
	if kind == nil {
		kind = old
	}
	group, _, _ := strings.Cut(textAt(kind, "apiVersion"), "/")
	return Request{
		Kind: schema.GroupKind{Group: group, Kind: textAt(kind, "kind")}, Object: object, Old: old, Namespace: ns,
		User: User{Name: "dev", Groups: []string{"developers", "system:authenticated"}}, May: nothing,
	}
}

func create(ns corev1.Namespace, object map[string]any) Request { return update(ns, nil, object) }
func deletion(ns corev1.Namespace, old map[string]any) Request  { return update(ns, old, nil) }

// by gives a request of somebody who holds verbs.
func by(r Request, verbs ...Verb) Request {
	r.May = holding(verbs...)
	return r
}

// as gives a request of somebody else.
func as(r Request, user string, groups ...string) Request {
	r.User = User{Name: user, Groups: groups}
	return r
}

// in gives the record in a state; Failing by two rows.
func in(state State, changes ...func(*Record)) Record {
	r := openRecord("chat")
	r.State, r.Verified = state, [][]string{{digest("b"), digest("c")}, {digest("d")}}
	if state == StateFailing {
		r.Rollouts = []Hold{{v1alpha1.RowTenantIsolated, "2"}, {v1alpha1.RowRateLimited, "NotMeasured"}}
	}
	for _, change := range changes {
		change(&r)
	}
	return r
}

func notExposable(r *Record) {
	r.Exposure = []Hold{{v1alpha1.RowSecretsSafe, "1"}, {v1alpha1.RowAuthEnforced, "NotMeasured"}}
}

func inMode(mode v1alpha1.GateMode) func(*Record) { return func(r *Record) { r.Mode = mode } }

// decisionCase is a row of the decision table by example.
type decisionCase struct {
	name    string
	request Request
	want    Decision
}

func decide(t *testing.T, cases []decisionCase) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Decide(test.request), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("another decision (-want +got):\n%s", diff)
			}
		})
	}
}

const (
	see         = " See: kubectl describe lr chat -n shop"
	heldByRows  = "LaunchReadiness shop/chat holds this rollout: TenantIsolated (2), RateLimited (NotMeasured)."
	heldByHost  = "LaunchReadiness shop/chat holds the exposure of host app.example.com, which is not Exposable yet: SecretsSafe (1), AuthEnforced (NotMeasured)."
	heldAsTyped = "LaunchReadiness shop/chat holds this rollout: containers[web].env[OPENAI_API_KEY] holds a secret as text: put it into a Secret and refer to it (valueFrom.secretKeyRef)."
	wouldRefuse = "Would be refused, were the gate's mode Enforce: "
	glassOf     = " Annotation launchready.dev/break-glass "
	remedyOf    = " Annotation launchready.dev/remediates "
	denied8     = heldByRows + see
)

func allowed(row int) Decision                    { return Decision{Row: row} }
func refused(row int, denials ...string) Decision { return Decision{Row: row, Denials: denials} }
func warned(row int, warnings ...string) Decision {
	return Decision{Row: row, Warnings: warnings}
}

func TestRolloutsByTheDecisionTable(t *testing.T) {
	app, next := deployment("r.example/chat:1"), deployment("r.example/chat:2")
	typed := changed(app, func(o map[string]any) { addEnv(o, "OPENAI_API_KEY", typedSecret) })
	terminating := gated(in(StateFailing))
	terminating.DeletionTimestamp = ptr.To(metav1.NewTime(launched))
	restored := gated(in(StateFailing))
	restored.UID = "another0-1"
	verified := func(digests ...string) map[string]any {
		return changed(app, func(o map[string]any) {
			var containers []any
			for i, d := range digests {
				containers = append(containers, map[string]any{"name": []string{"web", "side"}[i], "image": "r.example/chat@" + d})
			}
			set(containers, "spec", "template", "spec", "containers")(o)
		})
	}
	unread := gated(in(StateFailing))
	unread.Annotations[launchKey("chat")] = "v9;chat"
	unread = namespaceOf(unread.Annotations)
	decide(t, []decisionCase{
		{"0: no workload of a launch", create(namespaceOf(nil), next), allowed(0)},
		{"0: another kind of the same name", update(gated(in(StateFailing)), app, changed(next, set("StatefulSet", "kind"))), allowed(0)},
		{"0: a grammar that can't be read", update(unread, app, next), warned(0, "The gate's state of this object is written in a grammar that the installed policies can't read, so nothing is held: upgrade the policies of LaunchReady.")},
		{"1: scaled, which is not even looked at", update(gated(in(StateFailing)), app, changed(app, set(int64(9), "spec", "replicas"))), allowed(0)},
		{"1: restarted", update(gated(in(StateFailing)), app, changed(app, set("now", "spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"))), allowed(1)},
		{"2: rolled back to a verified revision", update(gated(in(StateFailing)), app, verified(digest("b"))), allowed(2)},
		{"2: made anew from a verified revision", create(gated(in(StateFailing)), verified(digest("b"), digest("c"))), allowed(2)},
		{"2: not by images of two revisions", update(gated(in(StateFailing)), app, verified(digest("b"), digest("d"))), refused(8, denied8)},
		{"2: not by one verified image of two", update(gated(in(StateFailing)), app, verified(digest("b"), digest("e"))), refused(8, denied8)},
		{"2: not with the images as they were", update(gated(in(StateFailing)), verified(digest("b")), changed(verified(digest("b")), func(o map[string]any) { addEnv(o, "LEVEL", "debug") })), refused(8, denied8)},
		{"2: not by a tag", update(gated(in(StateFailing)), app, deployment("r.example/chat:"+digest("b"))), refused(8, denied8)},
		{"3: in a namespace that is being deleted", update(terminating, app, next), allowed(3)},
		{"3: created in a restored namespace", create(restored, next), allowed(3)},
		{"3: but updated in one", update(restored, app, next), refused(8, denied8)},
		{"4: a typed secret, new", update(gated(in(StateNew)), app, typed), warned(4, "containers[web].env[OPENAI_API_KEY] holds a secret as text: once launched, this is refused. Put it into a Secret and refer to it (valueFrom.secretKeyRef).")},
		{"4: a typed secret, open", update(gated(in(StateOpen)), app, typed), refused(4, heldAsTyped)},
		{"4: a typed secret as a word", update(gated(in(StateOpen)), app, changed(app, func(o map[string]any) { addArg(o, "--api-key="+typedSecret) })), refused(4, strings.Replace(heldAsTyped, "env[OPENAI_API_KEY]", "args", 1))},
		{"4: a typed secret as an annotation of the template", update(gated(in(StateOpen)), app, changed(app, set(typedSecret, "spec", "template", "metadata", "annotations", "example.com/x"))), refused(4, strings.Replace(heldAsTyped, "containers[web].env[OPENAI_API_KEY]", "annotations", 1))},
		{"4: two of them", update(gated(in(StateOpen)), app, changed(typed, func(o map[string]any) { addArg(o, typedSecret) })), refused(4, strings.Replace(heldAsTyped, "holds a secret", "and 1 more holds a secret", 1))},
		{"4: one that was there before", update(gated(in(StateOpen)), typed, changed(typed, set("r.example/chat", "spec", "template", "spec", "serviceAccountName"))), allowed(6)},
		{"4: created with it", create(gated(in(StateOpen)), typed), refused(4, heldAsTyped)},
		{"4: the name alone, which is warned of where requests are looked at for it", update(gated(in(StateOpen)), app, changed(app, func(o map[string]any) { addEnv(o, "DB_PASSWORD", "short") })), allowed(6)},
		{"4: the name alone warns", update(gated(in(StateOpen, inMode(v1alpha1.GateAudit))), app, changed(app, func(o map[string]any) { addEnv(o, "DB_PASSWORD", "short") })), warned(6, "containers[web].env[DB_PASSWORD] has the name of a secret and a typed value: if it is one, put it into a Secret and refer to it (valueFrom.secretKeyRef).")},
		{"4: a typed secret while rows fail, held by both", update(gated(in(StateFailing)), app, typed), refused(8, denied8, heldAsTyped)},
		{"4: verified images pass before it", update(gated(in(StateFailing)), app, changed(verified(digest("b")), func(o map[string]any) { addEnv(o, "OPENAI_API_KEY", typedSecret) })), allowed(2)},
		{"5: new", update(gated(in(StateNew)), app, next), allowed(5)},
		{"5: created", create(gated(in(StateNew)), next), allowed(5)},
		{"6: open", update(gated(in(StateOpen)), app, next), allowed(6)},
		{"7: verified images only", update(gated(in(StateOpenVerifiedOnly)), app, next), refused(7, "LaunchReadiness shop/chat holds this rollout: it lets through verified images only (spec.gate.rollouts is VerifiedOnly)."+see)},
		{"7: which those are", update(gated(in(StateOpenVerifiedOnly)), app, verified(digest("d"))), allowed(2)},
		{"8: failing", update(gated(in(StateFailing)), app, next), refused(8, denied8)},
		{"8: replaced by force", create(gated(in(StateFailing)), next), refused(8, denied8)},
		{"8: another variable", update(gated(in(StateFailing)), app, changed(app, func(o map[string]any) { addEnv(o, "LEVEL", "debug") })), refused(8, denied8)},
		{"8: other labels of the pods", update(gated(in(StateFailing)), app, changed(app, set("x", "spec", "template", "metadata", "labels", "version"))), refused(8, denied8)},
		{"8: another template of a Rollout", update(gated(in(StateFailing)), app, changed(app, set("other", "spec", "workloadRef", "name"))), refused(8, denied8)},
		{"8: in Audit", update(gated(in(StateFailing, inMode(v1alpha1.GateAudit))), app, next), warned(8, wouldRefuse+denied8)},
		{"8: in Off", update(gated(in(StateFailing, inMode(v1alpha1.GateOff))), app, next), allowed(0)},
		{"8: of a launch that was deleted", update(namespaceOf(Notes(gated(in(StateOpen)).Annotations).Without("chat")), app, next), refused(8, "LaunchReadiness shop/chat holds this rollout: LaunchDeleted (1)."+nextMake)},
	})
}

func TestEveryKindOfWorkloadIsHeld(t *testing.T) {
	for _, kind := range []schema.GroupKind{{Group: "apps", Kind: "Deployment"}, {Group: "apps", Kind: "StatefulSet"}, {Group: "apps", Kind: "DaemonSet"}, {Group: "argoproj.io", Kind: "Rollout"}} {
		n, _, _ := Notes(nil).With(Launch{Record: in(StateFailing), Subjects: []Subject{WorkloadSubject(kind.Kind, "chat")}}, alive("chat"))
		decide(t, []decisionCase{{kind.Kind, update(namespaceOf(n), workload(kind, "r.example/chat:1"), workload(kind, "r.example/chat:2")), refused(8, denied8)}})
	}
	if got := Decide(update(gated(in(StateFailing)), nil, content(schema.GroupKind{Group: "batch", Kind: "Job"}, "chat", nil))); !cmp.Equal(got, Decision{}, cmpopts.EquateEmpty()) {
		t.Errorf("a Job is judged: %+v", got)
	}
}

func TestARemedyIsLetThrough(t *testing.T) {
	ns, app := gated(in(StateFailing)), deployment("r.example/chat:1")
	remedy := func(value string) map[string]any {
		return changed(deployment("r.example/chat:2"), annotated(v1alpha1.RemediatesAnnotation, value))
	}
	passes := warned(9, "LaunchReadiness shop/chat lets this rollout through as a remedy for TenantIsolated (2), RateLimited (NotMeasured); the app is measured anew at once.")
	request := func(value string) Request { return by(update(ns, app, remedy(value)), VerbRemediate) }
	because := func(problem string) Decision { return refused(8, heldByRows+remedyOf+problem+"."+see) }
	const both = "TenantIsolated,RateLimited"
	long := both + ";image=" + strings.Repeat("x", 600)
	decide(t, []decisionCase{
		{"by its image", request(both + ";image=r.example/chat:2"), passes},
		{"by its generation, with spaces", request(" RateLimited , TenantIsolated ; generation=2"), passes},
		{"not without the verb", update(ns, app, remedy(both+";generation=2")), because("needs the verb remediate on this LaunchReadiness, which you lack")},
		{"not by the verb bypass", by(update(ns, app, remedy(both+";generation=2")), VerbBypass), because("needs the verb remediate on this LaunchReadiness, which you lack")},
		{"not from before", by(update(ns, changed(app, annotated(v1alpha1.RemediatesAnnotation, both+";generation=2")), remedy(both+";generation=2")), VerbRemediate), because("stands there from before: it counts only in the request that adds or changes it")},
		{"not for some of the rows", request("RateLimited;generation=2"), because("leaves out TenantIsolated")},
		{"not for others", request(both + ",SecretsSafe;generation=2"), because("names SecretsSafe, which does not hold this rollout")},
		{"not untied", request(both), because(becauseUntied)},
		{"not tied to the old image", request(both + ";image=r.example/chat:1"), because(becauseUntied)},
		{"not tied to another generation", request(both + ";generation=1"), because(becauseUntied)},
		{"not tied twice", request(both + ";generation=2;generation=2"), because(becauseUntied)},
		{"not at length", request(long), because("is longer than 512 characters")},
		{"not a typed secret", by(update(ns, app, changed(remedy(both+";generation=2"), func(o map[string]any) { addEnv(o, "OPENAI_API_KEY", typedSecret) })), VerbRemediate), Decision{Row: 4, Denials: []string{heldAsTyped}, Warnings: passes.Warnings}},
		{"nothing to say in Off", by(update(gated(in(StateFailing, inMode(v1alpha1.GateOff))), app, remedy(both+";generation=2")), VerbRemediate), allowed(0)},
	})
}

func TestBreakGlassLetsThroughWhatIsDenied(t *testing.T) {
	app := deployment("r.example/chat:1")
	next := changed(deployment("r.example/chat:2"), annotated(v1alpha1.BreakGlassAnnotation, "incident 42"))
	glass := func(value string) map[string]any {
		return changed(next, annotated(v1alpha1.BreakGlassAnnotation, value))
	}
	passes := func(held string) Decision {
		return warned(14, "Break-glass lets this pass (incident 42). Otherwise: "+held)
	}
	because := func(problem string) Decision { return refused(8, heldByRows+glassOf+problem+"."+see) }
	excluded := gated(in(StateFailing, func(r *Record) { r.ExcludedUsers, r.ExcludedGroups = []string{"argocd"}, []string{"robots"} }))
	ns := gated(in(StateFailing))
	host := changed(ingress(ingressRule("app.example.com", "/", "chat")), annotated(v1alpha1.BreakGlassAnnotation, "incident 42"))
	decide(t, []decisionCase{
		{"a rollout", by(update(ns, app, next), VerbBypass), passes(denied8)},
		{"a rollout of verified images only", by(update(gated(in(StateOpenVerifiedOnly)), app, next), VerbBypass), passes("LaunchReadiness shop/chat holds this rollout: it lets through verified images only (spec.gate.rollouts is VerifiedOnly)." + see)},
		{"a typed secret", by(update(gated(in(StateOpen)), app, changed(next, func(o map[string]any) { addEnv(o, "OPENAI_API_KEY", typedSecret) })), VerbBypass), passes(heldAsTyped)},
		{"a typed secret while rows fail", by(update(ns, app, changed(next, func(o map[string]any) { addEnv(o, "OPENAI_API_KEY", typedSecret) })), VerbBypass), warned(14, slices.Concat(passes(denied8).Warnings, passes(heldAsTyped).Warnings)...)},
		{"an exposure", by(create(gated(in(StateNew, notExposable)), host), VerbBypass), passes(heldByHost + see)},
		{"with another reason than before", by(update(ns, changed(app, annotated(v1alpha1.BreakGlassAnnotation, "incident 41")), next), VerbBypass), passes(denied8)},
		{"in Audit", by(update(gated(in(StateFailing, inMode(v1alpha1.GateAudit))), app, next), VerbBypass), passes(denied8)},
		{"by somebody who is not excluded", by(update(excluded, app, next), VerbBypass), passes(denied8)},
		{"not for an excluded user", as(by(update(excluded, app, next), VerbBypass), "argocd", "system:authenticated"), because(becauseExcluded)},
		{"not for an excluded group", as(by(update(excluded, app, next), VerbBypass), "bot", "robots"), because(becauseExcluded)},
		{"not without the verb", update(ns, app, next), because("needs the verb bypass on this LaunchReadiness, which you lack")},
		{"not by the verb remediate", by(update(ns, app, next), VerbRemediate, VerbAdopt), because("needs the verb bypass on this LaunchReadiness, which you lack")},
		{"not from before", by(update(ns, changed(app, annotated(v1alpha1.BreakGlassAnnotation, "incident 42")), next), VerbBypass), because(becauseUnchanged)},
		{"not without a reason", by(update(ns, app, glass(" ")), VerbBypass), because("gives no reason: write one as its value")},
		{"with the longest reason", by(update(ns, app, glass(strings.Repeat("é", 512))), VerbBypass), warned(14, "Break-glass lets this pass ("+strings.Repeat("é", 512)+"). Otherwise: "+denied8)},
		{"not at length", by(update(ns, app, glass(strings.Repeat("é", 513))), VerbBypass), because("is longer than 512 characters")},
		{"no word of it where nothing is held", by(update(gated(in(StateOpen)), app, next), VerbBypass), allowed(6)},
	})
}

func TestExposureByTheDecisionTable(t *testing.T) {
	closed, exposed := gated(in(StateNew, notExposable)), gated(in(StateNew, notExposable), HostSubject("app.example.com"), ServiceSubject("chat"))
	host := ingress(ingressRule("app.example.com", "/", "chat"))
	serviceHeld := func(see string) string {
		return strings.Replace(heldByHost, "host app.example.com", "Service chat", 1) + see
	}
	terminating := gated(in(StateNew, notExposable))
	terminating.DeletionTimestamp = ptr.To(metav1.NewTime(launched))
	restored := gated(in(StateNew, notExposable))
	restored.UID = "another0-1"
	require := func(ns corev1.Namespace) corev1.Namespace {
		ns.Labels = maps.Clone(ns.Labels)
		ns.Labels[v1alpha1.GateLabel] = v1alpha1.GateRequired
		return ns
	}
	unread := gated(in(StateNew, notExposable))
	unread.Annotations["app.example.com.host.gate.launchready.dev/state"] = "v9;chat"
	undeclared := func(about string) Decision {
		return refused(10, "Namespace shop is labelled launchready.dev/gate=required, and no LaunchReadiness declares Service stray: declare it in spec."+about+" of one.")
	}
	led := refused(12, "LaunchReadiness shop/chat holds this change: it leads a host of the launch to Service elsewhere, which is no Service of its workloads. Declare it in spec.workloads[].services.")
	stranger := map[string]any{"backendRefs": []any{map[string]any{"name": "chat", "namespace": "elsewhere"}, map[string]any{"name": "chat", "kind": "Bucket"}}}
	const declare = "domains or spec.workloads[].services"
	decide(t, []decisionCase{
		{"3: in a namespace that is being deleted", create(terminating, host), allowed(3)},
		{"10: a declared host", create(closed, host), refused(10, heldByHost+see)},
		{"10: in Audit", create(gated(in(StateNew, notExposable, inMode(v1alpha1.GateAudit))), host), warned(10, wouldRefuse+heldByHost+see)},
		{"10: in Off", create(gated(in(StateNew, notExposable, inMode(v1alpha1.GateOff))), host), allowed(11)},
		{"10: launched, and not Exposable any more", create(gated(in(StateFailing, notExposable)), host), refused(10, heldByHost+see)},
		{"10: a Service under an undeclared host", create(closed, ingress(ingressRule("stray.example.com", "/", "chat"))), refused(10, serviceHeld(see))},
		{"10: a Service under a wildcard", create(closed, ingress(ingressRule("*.example.com", "/", "chat"))), refused(10, serviceHeld(see))},
		{"10: a Service under no host", create(closed, ingress(ingressRule("", "/", "chat"))), refused(10, serviceHeld(see))},
		{"10: a Service behind everything else", create(closed, changed(ingress(), set("chat", "spec", "defaultBackend", "service", "name"))), refused(10, serviceHeld(see))},
		{"10: a host without paths", create(closed, ingress(map[string]any{"host": "app.example.com"})), refused(10, heldByHost+see)},
		{"10: one more host", update(closed, ingress(ingressRule("old.example.com", "/", "old")), ingress(ingressRule("old.example.com", "/", "old"), ingressRule("app.example.com", "/", "chat"))), refused(10, heldByHost+see)},
		{"10: a route", create(closed, route([]any{"app.example.com"}, routeRule("/", "chat"))), refused(10, heldByHost+see)},
		{"10: a route of a Service", create(closed, route(nil, routeRule("/", "chat"))), refused(10, serviceHeld(see))},
		{"10: a route of a Service under a wildcard", create(closed, route([]any{"*.example.com"}, routeRule("/", "chat"))), refused(10, serviceHeld(see))},
		{"10: a solver's path that is a pattern", create(closed, ingress(ingressRule("app.example.com", "/.well-known/acme-challenge/.*", "chat"))), refused(10, heldByHost+see)},
		{"10: a route that matches everything", create(closed, route([]any{"app.example.com"}, map[string]any{"backendRefs": []any{map[string]any{"name": "chat"}}})), refused(10, heldByHost+see)},
		{"10: a route that also serves more", create(closed, route([]any{"app.example.com"}, routeRule("/.well-known/acme-challenge/t", "solver"), routeRule("/", "chat"))), refused(10, heldByHost+see)},
		{"10: a public Service", update(closed, service("chat", "ClusterIP", "chat"), service("chat", "LoadBalancer", "chat")), refused(10, serviceHeld(see))},
		{"10: a Service with an address", create(closed, changed(service("chat", "ClusterIP", "chat"), set([]any{"192.0.2.1"}, "spec", "externalIPs"))), refused(10, serviceHeld(see))},
		{"10: a Service under a port of the nodes, in Audit", create(gated(in(StateNew, notExposable, inMode(v1alpha1.GateAudit))), service("chat", "NodePort", "chat")), warned(10, wouldRefuse+serviceHeld(see))},
		{"10: undeclared where it is demanded", create(require(namespaceOf(nil)), ingress(ingressRule("stray.example.com", "/", "stray"))), undeclared(declare)},
		{"10: a public Service where it is demanded", create(require(namespaceOf(nil)), service("stray", "LoadBalancer", "stray")), undeclared("workloads[].services")},
		{"10: restored where it is demanded", create(require(restored), host), refused(10, heldByHost+see)},
		{"11: undeclared where nothing is demanded", create(closed, ingress(ingressRule("stray.example.com", "/", "stray"))), allowed(11)},
		{"11: a private Service where it is demanded", create(require(namespaceOf(nil)), service("stray", "ClusterIP", "stray")), allowed(0)},
		{"11: Exposable", create(gated(in(StateNew)), host), allowed(11)},
		{"11: exposed before, made anew", create(exposed, host), allowed(11)},
		{"11: exposed before, moved to the Gateway API", create(exposed, route([]any{"app.example.com"}, routeRule("/", "chat"))), allowed(11)},
		{"11: exposed before, as a public Service", create(exposed, service("chat", "LoadBalancer", "chat")), allowed(11)},
		{"11: exposed by the object itself", update(closed, host, ingress(ingressRule("app.example.com", "/", "chat"), ingressRule("app.example.com", "/api", "chat"))), allowed(11)},
		{"11: a public Service of another kind", update(closed, service("chat", "NodePort", "chat"), service("chat", "LoadBalancer", "chat")), allowed(11)},
		{"11: taken off", update(closed, host, ingress()), allowed(11)},
		{"11: a solver's path", create(closed, ingress(ingressRule("app.example.com", "/.well-known/acme-challenge/tok-en_1", "solver"))), allowed(11)},
		{"11: a solver's route", create(closed, route([]any{"app.example.com"}, routeRule("/.well-known/acme-challenge/t", "solver"))), allowed(11)},
		{"11: a route to elsewhere, or to no Service", create(closed, route(nil, stranger)), allowed(11)},
		{"11: created in a restored namespace", create(restored, host), allowed(11)},
		{"3: a Service created in a restored namespace", create(restored, service("chat", "LoadBalancer", "chat")), allowed(3)},
		{"12: a host led elsewhere", create(gated(in(StateOpen)), ingress(ingressRule("app.example.com", "/", "elsewhere"))), led},
		{"12: one more path led elsewhere", update(gated(in(StateOpen)), host, ingress(ingressRule("app.example.com", "/", "chat"), ingressRule("app.example.com", "/x", "elsewhere"))), led},
		{"12: a route led elsewhere", create(gated(in(StateOpen)), route([]any{"app.example.com"}, routeRule("/", "elsewhere"))), led},
		{"12: not before launch", create(gated(in(StateNew)), ingress(ingressRule("app.example.com", "/", "elsewhere"))), allowed(11)},
		{"12: not where no Service is declared", create(gated(in(StateOpen, func(r *Record) { r.Pods = nil })), ingress(ingressRule("app.example.com", "/", "elsewhere"))), allowed(11)},
		{"12: led elsewhere before", update(gated(in(StateOpen)), ingress(ingressRule("app.example.com", "/", "elsewhere")), ingress(ingressRule("app.example.com", "/", "elsewhere"), ingressRule("x.example.com", "/", "x"))), allowed(11)},
		{"a grammar that can't be read", create(unread, host), warned(11, foreignRemark().message.text(nil))},
	})
}

func TestASelectorIsHeldToPodsOfTheLaunch(t *testing.T) {
	held := refused(12, "LaunchReadiness shop/chat holds this change: Service chat would lead to pods of no workload of the launch. Declare the workload in spec.workloads.")
	was := service("chat", "ClusterIP", "chat")
	selecting := func(selector map[string]any) map[string]any { return changed(was, set(selector, "spec", "selector")) }
	open := gated(in(StateOpen, func(r *Record) { r.Pods = []map[string]string{{"app": "chat", "tier": "web"}, {"app": "worker"}} }))
	decide(t, []decisionCase{
		{"other pods", update(open, was, selecting(map[string]any{"app": "green"})), held},
		{"pods of two workloads at once", update(open, was, selecting(map[string]any{"app": "worker", "tier": "web"})), held},
		{"no pods", update(open, was, selecting(nil)), held},
		{"all ReplicaSets of a hash", update(open, was, selecting(map[string]any{rolloutsHash: "abc"})), held},
		{"another name altogether", update(open, was, changed(was, set("elsewhere.example.com", "spec", "externalName"), set(map[string]any{}, "spec", "selector"))), held},
		{"made anew for other pods", create(open, selecting(map[string]any{"app": "green"})), held},
		{"another workload of the launch", update(open, was, selecting(map[string]any{"app": "worker"})), allowed(11)},
		{"some labels of a workload", update(open, was, selecting(map[string]any{"tier": "web"})), allowed(11)},
		{"one ReplicaSet of a Rollout", update(open, was, selecting(map[string]any{"app": "chat", rolloutsHash: "abc"})), allowed(11)},
		{"before launch", update(gated(in(StateNew)), was, selecting(map[string]any{"app": "green"})), allowed(11)},
		{"a Service of no launch", update(open, service("other", "ClusterIP", "a"), service("other", "ClusterIP", "b")), allowed(0)},
	})
}

func TestAnEnforcedLaunchIsNotTakenBack(t *testing.T) {
	lr := launchObject()
	open, exposed := gated(in(StateOpen)), gated(in(StateNew), HostSubject("app.example.com"))
	terminating := gated(in(StateOpen))
	terminating.DeletionTimestamp = ptr.To(metav1.NewTime(launched))
	changedTo := func(value any, path ...string) Request { return update(open, lr, changed(lr, set(value, path...))) }
	without := func(field string) map[string]any {
		return changed(lr, func(o map[string]any) { delete(fieldsAt(o, "spec"), field) })
	}
	entry := func(name, workload string, services ...any) map[string]any {
		return map[string]any{"name": name, "ref": map[string]any{"kind": "Deployment", "name": workload}, "services": services}
	}
	gone := refused(13, "LaunchReadiness shop/chat has launched or is exposed, and is enforced: deleting it needs the verb bypass on it. What it holds stays held until a new launch takes it over.")
	weak := refused(13, "LaunchReadiness shop/chat has launched or is exposed, and is enforced: this change takes away a part of what is proven (spec.gate, policyRef, cloudflare, or an entry of workloads, services, domains, email, app or logging.sinks), which needs the verb bypass on it.")
	adopt := refused(11, "LaunchReadiness shop/chat: spec.gate.adoption Live takes what is exposed already as exposed by right, which needs the verb adopt on it.")
	live := changed(lr, set("Live", "spec", "gate", "adoption"))
	glass := changed(lr, annotated(v1alpha1.BreakGlassAnnotation, "incident 42"), set("Off", "spec", "gate", "mode"))
	decide(t, []decisionCase{
		{"deleted", deletion(open, lr), gone},
		{"deleted while exposed", deletion(exposed, lr), gone},
		{"deleted with the verb", by(deletion(open, lr), VerbBypass), allowed(13)},
		{"deleted by the garbage collector", as(deletion(open, lr), "system:serviceaccount:kube-system:generic-garbage-collector"), allowed(3)},
		{"deleted with its namespace", deletion(terminating, lr), allowed(3)},
		{"deleted in Audit", deletion(gated(in(StateOpen, inMode(v1alpha1.GateAudit))), lr), allowed(0)},
		{"deleted before launch", deletion(gated(in(StateNew)), lr), allowed(0)},
		{"enforced no more", changedTo("Audit", "spec", "gate", "mode"), weak},
		{"no gate", update(open, lr, without("gate")), weak},
		{"any rollout", changedTo("WhileLaunchable", "spec", "gate", "rollouts"), weak},
		{"another policy", changedTo("marketplace-2026-11", "spec", "policyRef", "name"), weak},
		{"no policy", update(open, lr, without("policyRef")), weak},
		{"no domains", update(open, lr, without("domains")), weak},
		{"a host less", changedTo([]any{}, "spec", "domains", "hosts"), weak},
		{"another canonical host", changedTo("new.example.com", "spec", "domains", "canonical"), weak},
		{"another workload", changedTo([]any{entry("web", "other", "chat")}, "spec", "workloads"), weak},
		{"a workload under another name", changedTo([]any{entry("api", "chat", "chat")}, "spec", "workloads"), weak},
		{"a Service less", changedTo([]any{entry("web", "chat", "other")}, "spec", "workloads"), weak},
		{"break-glass is no way around", by(update(open, lr, glass), VerbRemediate), weak},
		{"weakened with the verb", by(changedTo("Off", "spec", "gate", "mode"), VerbBypass), allowed(13)},
		{"weakened in Audit", update(gated(in(StateOpen, inMode(v1alpha1.GateAudit))), lr, glass), allowed(0)},
		{"hosts in another order", update(open, lr, changed(lr, set("www.example.com", "spec", "domains", "canonical"), set([]any{"app.example.com"}, "spec", "domains", "hosts"))), allowed(13)},
		{"more of everything", changedTo([]any{entry("api", "api"), entry("web", "chat", "more", "chat")}, "spec", "workloads"), allowed(13)},
		{"the spec as it was", update(open, lr, changed(lr, set("x", "metadata", "labels", "team"))), allowed(0)},
		{"created", create(namespaceOf(nil), lr), allowed(0)},
		{"adopted without the verb", create(namespaceOf(nil), live), adopt},
		{"adopted later without the verb", by(update(gated(in(StateNew, inMode(v1alpha1.GateOff))), lr, live), VerbBypass), adopt},
		{"adopted with the verb", by(create(namespaceOf(nil), live), VerbAdopt), allowed(0)},
		{"adopted before", update(gated(in(StateNew)), live, changed(live, set("new.example.com", "spec", "domains", "canonical"))), allowed(0)},
		{"adopted and weakened", by(update(open, lr, changed(live, set("Off", "spec", "gate", "mode"))), VerbAdopt), weak},
	})
}

func TestTheStateIsTheOperatorsAlone(t *testing.T) {
	was := changed(content(namespaceKind, "shop", map[string]any{"finalizers": []any{"kubernetes"}}), set(map[string]any{}, "metadata"),
		annotated("chat.service.gate.launchready.dev/state", "v1;chat"), annotated("example.com/team", "shop"), set("true", "metadata", "labels", "launchready.dev/gated"))
	was["apiVersion"] = "/v1"
	request := func(user string, changes ...func(map[string]any)) Request {
		return as(update(corev1.Namespace{}, was, changed(was, changes...)), user)
	}
	state := annotated("chat.service.gate.launchready.dev/state", "v1;chat;exposed")
	remove := func(o map[string]any) {
		delete(fieldsAt(o, "metadata", "annotations"), "chat.service.gate.launchready.dev/state")
	}
	foreign, label := annotated("example.com/team", "else"), set("x", "metadata", "labels", "team")
	guarded := refused(0, "The annotations of gate.launchready.dev and the labels launchready.dev/gated, launchready.dev/audited and launchready.dev/gate hold the state of LaunchReady's gate: its operator writes them. "+
		"Changing them by hand needs the verb bypass on launchreadinesses in this namespace.")
	beyond := refused(0, "LaunchReady's operator may change nothing of a Namespace but the annotations of gate.launchready.dev and the labels of its gate.")
	everywhere := request("admin", state)
	everywhere.May = func(verb Verb, launch string) bool { return verb == VerbBypass && launch == "" }
	decide(t, []decisionCase{
		{"changed by hand", request("dev", state), guarded},
		{"removed by hand", request("dev", remove), guarded},
		{"added by hand", request("dev", annotated("gate.launchready.dev/x", "")), guarded},
		{"ungated by hand", request("dev", set(map[string]any{}, "metadata", "labels")), guarded},
		{"demanded by hand", request("dev", set("required", "metadata", "labels", "launchready.dev/gate")), guarded},
		{"audited by hand", request("dev", set("true", "metadata", "labels", "launchready.dev/audited")), guarded},
		{"by the verb on one launch", by(request("dev", state), VerbBypass), guarded},
		{"by the verb on all of them", everywhere, allowed(0)},
		{"annotations of others", request("dev", foreign, label), allowed(0)},
		{"by the operator", request(DefaultOperator, state, set("required", "metadata", "labels", "launchready.dev/gate")), allowed(0)},
		{"an annotation of others by the operator", request(DefaultOperator, state, foreign), beyond},
		{"a label of others by the operator", request(DefaultOperator, label), beyond},
		{"a finalizer by the operator", request(DefaultOperator, set([]any{"x"}, "metadata", "finalizers")), beyond},
		{"an owner by the operator", request(DefaultOperator, set([]any{map[string]any{"name": "x"}}, "metadata", "ownerReferences")), beyond},
		{"the spec by the operator", request(DefaultOperator, set([]any{}, "spec", "finalizers")), beyond},
		{"nothing by the operator", request(DefaultOperator), allowed(0)},
	})
}

// Those who write all day are never held, whatever fails.
func TestWritersThatAreNeverHeld(t *testing.T) {
	ns := gated(in(StateFailing, notExposable), HostSubject("app.example.com"))
	app, host := deployment("r.example/chat:1"), ingress(ingressRule("app.example.com", "/", "chat"))
	hash, later := strings.Repeat("0a", 20), strings.Repeat("0b", 20)
	reloaded := changed(app, func(o map[string]any) { addEnv(o, "STAKATER_CHAT_SECRET", hash) })
	reloadedAgain := changed(app, func(o map[string]any) { addEnv(o, "STAKATER_CHAT_SECRET", later) })
	kubeSystem := changed(app, set("kube-system", "metadata", "namespace"))
	image := func(reference string) map[string]any { return deployment(reference) }
	for name, request := range map[string]Request{
		"scale":                           update(ns, app, changed(app, set(int64(3), "spec", "replicas"))),
		"labels of the workload":          update(ns, app, changed(app, set("x", "metadata", "labels", "team"))),
		"status":                          update(ns, app, changed(app, set(int64(3), "status", "replicas"))),
		"the strategy":                    update(ns, app, changed(app, set("Recreate", "spec", "strategy", "type"))),
		"rollout restart":                 update(ns, app, changed(app, set("2026-11-26T09:00:00Z", "spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"))),
		"Reloader, by annotation":         update(ns, app, changed(app, set(`{"hash":"`+hash+`"}`, "spec", "template", "metadata", "annotations", "reloader.stakater.com/last-reloaded-from"))),
		"Reloader, by variable":           update(ns, app, reloaded),
		"Reloader, once more":             update(ns, reloaded, reloadedAgain),
		"Reloader, taken off":             update(ns, reloaded, app),
		"the running image, pinned":       update(ns, app, image("r.example/chat@"+digest("a"))),
		"the running image, with its tag": update(ns, app, image("r.example/chat:1@"+digest("a"))),
		"an untagged image, pinned":       update(ns, image("r.example/chat"), image("r.example/chat@"+digest("a"))),
		"a rollback":                      update(ns, app, image("r.example/chat@"+digest("d"))),
		"an ACME solver's Ingress":        create(ns, ingress(ingressRule("app.example.com", "/.well-known/acme-challenge/abc", "cm-acme-http-solver"))),
		"an Ingress's annotations":        update(ns, host, changed(host, annotated("cert-manager.io/cluster-issuer", "le"), set("x", "metadata", "labels", "team"))),
		"an exposed Ingress, made anew":   create(ns, host),
		"a Service's labels":              update(ns, service("chat", "ClusterIP", "chat"), changed(service("chat", "ClusterIP", "chat"), set("x", "metadata", "labels", "team"))),
		"kube-system":                     update(corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system"}}, kubeSystem, changed(kubeSystem, func(o map[string]any) { web(o)["image"] = "r.example/chat:2" })),
	} {
		t.Run(name, func(t *testing.T) {
			if got := Decide(request); len(got.Denials) > 0 || len(got.Warnings) > 0 {
				t.Errorf("it is held or warned of: %+v", got)
			}
		})
	}
	// What looks like one of them is held.
	for name, object := range map[string]map[string]any{
		"a variable that is none of Reloader's": changed(app, func(o map[string]any) { addEnv(o, "STAKATER_CHAT_SECRET", "anything") }),
		"a name that is none of Reloader's":     changed(app, func(o map[string]any) { addEnv(o, "STAKATER_CHAT", hash) }),
		"Reloader and another change":           changed(reloaded, func(o map[string]any) { web(o)["tty"] = true }),
		"another image, pinned":                 image("r.example/chat@" + digest("e")),
		"another repository, pinned":            image("r.example/other@" + digest("a")),
		"a repository of a longer name, pinned": image("r.example/ch@" + digest("a")),
		"the running image by another tag":      image("r.example/chat:2@" + digest("a")),
		"one more container": changed(app, func(o map[string]any) {
			set(append(listAt(o, "spec", "template", "spec", "containers"), map[string]any{"name": "side", "image": "x"}), "spec", "template", "spec", "containers")(o)
		}),
		"another setting of the pods": changed(app, set(true, "spec", "template", "spec", "hostNetwork")),
	} {
		t.Run(name, func(t *testing.T) {
			if got := Decide(update(ns, app, object)); !slices.Equal(got.Denials, []string{denied8}) {
				t.Errorf("it is not held: %+v", got)
			}
		})
	}
	sidecar := changed(app, func(o map[string]any) {
		set(append(listAt(o, "spec", "template", "spec", "containers"), map[string]any{"name": "side", "image": "x"}), "spec", "template", "spec", "containers")(o)
	})
	for name, change := range map[string][2]map[string]any{
		"another digest of a pinned image":          {image("r.example/chat@" + digest("e")), image("r.example/chat@" + digest("a"))},
		"another digest of an image with its tag":   {image("r.example/chat:1@" + digest("e")), image("r.example/chat@" + digest("a"))},
		"a registry's port that looks like a tag":   {image("r.example:5000/chat"), image("r.example@" + digest("a"))},
		"one container less":                        {sidecar, app},
		"a container of another name, and no other": {app, changed(app, func(o map[string]any) { web(o)["name"] = "side" })},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Decide(update(ns, change[0], change[1])); !slices.Equal(got.Denials, []string{denied8}) {
				t.Errorf("it is not held: %+v", got)
			}
		})
	}
}
