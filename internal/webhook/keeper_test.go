// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	operatorNamespace = "launchready-system"
	hookName          = "launchready-webhook"
	host              = "launchready-webhook.launchready-system.svc"
)

// handshake may take this long.
const handshake = 5 * time.Second

var epoch = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// plane is an API server with a configuration, and what replicas log.
type plane struct {
	client.WithWatch
	clock *clocktesting.FakeClock
	mu    sync.Mutex
	log   strings.Builder
}

func newPlane(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) *plane {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), admissionregistrationv1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).Build()
	return &plane{WithWatch: c, clock: clocktesting.NewFakeClock(epoch)}
}

// configuration asks two webhooks, so that none is forgotten.
func configuration() *admissionregistrationv1.ValidatingWebhookConfiguration {
	config := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: hookName}}
	for _, name := range []string{"a.launchready.dev", "b.launchready.dev"} {
		config.Webhooks = append(config.Webhooks, admissionregistrationv1.ValidatingWebhook{
			Name: name, AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionregistrationv1.SideEffectClassNone),
			FailurePolicy: new(admissionregistrationv1.Ignore),
			ClientConfig:  admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: operatorNamespace, Name: hookName}},
		})
	}
	return config
}

func (p *plane) replica() *Keeper {
	return &Keeper{Client: p, Namespace: operatorNamespace, Name: hookName, Clock: p.clock}
}

func (p *plane) logged(ctx context.Context) context.Context {
	return log.IntoContext(ctx, funcr.New(func(_, args string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.log.WriteString(args + "\n")
	}, funcr.Options{Verbosity: 10}))
}

