// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/launchready/launchready/api/v1alpha1"
)

const (
	good  = "response.json.reply"
	wrong = "response.jsn.reply"
)

// launch has a chat with a reply, and is changed by the others.
func launch(reply v1alpha1.CELExpression, changes ...func(*v1alpha1.LaunchReadiness)) *v1alpha1.LaunchReadiness {
	lr := &v1alpha1.LaunchReadiness{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "chat"},
		Spec: v1alpha1.LaunchReadinessSpec{App: &v1alpha1.App{Chat: &v1alpha1.Chat{
			Request: v1alpha1.HTTPRequest{Path: "/chat", Body: "$(prompt)"}, Reply: reply,
		}}},
	}
	for _, change := range changes {
		change(lr)
	}
	return lr
}

func rateLimited(e v1alpha1.CELExpression) func(*v1alpha1.LaunchReadiness) {
	return func(lr *v1alpha1.LaunchReadiness) { lr.Spec.App.RateLimited = e }
}

func suspended(lr *v1alpha1.LaunchReadiness) { lr.Spec.Suspend = new(true) }

func deleted(lr *v1alpha1.LaunchReadiness) {
	lr.DeletionTimestamp = &metav1.Time{Time: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)}
}

func undescribed(lr *v1alpha1.LaunchReadiness) { lr.Spec.App = nil }

// request about a launch, as the API server sends it.
func request(t testing.TB, now, before *v1alpha1.LaunchReadiness) admission.Request {
	t.Helper()
	r := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		UID: "1", Operation: admissionv1.Create, Namespace: "shop", Name: "chat",
		Resource: metav1.GroupVersionResource{Group: "launchready.dev", Version: "v1alpha1", Resource: "launchreadinesses"},
		Kind:     metav1.GroupVersionKind{Group: "launchready.dev", Version: "v1alpha1", Kind: kind},
	}}
	r.Object = raw(t, now)
	if before != nil {
		r.Operation = admissionv1.Update
		r.OldObject = raw(t, before)
	}
	return r
}

func raw(t testing.TB, obj any) runtime.RawExtension {
	t.Helper()
	data, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	return runtime.RawExtension{Raw: data}
}

