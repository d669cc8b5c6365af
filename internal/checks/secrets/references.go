// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// maxObjects bounds the Secrets and ConfigMaps that one measurement reads. Real apps use a few dozen; without a bound,
// a template with thousands of references would run the check into its deadline, which is the operator's fault and
// gives a launched app grace.
const maxObjects = 128

// object is a Secret or ConfigMap that the app refers to, and every place that does.
type object struct {
	kind launch.ReferenceKind
	key  types.NamespacedName
	uses []use
}

// use is one reference to an object.
type use struct {
	launch.Reference
	workload *launch.Workload
}

// pull says that the kubelet reads the Secret to pull images.
func (u use) pull() bool {
	return u.Driver && strings.HasPrefix(u.Reference.Place, "imagePullSecrets[")
}

// names are what the app calls the value: the key, and the environment variable that takes it.
func (u use) names() []string {
	names := []string{u.Key}
	if _, variable, ok := strings.Cut(u.Reference.Place, ".env["); ok {
		names = append(names, strings.TrimSuffix(variable, "]"))
	}
	return names
}

// objects gathers what the app refers to, each object once, in the order of the templates.
func objects(app *launch.App) []*object {
	type identity struct {
		kind launch.ReferenceKind
		key  types.NamespacedName
	}
	known := map[identity]*object{}
	var all []*object
	for i := range app.Workloads {
		w := &app.Workloads[i]
		for _, r := range launch.References(&w.Template.Spec) {
			if r.Name == "" && r.Driver {
				continue // an entry without a name refers to nothing, and the kubelet passes over it
			}
			id := identity{r.Kind, types.NamespacedName{Namespace: w.Namespace, Name: r.Name}}
			if known[id] == nil {
				known[id] = &object{kind: id.kind, key: id.key}
				all = append(all, known[id])
			}
			known[id].uses = append(known[id].uses, use{Reference: r, workload: w})
		}
	}
	return all
}

// references reads each object that the app refers to, once, and judges it.
func (m *measurement) references(ctx context.Context, app *launch.App) {
	all := objects(app)
	if len(all) > maxObjects {
		m.unread = append(m.unread, unread{
			place: m.usePlace(all[maxObjects].uses[0]), fault: v1alpha1.FaultApp, reason: v1alpha1.ReasonNotConfigured, lasting: true,
			message: fmt.Sprintf("The app refers to more than %d Secrets and ConfigMaps, and the rest were not read. Split it into several launches, or gather the keys into fewer objects.", maxObjects),
		})
		all = all[:maxObjects]
	}
	for _, o := range all {
		err := m.object(ctx, o)
		if err == nil {
			continue
		}
		problem := m.classify(ctx, o, err)
		m.unread = append(m.unread, problem)
		if !problem.lasting {
			return // the next object would most likely end the same way, and each takes its time
		}
	}
}

// object reads and judges one object. Its error is that of the API server.
func (m *measurement) object(ctx context.Context, o *object) error {
	if o.key.Name == "" {
		m.missing(o)
		return nil
	}
	var err error
	if o.kind == launch.SecretReference {
		var secret corev1.Secret
		if err = m.reader.Get(ctx, o.key, &secret); err == nil {
			m.secret(o, &secret)
		}
	} else {
		var configMap corev1.ConfigMap
		if err = m.reader.Get(ctx, o.key, &configMap); err == nil {
			m.configMap(ctx, o, &configMap)
		}
	}
	if apierrors.IsNotFound(err) {
		m.missing(o)
		return nil
	}
	return err
}

// missing reports an object that does not exist, once for all places that refer to it. References that are optional
// lead to nothing by design.
func (m *measurement) missing(o *object) {
	m.cases += int32(len(o.uses)) //nolint:gosec // a pod template has at most some ten thousand references
	first, others := -1, 0
	for i, u := range o.uses {
		switch {
		case u.Optional:
		// A reference that keeps the pod from starting says more than a pull secret, which the kubelet does without.
		case first < 0 || o.uses[first].pull() && !u.pull():
			first = i
			others++
		default:
			others++
		}
	}
	if first < 0 {
		return
	}
	u := o.uses[first]
	name := m.tell(o.key.Name, "(name withheld)")
	message := fmt.Sprintf("It refers to the %s %q, which does not exist%s.", o.kind, name, alsoAt(others-1))
	severity, remedy := v1alpha1.SeverityHigh, m.createRemedy(o, u)
	if u.pull() {
		// Images that are public or on the node already still start, so it is not as bad as a pod that can't.
		severity = v1alpha1.SeverityMedium
		message += " The kubelet pulls without it, so a private image fails on every node that does not have it yet."
		remedy = fmt.Sprintf("Create it with `kubectl -n %s create secret docker-registry %s --from-file=.dockerconfigjson=config.json`, or remove the entry if the images are public.",
			m.objectName(o.key.Namespace, "NAMESPACE"), m.objectName(o.key.Name, "NAME"))
	}
	m.add(scorecard.Draft{
		Rule: ruleReferenceMissing, Severity: severity, Place: m.usePlace(u), Message: message, Remedy: remedy, Identity: string(o.kind) + "/" + o.key.Name,
	})
}