func (p *plane) keep(t *testing.T, k *Keeper) {
	t.Helper()
	if err := k.Keep(p.logged(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func (p *plane) secret(t *testing.T) *corev1.Secret {
	t.Helper()
	var s corev1.Secret
	if err := p.Get(t.Context(), client.ObjectKey{Namespace: operatorNamespace, Name: hookName}, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// bundle is what the API server trusts, for both webhooks.
func (p *plane) bundle(t *testing.T) []byte {
	t.Helper()
	var config admissionregistrationv1.ValidatingWebhookConfiguration
	if err := p.Get(t.Context(), client.ObjectKey{Name: hookName}, &config); err != nil {
		t.Fatal(err)
	}
	if len(config.Webhooks) != 2 || !bytes.Equal(config.Webhooks[0].ClientConfig.CABundle, config.Webhooks[1].ClientConfig.CABundle) {
		t.Fatalf("%d webhooks, or they trust different ones", len(config.Webhooks))
	}
	if hook := config.Webhooks[1]; hook.ClientConfig.Service == nil || hook.FailurePolicy == nil || *hook.FailurePolicy != admissionregistrationv1.Ignore {
		t.Fatalf("the rest of the configuration was changed: %+v", hook)
	}
	return config.Webhooks[0].ClientConfig.CABundle
}

// trusted does a handshake as the API server does it.
func (p *plane) trusted(t *testing.T, k *Keeper) error {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.bundle(t))
	inside, outside := net.Pipe()
	// Nothing is buffered: where the client refuses, both sides may be writing.
	if err := errors.Join(inside.SetDeadline(time.Now().Add(handshake)), outside.SetDeadline(time.Now().Add(handshake))); err != nil {
		t.Fatal(err)
	}
	server := tls.Server(inside, &tls.Config{GetCertificate: k.GetCertificate, MinVersion: tls.VersionTLS12, Time: p.clock.Now})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.HandshakeContext(t.Context()) // the other side tells
		_ = inside.Close()
	}()
	err := tls.Client(outside, &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12, Time: p.clock.Now}).HandshakeContext(t.Context())
	_ = outside.Close()
	<-ended
	return err
}

func (p *plane) mustTrust(t *testing.T, replicas ...*Keeper) {
	t.Helper()
	for i, k := range replicas {
		if err := p.trusted(t, k); err != nil {
			t.Errorf("the API server does not trust replica %d: %v", i, err)
		}
	}
}

func TestTheFirstReplicaMakesACertificateAndTheOthersTakeIt(t *testing.T) {
	p := newPlane(t, interceptor.Funcs{}, configuration())
	one, two := p.replica(), p.replica()
	if _, err := one.GetCertificate(nil); err == nil {
		t.Error("there is a certificate before there is any")
	}
	if one.NeedLeaderElection() {
		t.Error("replicas that do not lead would serve without a certificate")
	}
	p.keep(t, one)
	made := p.secret(t)
	p.keep(t, two)
	p.keep(t, one)
	if p.secret(t).ResourceVersion != made.ResourceVersion {
		t.Error("the Secret was written again")
	}
	p.mustTrust(t, one, two)

	certificate, err := one.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	public, ok := certificate.Leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() || certificate.Leaf.IsCA || !certificate.Leaf.NotAfter.Equal(epoch.Add(lifetime)) {
		t.Errorf("not what was meant to be made: %T, CA %v, until %s", certificate.Leaf.PublicKey, certificate.Leaf.IsCA, certificate.Leaf.NotAfter)
	}
	if made.Type != corev1.SecretTypeTLS || len(made.Data) != 3 {
		t.Errorf("the Secret is of type %s with %d fields", made.Type, len(made.Data))
	}
	p.keepsItToItself(t)
}

// keepsItToItself sees that no log has anything of a key.
func (p *plane) keepsItToItself(t *testing.T) {
	t.Helper()
	logged := p.log.String()
	if logged == "" {
		t.Error("nothing was logged at all")
	}
	key := string(p.secret(t).Data[corev1.TLSPrivateKeyKey])
	for _, part := range append(strings.Split(key, "\n")[1:3], "PRIVATE KEY") {
		if strings.Contains(logged, part) {
			t.Error("the log has something of the private key")
		}
	}
}

func TestACertificateIsRenewedInTimeWithoutAGap(t *testing.T) {
	p := newPlane(t, interceptor.Funcs{}, configuration())
	one, two := p.replica(), p.replica()
	p.keep(t, one)
	p.keep(t, two)
	first := p.secret(t)

	p.clock.SetTime(epoch.Add(lifetime - renewBefore))
	p.keep(t, one)
	if p.secret(t).ResourceVersion != first.ResourceVersion {
		t.Error("it was renewed too soon")
	}
	p.clock.Step(time.Second)
	p.keep(t, one)
	second := p.secret(t)
	if bytes.Equal(second.Data[corev1.TLSCertKey], first.Data[corev1.TLSCertKey]) || bytes.Equal(second.Data[corev1.TLSPrivateKeyKey], first.Data[corev1.TLSPrivateKeyKey]) {
		t.Fatal("it was not renewed, or keeps its key")
	}
	p.mustTrust(t, one, two) // two still serves with the first
	p.keep(t, two)
	p.mustTrust(t, one, two)

	// What is trusted does not grow for ever, and what has ended is trusted no more.
	for range 5 {
		p.clock.Step(lifetime - renewBefore + time.Second)
		p.keep(t, two)
		p.mustTrust(t, one, two)
		p.keep(t, one)
	}
	if n := len(certificates(p.bundle(t))); n != 2 {
		t.Errorf("%d certificates are trusted, want 2", n)
	}
	p.clock.Step(3 * lifetime)
	p.keep(t, one)
	if n := len(certificates(p.bundle(t))); n != 1 {
		t.Errorf("%d certificates are trusted after a long absence, want 1", n)
	}
	p.mustTrust(t, one)
}

func TestASecretThatWillNotDoIsReplaced(t *testing.T) {
	other, err := issue(host, epoch, nil)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := issue("other.launchready-system.svc", epoch, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(map[string][]byte){
		"it is empty":         func(d map[string][]byte) { clear(d) },
		"garbage for the key": func(d map[string][]byte) { d[corev1.TLSPrivateKeyKey] = []byte("hunter2") },
		"garbage for all": func(d map[string][]byte) {
			d[caField], d[corev1.TLSCertKey], d[corev1.TLSPrivateKeyKey] = []byte("a"), []byte("b"), []byte("c")
		},
		"nothing to trust":        func(d map[string][]byte) { d[caField] = nil },
		"another's certificate":   func(d map[string][]byte) { d[corev1.TLSCertKey] = other[corev1.TLSCertKey] },
		"another's authority":     func(d map[string][]byte) { d[caField] = other[caField] },
		"for another host":        func(d map[string][]byte) { copyAll(d, elsewhere) },
		"an authority for a host": func(d map[string][]byte) { d[corev1.TLSCertKey] = d[caField] },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlane(t, interceptor.Funcs{}, configuration())
			one, two := p.replica(), p.replica()
			p.keep(t, one)
			s := p.secret(t)
			spoil(s.Data)
			if err := p.Update(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			p.keep(t, two) // a replica that knows nothing of what was before
			p.mustTrust(t, two)
			p.keep(t, one)
			p.mustTrust(t, one, two)
			if strings.Contains(p.log.String(), "hunter2") {
				t.Error("the log has what the Secret held")
			}
			if n := len(certificates(p.bundle(t))); n != 1 {
				t.Errorf("%d certificates are trusted: one of a Secret that somebody wrote is among them", n)
			}
		})
	}
}

func copyAll(to, from map[string][]byte) {
	for k, v := range from {
		to[k] = v
	}
}

func TestADeletedSecretIsMadeAnewAndWhoServesWithTheOldOneIsTrustedStill(t *testing.T) {
	p := newPlane(t, interceptor.Funcs{}, configuration())
	one, two := p.replica(), p.replica()
	p.keep(t, one)
	p.keep(t, two)
	if err := p.Delete(t.Context(), p.secret(t)); err != nil {
		t.Fatal(err)
	}
	p.keep(t, one)
	p.mustTrust(t, one, two)
	p.keep(t, two)
	p.mustTrust(t, one, two)
}

func TestAConfigurationThatLostItsBundleOrComesLaterGetsIt(t *testing.T) {
	p := newPlane(t, interceptor.Funcs{})
	one := p.replica()
	p.keep(t, one)
	if _, err := one.GetCertificate(nil); err != nil {
		t.Errorf("no certificate without a configuration: %v", err)
	}
	p.keep(t, one)
	if n := strings.Count(p.log.String(), "nobody asks"); n != 1 {
		t.Errorf("it was said %d times that nobody asks, want once", n)
	}
	config := configuration()
	if err := p.Create(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	p.keep(t, one)
	p.mustTrust(t, one)
	if err := p.Get(t.Context(), client.ObjectKeyFromObject(config), config); err != nil {
		t.Fatal(err)
	}
	config.Webhooks[1].ClientConfig.CABundle = []byte("x")
	if err := p.Update(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	p.keep(t, one)
	p.mustTrust(t, one)
}

// Two replicas look at the same moment, and the second writes after the first did.
func TestReplicasThatRaceAgree(t *testing.T) {
	for name, before := range map[string]func(*testing.T, *plane, *Keeper){
		"to make it": func(*testing.T, *plane, *Keeper) {},
		"to renew it": func(t *testing.T, p *plane, k *Keeper) {
			p.keep(t, k)
			p.clock.Step(lifetime - renewBefore + time.Hour)
		},
		"to replace what fell": func(t *testing.T, p *plane, k *Keeper) { p.keep(t, k); p.clock.Step(2 * lifetime) },
	} {
		t.Run(name, func(t *testing.T) {
			var p *plane
			var faster func()
			race := func() {
				if f := faster; f != nil {
					faster = nil
					f()
				}
			}
			p = newPlane(t, interceptor.Funcs{
				Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
					race()
					return c.Create(ctx, obj, opts...)
				},
				Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
					race()
					return c.Update(ctx, obj, opts...)
				},
			}, configuration())
			one, two := p.replica(), p.replica()
			before(t, p, one)
			var won *corev1.Secret
			faster = func() { p.keep(t, two); won = p.secret(t) }
			if err := one.Keep(p.logged(t.Context())); !errors.Is(err, errRaced) {
				t.Fatalf("got %v, want that somebody was faster", err)
			}
			p.keep(t, one)
			if won == nil || p.secret(t).ResourceVersion != won.ResourceVersion {
				t.Error("the slower one wrote over the faster one")
			}
			p.mustTrust(t, one, two)
		})
	}
}

// A replica that has read an old Secret must not take back the trust in the new one.
func TestAnOldBundleNeverReplacesANewerOne(t *testing.T) {
	var between func()
	p := newPlane(t, interceptor.Funcs{Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
		if f := between; f != nil {
			between = nil
			f()
		}
		return c.Apply(ctx, obj, opts...)
	}}, configuration())
	one, two := p.replica(), p.replica()
	between = func() {
		p.clock.Step(lifetime - renewBefore + time.Hour)
		p.keep(t, two)
	}
	if err := one.Keep(p.logged(t.Context())); !errors.Is(err, errRaced) {
		t.Fatalf("got %v, want that somebody was faster", err)
	}
	p.mustTrust(t, two)
	p.keep(t, one)
	p.mustTrust(t, one, two)
}

func TestWhatFailsIsTriedAgainAndServingGoesOn(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, hookName, errors.New("no role"))
	answers := make(chan error)
	p := newPlane(t, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
		if _, isSecret := obj.(*corev1.Secret); isSecret {
			if err := <-answers; err != nil {
				return err
			}
		}
		return c.Get(ctx, key, obj, opts...)
	}}, configuration())
	one := p.replica()
	ctx, cancel := context.WithCancel(p.logged(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- one.Start(ctx) }()

	answers <- forbidden
	for _, next := range []struct {
		after time.Duration
		err   error
	}{
		{retryFirst, forbidden}, {2 * retryFirst, forbidden}, {4 * retryFirst, nil}, {lookAgain, nil}, {lookAgain, forbidden}, {retryFirst, nil}, {lookAgain, forbidden},
	} {
		p.awaitTimer(t)
		p.clock.Step(next.after - time.Millisecond)
		if !p.clock.HasWaiters() {
			t.Fatalf("it was tried again sooner than after %s", next.after)
		}
		p.clock.Step(time.Millisecond)
		if p.clock.HasWaiters() {
			t.Fatalf("it was not tried again after %s", next.after)
		}
		answers <- next.err
	}
	p.awaitTimer(t)
	if _, err := one.GetCertificate(nil); err != nil {
		t.Errorf("it stopped serving: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
	if n := strings.Count(p.log.String(), "no role"); n != 5 {
		t.Errorf("the log says %d times why, want 5:\n%s", n, p.log.String())
	}
}

// awaitTimer waits until the keeper waits.
func (p *plane) awaitTimer(t *testing.T) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) { return p.clock.HasWaiters(), nil })
	if err != nil {
		t.Fatal(err)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{":9443": "", "127.0.0.1:1": "", "[::1]:9443": "", "9443": "no address", ":0": "no port", ":http": "no port", ":65536": "no port", "": "no address"} {
		_, err := NewServer(ServerOptions{Address: address}, newHandler(t))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", address, err, want)
		}
	}
}