func newHandler(t testing.TB) *Handler {
	t.Helper()
	h, err := NewHandler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// asking has the launch log to a sink that is asked at a path.
func asking(path v1alpha1.RequestPath) func(*v1alpha1.LaunchReadiness) {
	return func(lr *v1alpha1.LaunchReadiness) {
		lr.Spec.Logging = &v1alpha1.Logging{Sinks: []v1alpha1.LogSink{{
			Name: "tracker", Query: &v1alpha1.LogQuery{Host: "tracker.example.com", Request: v1alpha1.HTTPRequest{Path: path}},
		}}}
	}
}

func TestWhatIsRefused(t *testing.T) {
	const replyIsWrong = `spec.app.chat.reply: Invalid value: "response.jsn.reply": line 1, column 9: undefined field 'jsn'`
	const limitIsWrong = `spec.app.rateLimited: Invalid value: "response.jsn.reply": line 1, column 9: undefined field 'jsn'`
	const queryIsWrong = `spec.logging.sinks[tracker].query.request.path: Invalid value: $(id) stands for nothing here: what there is is $(credentials.KEY), $(requestId), $(since), $(traceId); write $$ for a dollar sign`
	for name, c := range map[string]struct {
		now, before *v1alpha1.LaunchReadiness
		refused     string
		warned      []string
	}{
		"a right one is created":                            {now: launch(good)},
		"a wrong one is created":                            {now: launch(wrong), refused: `LaunchReadiness.launchready.dev "chat" is invalid: ` + replyIsWrong},
		"one without a description is created":              {now: launch(wrong, undescribed)},
		"one that only gets a name later":                   {now: launch(wrong, func(lr *v1alpha1.LaunchReadiness) { lr.Name, lr.GenerateName = "", "chat-" }), refused: `"chat-" is invalid: ` + replyIsWrong},
		"a right one becomes another":                       {now: launch("response.text"), before: launch(good)},
		"a right one becomes wrong":                         {now: launch(wrong), before: launch(good), refused: replyIsWrong},
		"a description comes, and is wrong":                 {now: launch(wrong), before: launch(good, undescribed), refused: replyIsWrong},
		"a wrong one is mended":                             {now: launch(good), before: launch(wrong)},
		"a wrong one loses its description":                 {now: launch(good, undescribed), before: launch(wrong)},
		"a wrong one is suspended":                          {now: launch(wrong, suspended), before: launch(wrong)},
		"a wrong one is being deleted":                      {now: launch(wrong, deleted), before: launch(good)},
		"a wrong one changes elsewhere in the description":  {now: launch(wrong, rateLimited("response.status == 429")), before: launch(wrong), warned: []string{replyIsWrong}},
		"a wrong one is wrong in another way":               {now: launch(wrong + ".x"), before: launch(wrong), refused: `"response.jsn.reply.x": line 1, column 9`},
		"a wrong one becomes wrong at another place":        {now: launch(wrong, rateLimited(wrong)), before: launch(wrong), refused: limitIsWrong, warned: []string{replyIsWrong}},
		"a wrong query of a sink comes":                     {now: launch(good, asking("/events/$(id)")), before: launch(good, asking("/events")), refused: queryIsWrong},
		"a wrong query of a sink, and no description":       {now: launch(good, undescribed, asking("/events/$(id)")), refused: queryIsWrong},
		"a wrong query of a sink stays":                     {now: launch(good, asking("/events/$(id)"), rateLimited("response.status == 429")), before: launch(good, asking("/events/$(id)")), warned: []string{queryIsWrong}},
		"one of two is mended":                              {now: launch(wrong), before: launch(wrong, rateLimited(wrong)), warned: []string{replyIsWrong}},
		"what has to be there goes, beside something wrong": {now: launch(wrong, noPrompt), before: launch(wrong), refused: "spec.app.chat.request: Required value: put $(prompt) into the request", warned: []string{replyIsWrong}},
		"more that has to be there goes": {
			now: launch(good, document("/x")), before: launch(good, document("/x/$(id)")),
			refused: "spec.app.resources[0].update: Required value: put $(id)",
			warned:  []string{"spec.app.resources[0].update: Required value: put $(canary) into the request, in path, query, headers, body or a message"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			response := newHandler(t).Handle(t.Context(), request(t, c.now, c.before))
			if response.Allowed != (c.refused == "") {
				t.Fatalf("allowed: %v; %+v", response.Allowed, response.Result)
			}
			if c.refused != "" {
				if !strings.Contains(response.Result.Message, c.refused) {
					t.Errorf("said %q, want %q", response.Result.Message, c.refused)
				}
				if response.Result.Reason != metav1.StatusReasonInvalid || response.Result.Code != http.StatusUnprocessableEntity || len(response.Result.Details.Causes) != 1 {
					t.Errorf("not the status of something invalid: %+v", response.Result)
				}
			}
			if diff := cmp.Diff(c.warned, response.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// document is a resource that is updated at a path, wrongly in any case: it does not write the canary.
func document(path v1alpha1.RequestPath) func(*v1alpha1.LaunchReadiness) {
	return func(lr *v1alpha1.LaunchReadiness) {
		lr.Spec.App.Resources = []v1alpha1.Resource{{
			Name: "documents", Item: v1alpha1.HTTPRequest{Path: "/documents/$(id)"}, Update: &v1alpha1.HTTPRequest{Path: path},
			Create: v1alpha1.HTTPStep{
				Request: v1alpha1.HTTPRequest{Path: "/documents", Body: "$(canary)"}, Capture: map[string]v1alpha1.CELExpression{"id": "response.json.id"},
			},
		}}
	}
}

func noPrompt(lr *v1alpha1.LaunchReadiness) { lr.Spec.App.Chat.Request.Body = "hello" }

// Whatever the configuration sends here by mistake, it is not ours to refuse.
func TestWhatIsNoneOfOursPasses(t *testing.T) {
	for name, spoil := range map[string]func(*admission.Request){
		"a status": func(r *admission.Request) { r.SubResource = "status" },
		"a deletion": func(r *admission.Request) {
			r.Operation, r.OldObject, r.Object = admissionv1.Delete, r.Object, runtime.RawExtension{}
		},
		"a connection":      func(r *admission.Request) { r.Operation = admissionv1.Connect },
		"another kind":      func(r *admission.Request) { r.Resource.Resource = "launchwaivers" },
		"another group":     func(r *admission.Request) { r.Resource.Group = "" },
		"another version":   func(r *admission.Request) { r.Resource.Version = "v9" },
		"an unreadable one": func(r *admission.Request) { r.Object.Raw = []byte(`{"spec":{"app":[]}}`) },
		"no object":         func(r *admission.Request) { r.Object.Raw = nil },
		"an update that does not say of what": func(r *admission.Request) {
			r.Operation = admissionv1.Update
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, launch(wrong), nil)
			spoil(&r)
			if response := newHandler(t).Handle(t.Context(), r); !response.Allowed {
				t.Errorf("refused: %+v", response.Result)
			}
		})
	}
}

// A panic would be a refusal, by controller-runtime: an Errored response is not allowed.
func TestAPanicPasses(t *testing.T) {
	h := newHandler(t)
	h.validate = func(*v1alpha1.LaunchReadinessSpec) field.ErrorList { panic("of the object: hunter2") }
	for range atOnce + 1 { // each gives its slot back
		if response := h.Handle(t.Context(), request(t, launch(good), nil)); !response.Allowed || len(response.Warnings) > 0 {
			t.Fatalf("%+v", response)
		}
	}
}

func TestWhatTakesTooLongPassesAndNoMoreThanAFewRunAtOnce(t *testing.T) {
	h := newHandler(t)
	h.patience = 10 * time.Millisecond
	started, release := make(chan struct{}, 10), make(chan struct{})
	h.validate = func(*v1alpha1.LaunchReadinessSpec) field.ErrorList {
		started <- struct{}{}
		<-release
		return nil
	}
	for range atOnce + 2 {
		response := h.Handle(t.Context(), request(t, launch(wrong), nil))
		if !response.Allowed {
			t.Errorf("refused: %+v", response.Result)
		}
		if diff := cmp.Diff([]string{notValidated}, response.Warnings); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if len(started) != atOnce {
		t.Errorf("%d run at once, want %d", len(started), atOnce)
	}
	close(release)
	h.patience = time.Minute
	for range atOnce + 1 {
		if response := h.Handle(t.Context(), request(t, launch(good), nil)); !response.Allowed || len(response.Warnings) > 0 {
			t.Errorf("after they ended: %+v", response)
		}
	}
}

func TestARefusalIsBoundedAndPlain(t *testing.T) {
	evil := strings.Repeat("x", 900)
	lr := launch(v1alpha1.CELExpression("response.\n\u202e" + evil))
	app := lr.Spec.App
	for i := range 30 {
		app.Resources = append(app.Resources, v1alpha1.Resource{Name: fmt.Sprintf("r%d", i)})
	}
	app.Login = &v1alpha1.Login{Steps: []v1alpha1.HTTPStep{{Request: v1alpha1.HTTPRequest{
		Path: "/login", Body: "hunter2 $(nothing)", Headers: map[string]v1alpha1.HeaderValue{"\u200b" + evil + strings.Repeat(evil, 10): "hunter2 $(nothing)"},
	}, Capture: map[string]v1alpha1.CELExpression{"a": v1alpha1.CELExpression(evil)}}}}
	for _, name := range []string{"a", "b", "c", "d"} {
		app.Login.Steps[0].Request.Headers[name] = "$(nothing)"
	}
	response := newHandler(t).Handle(t.Context(), request(t, lr, nil))
	if response.Allowed {
		t.Fatal("allowed")
	}
	message := response.Result.Message
	if n := len(response.Result.Details.Causes); n != maxErrors {
		t.Errorf("%d causes, want %d", n, maxErrors)
	}
	if !strings.Contains(message, "more are wrong, and `launchready check -f` tells which") {
		t.Errorf("it does not say that there is more: %s", message)
	}
	if strings.Contains(message, "hunter2") {
		t.Errorf("it repeats what stands in a request: %s", message)
	}
	for _, r := range message {
		if r == '\u202e' || r == '\u200b' || r < ' ' {
			t.Errorf("it has %q as it stands", r)
		}
	}
	if n := utf8.RuneCountInString(message); n > maxErrors*(2*maxText+maxDetail+100) {
		t.Errorf("it has %d characters", n)
	}
	// And again: some of the errors come from maps.
	for range 10 {
		if again := newHandler(t).Handle(t.Context(), request(t, lr, nil)); again.Result.Message != message {
			t.Fatal("the same object gets another answer")
		}
	}
}

func TestItSpeaksTheAPIServersLanguage(t *testing.T) {
	webhook := &admission.Webhook{Handler: newHandler(t)}
	for name, c := range map[string]struct {
		now     *v1alpha1.LaunchReadiness
		allowed bool
	}{"right": {launch(good), true}, "wrong": {launch(wrong), false}} {
		r := request(t, c.now, nil).AdmissionRequest
		body, err := json.Marshal(admissionv1.AdmissionReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &r,
		})
		if err != nil {
			t.Fatal(err)
		}
		sent := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Path, bytes.NewReader(body))
		sent.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		webhook.ServeHTTP(recorder, sent)
		var review admissionv1.AdmissionReview
		if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil {
			t.Fatal(err)
		}
		if review.Response == nil || review.Response.Allowed != c.allowed || review.Response.UID != types.UID("1") {
			t.Errorf("%s: %+v", name, review.Response)
		}
	}
}

// largest is the largest app that the CRD allows, with an expression in every place that takes one, made to take long.
func largest(expression func(place int) v1alpha1.CELExpression) *v1alpha1.LaunchReadiness {
	place := 0
	next := func() v1alpha1.CELExpression {
		place++
		return expression(place)
	}
	step := func() v1alpha1.HTTPStep {
		s := v1alpha1.HTTPStep{Request: v1alpha1.HTTPRequest{Path: "/x", Body: strings.Repeat("$(canary)", 16384/9)}, Expect: next(), Capture: map[string]v1alpha1.CELExpression{"id": next()}}
		for i := range 7 {
			s.Capture[fmt.Sprintf("c%d", i)] = next()
		}
		return s
	}
	item := v1alpha1.HTTPRequest{Path: "/x/$(id)", Headers: map[string]v1alpha1.HeaderValue{}, Query: map[string]v1alpha1.HeaderValue{}}
	for i := range 16 {
		item.Headers[fmt.Sprintf("h%d", i)], item.Query[fmt.Sprintf("q%d", i)] = "$(id)", "$(id)"
	}
	app := &v1alpha1.App{Login: &v1alpha1.Login{}, SignUp: &v1alpha1.SignUp{}, RateLimited: next()}
	for range 8 {
		app.Login.Steps = append(app.Login.Steps, step())
		app.SignUp.Steps = append(app.SignUp.Steps, step())
		app.Resources = append(app.Resources, v1alpha1.Resource{Name: "r", Create: step(), Item: item, List: &item, Export: &item, Delete: &item})
	}
	logout := step()
	app.Logout, app.Chat = &logout, &v1alpha1.Chat{Request: v1alpha1.HTTPRequest{Path: "/chat", Body: "$(prompt)"}, Reply: next()}
	lr := launch(good)
	lr.Spec.App = app
	return lr
}

// worst are the expressions that took longest of all that were tried, by length 1024 and depth 50: what a writer can do.
func worst(place int) v1alpha1.CELExpression {
	source := fmt.Sprintf("%d==%d&&", place, place)
	for len(source)+len("[1].map(a,[[a]])==[]&&")+len("true") <= 1024 {
		source += "[1].map(a,[[a]])==[]&&"
	}
	return v1alpha1.CELExpression(source + "true")
}

// ordinary is an expression of the greatest length, such as a person might write.
func ordinary(place int) v1alpha1.CELExpression {
	source := fmt.Sprintf("response.status == %d", place)
	for len(source)+len(" || response.json.items.exists(i, i.name == 'a')") <= 1024 {
		source += " || response.json.items.exists(i, i.name == 'a')"
	}
	return v1alpha1.CELExpression(source)
}

func BenchmarkValidateLargest(b *testing.B) {
	small := launch(good)
	for name, lr := range map[string]*v1alpha1.LaunchReadiness{"ordinary": largest(ordinary), "hostile": largest(worst), "small": small} {
		b.Run(name, func(b *testing.B) {
			h := newHandler(b)
			h.patience = time.Hour
			r := request(b, lr, nil)
			h.Handle(b.Context(), request(b, small, nil)) // the environment is made once
			b.ReportMetric(float64(len(r.Object.Raw))/1024, "KiB/object")
			for b.Loop() {
				h.Handle(context.WithoutCancel(b.Context()), r)
			}
		})
	}
}
