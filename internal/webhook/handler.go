// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

const (
	// Path at which the handler is served.
	Path = "/validate-launchreadiness"
	// patience is how long a validation may take until the object passes without one: less than the timeoutSeconds of the
	// ValidatingWebhookConfiguration (3), so that the writer hears of it.
	patience = 2 * time.Second
	// atOnce is how many validations run at once. A writer who sends descriptions made to take long gets no more of the
	// operator's processor than this.
	atOnce = 2
)

const (
	kind     = "LaunchReadiness"
	resource = "launchreadinesses"
)

// notValidated is what the writer hears where there was no answer in time.
const notValidated = "spec.app and spec.logging were not validated, for it took too long; `launchready check -f` and the condition Stalled tell what is wrong with it"

// Handler validates LaunchReadinesses. It implements admission.Handler.
type Handler struct {
	decoder  admission.Decoder
	validate func(*v1alpha1.LaunchReadinessSpec) field.ErrorList
	slots    chan struct{}
	patience time.Duration
}

// NewHandler makes a handler.
func NewHandler() (*Handler, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("setting up the admission webhook: %w", err)
	}
	return &Handler{
		decoder: admission.NewDecoder(scheme), validate: httpstep.ValidateSpec, slots: make(chan struct{}, atOnce), patience: patience,
	}, nil
}

// Handle answers a request. It refuses what was found to be wrong, and nothing else: a request that is none of ours, can't be read
// or takes too long passes.
func (h *Handler) Handle(ctx context.Context, req admission.Request) admission.Response {
	if !asksUs(req) {
		return admission.Allowed("")
	}
	now, before, err := h.decode(req)
	if err != nil {
		// The API server has validated the object by the schema: it is another version's, and nothing to refuse.
		log.FromContext(ctx).Info("a LaunchReadiness passes without validation: it can't be read")
		return admission.Allowed("")
	}
	if now.DeletionTimestamp != nil {
		return admission.Allowed("")
	}
	if before != nil && equality.Semantic.DeepEqual(before.Spec.App, now.Spec.App) && equality.Semantic.DeepEqual(before.Spec.Logging, now.Spec.Logging) {
		return admission.Allowed("")
	}
	return h.inTime(ctx, now, before)
}

// asksUs says whether a request is about writing a LaunchReadiness itself.
func asksUs(req admission.Request) bool {
	return req.Resource.Group == v1alpha1.GroupVersion.Group && req.Resource.Version == v1alpha1.GroupVersion.Version &&
		req.Resource.Resource == resource && req.SubResource == "" &&
		(req.Operation == admissionv1.Create || req.Operation == admissionv1.Update)
}

// decode reads the object, and for an update what it was before.
func (h *Handler) decode(req admission.Request) (now, before *v1alpha1.LaunchReadiness, err error) {
	now = &v1alpha1.LaunchReadiness{}
	if err := h.decoder.DecodeRaw(req.Object, now); err != nil {
		return nil, nil, err
	}
	if req.Operation == admissionv1.Create {
		return now, nil, nil
	}
	before = &v1alpha1.LaunchReadiness{}
	return now, before, h.decoder.DecodeRaw(req.OldObject, before)
}

// inTime judges, and lets pass what can't be judged in time. A validation can't be interrupted: its slot stays taken until it ends,
// so that those that nobody waits for any more don't heap up.
func (h *Handler) inTime(ctx context.Context, now, before *v1alpha1.LaunchReadiness) admission.Response {
	ctx, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return admission.Allowed("").WithWarnings(notValidated)
	}
	answer := make(chan admission.Response, 1)
	logger := log.FromContext(ctx)
	go func() {
		defer func() { <-h.slots }()
		defer func() {
			// What a panic says may be of the object: it is not logged.
			if recover() != nil {
				logger.Info("a LaunchReadiness passes without validation: its validation failed")
				answer <- admission.Allowed("")
			}
		}()
		answer <- h.judge(now, before)
	}()
	select {
	case response := <-answer:
		return response
	case <-ctx.Done():
		return admission.Allowed("").WithWarnings(notValidated)
	}
}

// judge refuses what is wrong. What was wrong before and still is the same is only warned of: an object from a time without the
// webhook can be mended piece by piece, and changed in other places.
func (h *Handler) judge(now, before *v1alpha1.LaunchReadiness) admission.Response {
	wrong := h.validate(&now.Spec)
	if len(wrong) == 0 {
		return admission.Allowed("")
	}
	var stayed field.ErrorList
	if before != nil {
		wrong, stayed = apart(wrong, h.validate(&before.Spec))
	}
	if len(wrong) == 0 {
		return admission.Allowed("").WithWarnings(warnings(stayed)...)
	}
	name := now.Name
	if name == "" {
		name = now.GenerateName
	}
	status := apierrors.NewInvalid(schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: kind}, name, bounded(wrong)).Status()
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: false, Result: &status}}.
		WithWarnings(warnings(stayed)...)
}
