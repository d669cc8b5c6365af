// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
)

// workloadIndex finds launches by "Kind/name" of their workloads.
const workloadIndex = "spec.workloads.ref"

// hostIndex finds launches by their hosts.
const hostIndex = "spec.domains"

// rolloutKind is the kind of Argo Rollouts.
var rolloutKind = schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"}

// CacheOptions keeps out of the cache what is never needed from it: what pods hold but their images, and who manages
// which field.
func CacheOptions() cache.Options {
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}: {Transform: imagesOnly},
		},
	}
}

// ClientOptions keeps Secrets and ConfigMaps out of the cache: they are read by get. Routes of the Gateway API, which are
// read by their shape, are in it.
func ClientOptions() client.Options {
	return client.Options{Cache: &client.CacheOptions{Unstructured: true, DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}}}}
}

// imagesOnly strips a pod of all but its identity, its phase and its images.
func imagesOnly(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	strip := func(containers []corev1.Container) []corev1.Container {
		var kept []corev1.Container
		for _, c := range containers {
			kept = append(kept, corev1.Container{Name: c.Name, Image: c.Image})
		}
		return kept
	}
	ids := func(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
		var kept []corev1.ContainerStatus
		for _, s := range statuses {
			kept = append(kept, corev1.ContainerStatus{Name: s.Name, ImageID: s.ImageID})
		}
		return kept
	}
	meta := pod.ObjectMeta
	meta.ManagedFields, meta.Annotations = nil, nil
	return &corev1.Pod{
		TypeMeta:   pod.TypeMeta,
		ObjectMeta: meta,
		Spec:       corev1.PodSpec{InitContainers: strip(pod.Spec.InitContainers), Containers: strip(pod.Spec.Containers)},
		Status:     corev1.PodStatus{Phase: pod.Status.Phase, InitContainerStatuses: ids(pod.Status.InitContainerStatuses), ContainerStatuses: ids(pod.Status.ContainerStatuses)},
	}, nil
}

// SetupWithManager registers the reconciler and everything that wakes it.
func (r *LaunchReadinessReconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager, options controller.Options) error {
	index := func(obj client.Object) []string {
		lr, ok := obj.(*v1alpha1.LaunchReadiness)
		if !ok {
			return nil
		}
		var keys []string
		for _, w := range lr.Spec.Workloads {
			keys = append(keys, string(w.Ref.Kind)+"/"+w.Ref.Name)
		}
		return keys
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.LaunchReadiness{}, workloadIndex, index); err != nil {
		return fmt.Errorf("indexing launches by workload: %w", err)
	}
	hosts := func(obj client.Object) []string {
		lr, ok := obj.(*v1alpha1.LaunchReadiness)
		if !ok {
			return nil
		}
		return gate.Hosts(lr)
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.LaunchReadiness{}, hostIndex, hosts); err != nil {
		return fmt.Errorf("indexing launches by host: %w", err)
	}
	m := mapper{reader: mgr.GetClient(), namespaces: r.WatchNamespaces}
	configMap := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}}
	exposes := builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.LaunchReadiness{}).
		Owns(&v1alpha1.LaunchReport{}).
		Owns(&batchv1.Job{}).
		Watches(&v1alpha1.LaunchReadiness{}, handler.EnqueueRequestsFromMapFunc(m.rivals), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.LaunchPolicy{}, handler.EnqueueRequestsFromMapFunc(m.everyLaunch), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.LaunchWaiver{}, handler.EnqueueRequestsFromMapFunc(m.waived), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(m.inNamespaceOf), builder.WithPredicates(predicate.LabelChangedPredicate{})).
		Watches(&corev1.Namespace{}, m.gateState()).
		Watches(&networkingv1.Ingress{}, handler.EnqueueRequestsFromMapFunc(m.sameNamespace), exposes).
		Watches(&corev1.Service{}, handler.EnqueueRequestsFromMapFunc(m.sameNamespace), builder.WithPredicates(serviceChanged())).
		Watches(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(m.running(v1alpha1.KindDeployment))).
		Watches(&appsv1.StatefulSet{}, handler.EnqueueRequestsFromMapFunc(m.running(v1alpha1.KindStatefulSet))).
		Watches(&appsv1.DaemonSet{}, handler.EnqueueRequestsFromMapFunc(m.running(v1alpha1.KindDaemonSet))).
		Watches(&appsv1.ReplicaSet{}, handler.EnqueueRequestsFromMapFunc(m.owned), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&appsv1.ControllerRevision{}, handler.EnqueueRequestsFromMapFunc(m.owned)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(m.owned), builder.WithPredicates(imagesChanged())).
		WatchesMetadata(configMap, handler.EnqueueRequestsFromMapFunc(m.sameNamespace)).
		WithOptions(options)
	if r.Edge != nil {
		b = b.WatchesRawSource(source.TypedChannel(r.Edge.changed, &handler.TypedEnqueueRequestForObject[*v1alpha1.LaunchReadiness]{}))
	}
	if _, err := mgr.GetRESTMapper().RESTMapping(rolloutKind.GroupKind(), rolloutKind.Version); err == nil {
		rollout := &metav1.PartialObjectMetadata{}
		rollout.SetGroupVersionKind(rolloutKind)
		b = b.WatchesMetadata(rollout, handler.EnqueueRequestsFromMapFunc(m.running(v1alpha1.KindRollout)))
	}
	for _, kind := range gate.RouteKinds() {
		mapping, err := mgr.GetRESTMapper().RESTMapping(kind)
		if err != nil {
			continue // not served
		}
		route := &unstructured.Unstructured{}
		route.SetGroupVersionKind(mapping.GroupVersionKind)
		r.RouteKinds = append(r.RouteKinds, mapping.GroupVersionKind)
		b = b.Watches(route, handler.EnqueueRequestsFromMapFunc(m.sameNamespace), exposes)
	}
	return b.Complete(r)
}

