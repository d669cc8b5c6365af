// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	admissionregistrationv1ac "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// lookAgain is how often the Secret and the configuration are read: neither is watched, for that takes the right to list Secrets.
	// A caBundle that somebody takes away is back after it.
	lookAgain = time.Minute
	// retryFirst is the wait after a failure, doubled until it is lookAgain.
	retryFirst = time.Second
	// fieldOwner of the caBundle.
	fieldOwner = client.FieldOwner("launchready-webhook")
)

// Keeper keeps the webhook's certificate, where nobody else does: in a Secret, for all replicas alike, and tells the API server to
// trust it. Every replica runs one; who is first writes, and the others take what is written.
//
// It implements manager.Runnable and manager.LeaderElectionRunnable.
type Keeper struct {
	// Client reads from the API server itself: a cache would list Secrets.
	Client client.Client
	// Namespace of the operator; Name is that of the Service, of the Secret and of the ValidatingWebhookConfiguration.
	Namespace, Name string
	Clock           clock.Clock

	serving atomic.Pointer[material]
	orphan  atomic.Bool
}

// Host is the name by which the API server calls a Service.
func Host(namespace, name string) string { return name + "." + namespace + ".svc" }

// errRaced says that another replica wrote in between.
var errRaced = errors.New("somebody else wrote in between")

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica serves.
func (*Keeper) NeedLeaderElection() bool { return false }

// GetCertificate gives the certificate to serve with, for tls.Config.
func (k *Keeper) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if m := k.serving.Load(); m != nil {
		return &m.certificate, nil
	}
	return nil, errors.New("there is no certificate yet")
}

// Start keeps the certificate until the context ends. What fails is tried again: without a certificate the API server lets pass
// what it would ask about, and that is no reason to end the operator.
func (k *Keeper) Start(ctx context.Context) error {
	logger := log.FromContext(ctx).WithName("webhook").WithValues("secret", klog.KRef(k.Namespace, k.Name))
	ctx = log.IntoContext(ctx, logger)
	retry := retryFirst
	for {
		wait := lookAgain
		if err := k.Keep(ctx); err == nil {
			retry = retryFirst
		} else {
			wait, retry = retry, min(2*retry, lookAgain)
			if !errors.Is(err, errRaced) && ctx.Err() == nil {
				logger.Error(err, "the webhook's certificate could not be kept; what is written passes without validation if there is none")
			}
		}
		timer := k.Clock.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C():
		}
	}
}

// Keep makes a certificate if there is none that will do for a while, has the API server trust it, and serves with it from then on.
//
// The configuration is read before the Secret and written by the version that was read: whoever wrote a newer Secret in between
// wrote its caBundle after that, so that an older one never replaces it.
func (k *Keeper) Keep(ctx context.Context) error {
	config, err := k.configuration(ctx)
	if err != nil {
		return err
	}
	m, err := k.material(ctx)
	if err != nil {
		return err
	}
	if config != nil {
		if err := k.trust(ctx, config, m.bundle); err != nil {
			return err
		}
	}
	k.serving.Store(m)
	return nil
}

// configuration gives the ValidatingWebhookConfiguration, or nil if there is none: then nobody asks, until there is.
func (k *Keeper) configuration(ctx context.Context) (*admissionregistrationv1.ValidatingWebhookConfiguration, error) {
	var config admissionregistrationv1.ValidatingWebhookConfiguration
	err := k.Client.Get(ctx, client.ObjectKey{Name: k.Name}, &config)
	if apierrors.IsNotFound(err) {
		if !k.orphan.Swap(true) {
			log.FromContext(ctx).Info("nobody asks the webhook: there is no such ValidatingWebhookConfiguration", "name", k.Name)
		}
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("reading ValidatingWebhookConfiguration %s: %w", k.Name, err)
	}
	k.orphan.Store(false)
	return &config, nil
}

// material gives what the Secret holds, after replacing what will not do.
func (k *Keeper) material(ctx context.Context) (*material, error) {
	var secret corev1.Secret
	key := client.ObjectKey{Namespace: k.Namespace, Name: k.Name}
	err := k.Client.Get(ctx, key, &secret)
	absent := apierrors.IsNotFound(err)
	if err != nil && !absent {
		return nil, fmt.Errorf("reading Secret %s: %w", key, err)
	}
	host, now := Host(k.Namespace, k.Name), k.Clock.Now()
	found, problem := read(secret.Data, host, now)
	if problem == nil && !found.due(now) {
		return found, nil
	}
	data, err := issue(host, now, k.before(found))
	if err != nil {
		return nil, err
	}
	made, err := read(data, host, now)
	if err != nil {
		return nil, fmt.Errorf("making a certificate for %s: %w", host, err)
	}
	if err := k.write(ctx, &secret, absent, data); err != nil {
		return nil, err
	}
	logger := log.FromContext(ctx).WithValues("host", host, "until", made.until)
	switch {
	case absent:
		logger.Info("made the webhook's certificate")
	case problem != nil:
		logger.Info("made the webhook's certificate anew: the Secret will not do", "why", problem.Error())
	default:
		logger.Info("renewed the webhook's certificate")
	}
	return made, nil
}

// before gives what replicas may still serve with: what the Secret held if it was right, or else what this one serves with.
func (k *Keeper) before(found *material) []byte {
	if found == nil {
		found = k.serving.Load()
	}
	if found == nil {
		return nil
	}
	return found.bundle
}

// write writes the Secret, unless somebody else did since it was read.
func (k *Keeper) write(ctx context.Context, secret *corev1.Secret, absent bool, data map[string][]byte) error {
	var err error
	if absent {
		err = k.Client.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: k.Namespace, Name: k.Name, Labels: map[string]string{"app.kubernetes.io/name": "launchready", "app.kubernetes.io/component": "webhook"},
			},
			Type: corev1.SecretTypeTLS, Data: data,
		}, fieldOwner)
	} else {
		secret.Data = data
		err = k.Client.Update(ctx, secret, fieldOwner)
	}
	switch {
	case apierrors.IsAlreadyExists(err), apierrors.IsConflict(err), apierrors.IsNotFound(err) && !absent:
		return errRaced
	case err != nil:
		return fmt.Errorf("writing Secret %s/%s: %w", k.Namespace, k.Name, err)
	}
	return nil
}

// trust writes the caBundle where it is another, and nothing else of the configuration.
func (k *Keeper) trust(ctx context.Context, config *admissionregistrationv1.ValidatingWebhookConfiguration, bundle []byte) error {
	apply := admissionregistrationv1ac.ValidatingWebhookConfiguration(config.Name).WithResourceVersion(config.ResourceVersion).WithUID(config.UID)
	changed := false
	for i := range config.Webhooks {
		hook := &config.Webhooks[i]
		changed = changed || !bytes.Equal(hook.ClientConfig.CABundle, bundle)
		apply.WithWebhooks(admissionregistrationv1ac.ValidatingWebhook().WithName(hook.Name).
			WithClientConfig(admissionregistrationv1ac.WebhookClientConfig().WithCABundle(bundle...)))
	}
	if !changed {
		return nil
	}
	err := k.Client.Apply(ctx, apply, fieldOwner, client.ForceOwnership)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return errRaced
	}
	if err != nil {
		return fmt.Errorf("writing the caBundle of ValidatingWebhookConfiguration %s: %w", config.Name, err)
	}
	return nil
}