func alsoAt(others int) string {
	switch {
	case others <= 0:
		return ""
	case others == 1:
		return " (1 other place refers to it too)"
	default:
		return fmt.Sprintf(" (%d other places refer to it too)", others)
	}
}

func (m *measurement) createRemedy(o *object, u use) string {
	key := "KEY"
	if u.Key != "" {
		key = m.secretKey(u.Key)
	}
	namespace, name := m.objectName(o.key.Namespace, "NAMESPACE"), m.objectName(o.key.Name, "NAME")
	switch {
	case u.Driver:
		return fmt.Sprintf("Create the Secret %s with the keys that the volume's driver documents, or correct the name here.", name)
	case o.kind == launch.SecretReference:
		return fmt.Sprintf("Create it with `kubectl -n %s create secret generic %s --from-file=%s=/dev/stdin`, or correct the name here. If the app can do without it, set `optional: true`.", namespace, name, key)
	default:
		return fmt.Sprintf("Create it with `kubectl -n %s create configmap %s --from-file=%s=FILE`, or correct the name here. If the app can do without it, set `optional: true`.", namespace, name, key)
	}
}

// keyMissing reports a key that the object lacks.
func (m *measurement) keyMissing(o *object, u use) {
	m.add(scorecard.Draft{
		Rule: ruleKeyMissing, Severity: v1alpha1.SeverityHigh, Place: m.usePlace(u), Identity: string(o.kind) + "/" + o.key.Name + "/" + u.Key,
		Message: fmt.Sprintf("It takes the key %q of the %s %q, which has no such key.",
			m.tell(u.Key, "(name withheld)"), o.kind, m.tell(o.key.Name, "(name withheld)")),
		Remedy: fmt.Sprintf("Add the key with `kubectl -n %s edit %s %s`, or correct it here. If the app can do without it, set `optional: true`.",
			m.objectName(o.key.Namespace, "NAMESPACE"), strings.ToLower(string(o.kind)), m.objectName(o.key.Name, "NAME")),
	})
}

// usePlace writes where a reference stands.
func (m *measurement) usePlace(u use) string {
	return m.tell(u.workload.String(), "a workload") + ": " + m.tell(u.Reference.Place, "a reference whose name is withheld")
}

// classify says what an error of the API server means for the measurement.
func (m *measurement) classify(ctx context.Context, o *object, err error) unread {
	place := m.usePlace(o.uses[0])
	name := m.tell(o.key.String(), "(name withheld)")
	var status apierrors.APIStatus
	switch {
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		return timedOut(place)
	case apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err):
		return unread{
			place: place, fault: v1alpha1.FaultOperator, reason: v1alpha1.ReasonNotConfigured, lasting: true,
			message: fmt.Sprintf("The operator may not read the %s %s. Grant its ServiceAccount the verb get on %ss in that namespace (apiGroups: [\"\"], resources: [%ss], verbs: [get]).",
				o.kind, name, strings.ToLower(string(o.kind)), strings.ToLower(string(o.kind))),
		}
	case errors.As(err, &status):
		return unread{
			place: place, fault: v1alpha1.FaultOperator, reason: v1alpha1.ReasonProbeError,
			message: fmt.Sprintf("The API server could not give the %s %s: %s. It is tried again.", o.kind, name, m.tell(status.Status().Message, "(error text withheld)")),
		}
	default:
		return unread{
			place: place, fault: v1alpha1.FaultOperator, reason: v1alpha1.ReasonTargetUnreachable,
			message: fmt.Sprintf("The API server did not answer for the %s %s: %s. It is tried again.", o.kind, name, m.tell(rootCause(err).Error(), "(error text withheld)")),
		}
	}
}

func timedOut(place string) unread {
	return unread{
		place: place, fault: v1alpha1.FaultOperator, reason: v1alpha1.ReasonTimeout,
		message: "The measurement ran out of time before everything was looked at. It is tried again.",
	}
}

// rootCause gives the innermost error: those around it name the connection's ports, which differ every time.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