// SetupWithManager registers the reconciler and everything that wakes it.
func (r *LaunchWaiverReconciler) SetupWithManager(mgr ctrl.Manager) error {
	m := mapper{reader: mgr.GetClient()}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.LaunchWaiver{}).
		Watches(&v1alpha1.LaunchReadiness{}, handler.EnqueueRequestsFromMapFunc(m.waiversOf), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.LaunchPolicy{}, handler.EnqueueRequestsFromMapFunc(m.everyWaiver), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(m.everyWaiver), builder.WithPredicates(predicate.LabelChangedPredicate{})).
		Complete(r)
}

// SetupWithManager registers the reconciler and everything that wakes it.
func (r *LaunchPolicyReconciler) SetupWithManager(mgr ctrl.Manager) error {
	m := mapper{reader: mgr.GetClient()}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.LaunchPolicy{}).
		Watches(&v1alpha1.LaunchReadiness{}, handler.EnqueueRequestsFromMapFunc(m.everyPolicy), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(m.everyPolicy), builder.WithPredicates(predicate.LabelChangedPredicate{})).
		Complete(r)
}

// imagesChanged lets through the pods whose images became known or changed, and those that ended.
func imagesChanged() predicate.Predicate {
	ids := func(obj client.Object) map[string]string {
		found := map[string]string{}
		if pod, ok := obj.(*corev1.Pod); ok {
			found[""] = string(pod.Status.Phase)
			for _, s := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
				found[s.Name] = s.ImageID
			}
		}
		return found
	}
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return !maps.Equal(ids(e.ObjectOld), ids(e.ObjectNew)) }}
}

// serviceChanged lets through the Services that are new, gone, or lead or open elsewhere: they have no generation.
func serviceChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*corev1.Service)
		now, too := e.ObjectNew.(*corev1.Service)
		return !ok || !too || !equality.Semantic.DeepEqual(before.Spec, now.Spec) || !maps.Equal(before.Annotations, now.Annotations)
	}}
}

// gateState wakes the launches of which a Namespace tells something else than before, those that are gone among them.
func (m mapper) gateState() handler.EventHandler {
	wake := func(q workqueue.TypedRateLimitingInterface[reconcile.Request], before, now client.Object) {
		if !watches(m.namespaces, now.GetName()) {
			return
		}
		for _, launch := range gateChanges(before.GetAnnotations(), now.GetAnnotations()) {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Namespace: now.GetName(), Name: launch}})
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(q, &corev1.Namespace{}, e.Object)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(q, e.ObjectOld, e.ObjectNew)
		},
	}
}

// mapper finds the resources that an event concerns.
type mapper struct {
	reader client.Reader
	// namespaces are those that the cache holds; empty for all.
	namespaces []string
}

// watches says whether a namespace is one of those that are watched; none at all stands for every one.
func watches(namespaces []string, name string) bool {
	return len(namespaces) == 0 || slices.Contains(namespaces, name)
}

// launches gives requests for the launches that the options select.
func (m mapper) launches(ctx context.Context, options ...client.ListOption) []reconcile.Request {
	return requests(ctx, m.reader, &v1alpha1.LaunchReadinessList{}, options...)
}

