// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// object is a Secret or a ConfigMap.
type object struct {
	kind            launch.ReferenceKind
	namespace, name string
}

func (o object) String() string {
	return fmt.Sprintf("%s %s/%s", o.kind, o.namespace, scorecard.Foreign(o.name))
}

// keys are those of an object; nil where it does not exist.
type keys map[string]struct{}

// references looks whether everything that the revision to go back to takes from Secrets and ConfigMaps is still
// there. What the revision that runs refers to is SecretsSafe's business.
func (m *measurement) references(ctx context.Context, s state, h history) error {
	if h.previous == nil {
		return nil
	}
	alsoNow := map[object]bool{}
	for _, ref := range launch.References(&s.Template.Spec) {
		alsoNow[object{ref.Kind, s.Namespace, ref.Name}] = true
	}
	for _, ref := range launch.References(&h.previous.template.Spec) {
		if ref.Optional {
			continue
		}
		m.cases++
		o := object{ref.Kind, s.Namespace, ref.Name}
		got, err := m.keysOf(ctx, o)
		if err != nil {
			return err
		}
		if d, missing := missing(ref, o, got, alsoNow[o]); missing {
			d.Place = s.keptAt(h.previous, ref.Place)
			m.add(d)
		}
	}
	return nil
}

// missing gives the finding on a reference that leads to nothing.
func missing(ref launch.Reference, o object, got keys, alsoNow bool) (scorecard.Draft, bool) {
	otherwise := " Or roll out once more: the revision that runs now then becomes the one to go back to."
	if alsoNow {
		// That one would need it too.
		otherwise = ""
	}
	_, there := got[ref.Key]
	switch {
	case got == nil && ref.Driver && strings.HasPrefix(ref.Place, "imagePullSecrets["):
		d := scorecard.Draft{
			Rule: rulePullSecretMissing, Severity: v1alpha1.SeverityMedium,
			Message: fmt.Sprintf("%s is gone, with which the revision to go back to pulls its images.", o),
			Remedy:  fmt.Sprintf("Create it: `kubectl -n %s create secret docker-registry %s --from-file=.dockerconfigjson=config.json`.", o.namespace, objectName(o.name)) + otherwise,
		}
		if alsoNow {
			// The revision that runs names it too, and runs.
			d.Severity = v1alpha1.SeverityLow
			d.Message = fmt.Sprintf("%s does not exist; the revision that runs names it too, and was pulled without it.", o)
			d.Remedy = "Remove it from imagePullSecrets, or create it."
		}
		return d, true
	case got == nil:
		return scorecard.Draft{
			Rule: ruleReferenceMissing, Severity: v1alpha1.SeverityHigh,
			Message: fmt.Sprintf("%s is gone: the revision to go back to needs it, and its pods would not start.", o),
			Remedy:  "Create it again, with what it held: " + create(o, ref.Key) + otherwise,
		}, true
	case ref.Key != "" && !ref.Driver && !there:
		return scorecard.Draft{
			Rule: ruleKeyMissing, Severity: v1alpha1.SeverityHigh,
			Message: fmt.Sprintf("%s has no key %q any more: the revision to go back to needs it, and its pods would not start.", o, scorecard.Foreign(ref.Key)),
			Remedy:  fmt.Sprintf("Put the key back: `kubectl -n %s edit %s %s`.", o.namespace, strings.ToLower(string(o.kind)), objectName(o.name)) + otherwise,
		}, true
	default:
		return scorecard.Draft{}, false
	}
}

// create is the command that makes the object again, without leaving a value in the shell's history.
func create(o object, key string) string {
	kind := "configmap"
	if o.kind == launch.SecretReference {
		kind = "secret generic"
	}
	if key == "" || len(validation.IsConfigMapKey(key)) > 0 {
		key = "KEY"
	}
	return fmt.Sprintf("`kubectl -n %s create %s %s --from-file=%s=/dev/stdin` (paste, then Ctrl-D).", o.namespace, kind, objectName(o.name), key)
}

// keysOf gives the keys of an object, got once a measurement.
func (m *measurement) keysOf(ctx context.Context, o object) (keys, error) {
	if got, known := m.objects[o]; known {
		return got, nil
	}
	if len(validation.IsDNS1123Subdomain(o.name)) > 0 {
		// No object can have such a name, and the client would refuse to ask for it.
		m.objects[o] = nil
		return nil, nil
	}
	got, err := m.get(ctx, o)
	if apierrors.IsNotFound(err) {
		got, err = nil, nil
	}
	if err != nil {
		return nil, access{verb: "get", resource: strings.ToLower(string(o.kind)) + "s", what: o.String()}.failed(err)
	}
	m.objects[o] = got
	return got, nil
}

// get reads an object and forgets its values at once.
func (m *measurement) get(ctx context.Context, o object) (keys, error) {
	key := client.ObjectKey{Namespace: o.namespace, Name: o.name}
	got := keys{}
	if o.kind == launch.SecretReference {
		var secret corev1.Secret
		if err := m.live.Get(ctx, key, &secret); err != nil {
			return nil, err
		}
		for k := range secret.Data {
			got[k] = struct{}{}
		}
		return got, nil
	}
	var configMap corev1.ConfigMap
	if err := m.live.Get(ctx, key, &configMap); err != nil {
		return nil, err
	}
	for k := range configMap.Data {
		got[k] = struct{}{}
	}
	for k := range configMap.BinaryData {
		got[k] = struct{}{}
	}
	return got, nil
}