// requests gives a request for each item of a list.
func requests(ctx context.Context, reader client.Reader, list client.ObjectList, options ...client.ListOption) []reconcile.Request {
	if err := reader.List(ctx, list, options...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing what an event concerns")
		return nil
	}
	var found []reconcile.Request
	add := func(obj client.Object) {
		found = append(found, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(obj)})
	}
	switch l := list.(type) {
	case *v1alpha1.LaunchReadinessList:
		for i := range l.Items {
			add(&l.Items[i])
		}
	case *v1alpha1.LaunchWaiverList:
		for i := range l.Items {
			add(&l.Items[i])
		}
	case *corev1.NamespaceList:
		for i := range l.Items {
			add(&l.Items[i])
		}
	case *v1alpha1.LaunchPolicyList:
		for i := range l.Items {
			add(&l.Items[i])
		}
	}
	return found
}

func (m mapper) everyLaunch(ctx context.Context, _ client.Object) []reconcile.Request {
	return m.launches(ctx)
}

func (m mapper) sameNamespace(ctx context.Context, obj client.Object) []reconcile.Request {
	return m.launches(ctx, client.InNamespace(obj.GetNamespace()))
}

// inNamespaceOf gives the launches in a namespace that changed. Namespaces are watched all, whatever the cache holds.
func (m mapper) inNamespaceOf(ctx context.Context, obj client.Object) []reconcile.Request {
	if !watches(m.namespaces, obj.GetName()) {
		return nil
	}
	return m.launches(ctx, client.InNamespace(obj.GetName()))
}

// rivals are the launches that may wait for what this one has: the others of its namespace, for a workload or a Service, and
// those of all namespaces that declare one of its hosts.
func (m mapper) rivals(ctx context.Context, obj client.Object) []reconcile.Request {
	others := m.launches(ctx, client.InNamespace(obj.GetNamespace()))
	if lr, ok := obj.(*v1alpha1.LaunchReadiness); ok {
		for _, host := range gate.Hosts(lr) {
			others = append(others, m.launches(ctx, client.MatchingFields{hostIndex: host})...)
		}
	}
	own := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(obj)}
	var found []reconcile.Request
	for _, request := range others {
		if request != own && !slices.Contains(found, request) {
			found = append(found, request)
		}
	}
	return found
}

func (m mapper) waived(_ context.Context, obj client.Object) []reconcile.Request {
	w, ok := obj.(*v1alpha1.LaunchWaiver)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: w.Namespace, Name: w.Spec.LaunchReadinessRef.Name}}}
}

func (m mapper) waiversOf(ctx context.Context, obj client.Object) []reconcile.Request {
	return requests(ctx, m.reader, &v1alpha1.LaunchWaiverList{}, client.InNamespace(obj.GetNamespace()))
}

func (m mapper) everyWaiver(ctx context.Context, _ client.Object) []reconcile.Request {
	return requests(ctx, m.reader, &v1alpha1.LaunchWaiverList{})
}

func (m mapper) everyPolicy(ctx context.Context, _ client.Object) []reconcile.Request {
	return requests(ctx, m.reader, &v1alpha1.LaunchPolicyList{})
}

func (m mapper) everyNamespace(ctx context.Context, _ client.Object) []reconcile.Request {
	return requests(ctx, m.reader, &corev1.NamespaceList{})
}

// running gives the launches of a workload of the given kind.
func (m mapper) running(kind v1alpha1.WorkloadKind) handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		return m.launches(ctx, client.InNamespace(obj.GetNamespace()),
			client.MatchingFields{workloadIndex: string(kind) + "/" + obj.GetName()})
	}
}

// owned gives the launches of the workload that owns a ReplicaSet, a ControllerRevision or a pod.
func (m mapper) owned(ctx context.Context, obj client.Object) []reconcile.Request {
	owner := metav1.GetControllerOf(obj)
	if owner != nil && owner.Kind == "ReplicaSet" {
		var rs appsv1.ReplicaSet
		if err := m.reader.Get(ctx, client.ObjectKey{Namespace: obj.GetNamespace(), Name: owner.Name}, &rs); err != nil {
			// Not in the cache (any more): what brought the pod about has woken the launch, or will.
			return nil
		}
		owner = metav1.GetControllerOf(&rs)
	}
	if owner == nil {
		return nil
	}
	return m.launches(ctx, client.InNamespace(obj.GetNamespace()),
		client.MatchingFields{workloadIndex: owner.Kind + "/" + owner.Name})
}
