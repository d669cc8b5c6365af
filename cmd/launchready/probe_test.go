// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/netguard"
	"github.com/launchready/launchready/internal/probe"
)

// plantedPassword is what no output may hold.
const plantedPassword = "correct-horse-Zq7Lw9Xv2Tb5"

const probedDescription = `
indexingSeconds: 0
identities:
- {name: alice, tenant: acme, credentialsSecretRef: {name: probe-alice}}
- {name: bob, tenant: globex, credentialsSecretRef: {name: probe-bob}}
login:
  steps:
  - request: {method: POST, path: /api/login, json: {email: $(credentials.email), password: $(credentials.password)}}
    capture: {token: response.json.token}
authenticate: {headers: {Authorization: Bearer $(token)}}
resources:
- name: conversations
  create:
    request: {method: POST, path: /api/conversations, json: {title: $(canary)}}
    capture: {id: response.json.id}
  item: {path: /api/conversations/$(id)}
`

// chatbot is an app that anybody with an account may read everything of. It tells the password of whoever asks, as some apps do.
type chatbot struct {
	mu       sync.Mutex
	titles   map[string]string
	requests atomic.Int32
	hosts    sync.Map
}

// ServeHTTP implements http.Handler.
func (c *chatbot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.requests.Add(1)
	c.hosts.Store(r.Host, true)
	w.Header().Set("Content-Type", "application/json")
	var body map[string]string
	_ = json.NewDecoder(r.Body).Decode(&body)
	if r.Method == http.MethodPost && r.URL.Path == "/api/login" {
		if body["password"] != plantedPassword {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"token": "token-of-" + body["email"]})
		return
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer token-of-") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id, isItem := strings.CutPrefix(r.URL.Path, "/api/conversations/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/api/conversations":
		id := fmt.Sprintf("c-%d", len(c.titles)+1)
		c.titles[id] = body["title"]
		_ = json.NewEncoder(w).Encode(map[string]string{"id": id})
	case r.Method == http.MethodGet && isItem && c.titles[id] != "":
		_ = json.NewEncoder(w).Encode(map[string]string{"id": id, "title": c.titles[id], "debug": plantedPassword})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// probeRig is what the operator and the kubelet lay out for a probe.
type probeRig struct {
	testing.TB
	spec    probe.Spec
	options probeOptions
	log     bytes.Buffer
}

func newProbeRig(t *testing.T, app http.Handler) *probeRig {
	t.Helper()
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	rig := &probeRig{TB: t, options: probeOptions{credentials: t.TempDir(), result: filepath.Join(t.TempDir(), "termination-log")}}
	rig.spec = probe.Spec{
		SchemaVersion: probe.SchemaVersion, Suite: probe.SuiteAccess, Nonce: "0123456789abcdef", Namespace: "shop", Launch: "chat", LaunchUID: "uid",
		Revision: "r", Run: 1, Attempt: 1, DeadlineSeconds: 60, MaxRequests: 5_000, Version: "test",
		Target: probe.Target{BaseURL: server.URL, Host: "chat.example.com", Addresses: []netip.AddrPort{netip.MustParseAddrPort(server.Listener.Addr().String())}},
	}
	if err := yaml.UnmarshalStrict([]byte(probedDescription), &rig.spec.App); err != nil {
		t.Fatal(err)
	}
	for _, identity := range rig.spec.App.Identities {
		// As Kubernetes mounts a Secret.
		dir := filepath.Join(rig.options.credentials, identity.Name)
		if err := os.MkdirAll(filepath.Join(dir, "..data"), 0o700); err != nil {
			t.Fatal(err)
		}
		for key, value := range map[string]string{"email": identity.Name + "@example.com", "password": plantedPassword + "\n"} {
			if err := os.WriteFile(filepath.Join(dir, "..data", key), []byte(value), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join("..data", key), filepath.Join(dir, key)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return rig
}

func (r *probeRig) env() string {
	r.Helper()
	env, err := r.spec.Env()
	if err != nil {
		r.Fatal(err)
	}
	return env
}

// result reads what the probe left, as the operator does.
func (r *probeRig) result() probe.Result {
	r.Helper()
	message, err := os.ReadFile(r.options.result)
	if err != nil {
		r.Fatal(err)
	}
	if len(message) > probe.MaxResultBytes {
		r.Errorf("the result has %d bytes", len(message))
	}
	result, err := probe.Decode(message, probe.Expected{Nonce: r.spec.Nonce, Suite: r.spec.Suite, LaunchUID: r.spec.LaunchUID})
	if err != nil {
		r.Fatalf("%v: %s", err, message)
	}
	for what, text := range map[string]string{"the result": string(message), "the log": r.log.String()} {
		if strings.Contains(text, plantedPassword) || strings.Contains(text, "token-of-") {
			r.Errorf("%s holds a credential", what)
		}
	}
	return result
}

func TestProbeLeavesItsResultAndItsEvidence(t *testing.T) {
	app := &chatbot{titles: map[string]string{}}
	r := newProbeRig(t, app)
	if err := runProbe(t.Context(), r.env(), &r.log, r.options); err != nil {
		t.Fatal(err)
	}
	result := r.result()
	tenants := result.Rows[slices.IndexFunc(result.Rows, func(row probe.RowResult) bool { return row.Row == v1alpha1.RowTenantIsolated })]
	if tenants.Verdict != v1alpha1.VerdictFail || len(tenants.Findings) == 0 {
		t.Fatalf("TenantIsolated is %+v", tenants)
	}
	evidence, err := probe.ReadEvidence(r.log.Bytes(), result.EvidenceSHA256)
	if err != nil {
		t.Fatal(err)
	}
	if len(evidence) != result.EvidenceLines || len(probe.Findings(evidence, v1alpha1.RowTenantIsolated)) == 0 {
		t.Errorf("the evidence is %+v", evidence)
	}
	if result.Requests == 0 || result.Requests < int(app.requests.Load()) {
		t.Errorf("%d requests were counted, the app got %d", result.Requests, app.requests.Load())
	}
	if _, asked := app.hosts.Load("chat.example.com"); !asked {
		t.Error("the app was not asked for by its name")
	}
	if !slices.Contains(result.Notes, policyUnknown) {
		t.Errorf("the notes are %q", result.Notes)
	}
}

// brokenWriter is a log that nobody takes.
type brokenWriter struct{}

// Write implements io.Writer.
func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestWhatWasFoundCountsWithoutItsEvidence(t *testing.T) {
	r := newProbeRig(t, &chatbot{titles: map[string]string{}})
	if err := runProbe(t.Context(), r.env(), brokenWriter{}, r.options); err != nil {
		t.Fatal(err)
	}
	result := r.result()
	if !slices.ContainsFunc(result.Rows, func(row probe.RowResult) bool { return row.Verdict == v1alpha1.VerdictFail }) {
		t.Errorf("the rows are %+v", result.Rows)
	}
	if result.EvidenceSHA256 != "" || !slices.Contains(result.Notes, "The evidence could not be written to the log.") {
		t.Errorf("the result is %+v", result)
	}
}

func TestProbeThatCanNotBeginSaysWhy(t *testing.T) {
	for name, test := range map[string]struct {
		change func(r *probeRig)
		env    func(env string) string
		says   string
	}{
		"no environment":   {env: func(string) string { return "" }, says: "LAUNCHREADY_PROBE is not set"},
		"no spec":          {env: func(string) string { return "{}" }, says: "schemaVersion is 0"},
		"half a spec":      {env: func(env string) string { return env[:len(env)/2] }, says: "reading LAUNCHREADY_PROBE"},
		"an unknown suite": {env: func(env string) string { return strings.Replace(env, `"access"`, `"everything"`, 1) }, says: `suite "everything" is unknown`},
		"an unknown field": {env: func(env string) string { return strings.Replace(env, `{`, `{"root":true,`, 1) }, says: "unknown field"},
		"no credentials":   {change: func(r *probeRig) { r.options.credentials = filepath.Join(r.options.credentials, "none") }, says: "reading the credentials of alice"},
		"a credential too long": {change: func(r *probeRig) {
			if err := os.WriteFile(filepath.Join(r.options.credentials, "bob", "cert"), bytes.Repeat([]byte("x"), maxCredential+1), 0o600); err != nil {
				r.Fatal(err)
			}
		}, says: "the credentials of bob: key cert is longer than"},
		"an address that is not proven": {change: func(r *probeRig) {
			r.spec.Target.Addresses = []netip.AddrPort{netip.MustParseAddrPort("10.1.0.1:8080")}
		}, says: "127.0.0.1"},
		"another port of the address": {change: func(r *probeRig) {
			a := r.spec.Target.Addresses[0]
			r.spec.Target.Addresses = []netip.AddrPort{netip.AddrPortFrom(a.Addr(), a.Port()^1)}
		}, says: "127.0.0.1"},
		"nowhere to write": {change: func(r *probeRig) { r.options.result = filepath.Join(r.options.result, "none", "result") }, says: "writing the result"},
	} {
		t.Run(name, func(t *testing.T) {
			app := &chatbot{titles: map[string]string{}}
			r := newProbeRig(t, app)
			if test.change != nil {
				test.change(r)
			}
			env := r.env()
			if test.env != nil {
				env = test.env(env)
			}
			err := runProbe(t.Context(), env, &r.log, r.options)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("it says %v, want %q", err, test.says)
			}
			if strings.Contains(err.Error(), plantedPassword) {
				t.Errorf("the error holds a credential: %v", err)
			}
			if n := app.requests.Load(); n != 0 && name != "nowhere to write" {
				t.Errorf("the app got %d requests", n)
			}
			if _, err := os.Stat(r.options.result); err == nil {
				t.Error("there is a result all the same")
			}
		})
	}
}

// The hosts of a login are dialled by another guard than the app: neither leads where the other does.
func TestALoginHasAGuardOfItsOwn(t *testing.T) {
	app := &chatbot{titles: map[string]string{}}
	r := newProbeRig(t, app)
	target, err := targetOf(r.spec)
	if err != nil || target.Visits != nil {
		t.Fatalf("%v, %v", target, err)
	}
	r.spec.App.Login.Hosts = []v1alpha1.PublicHost{"idp.example.com"}
	r.spec.App.Login.Steps = []v1alpha1.HTTPStep{{Request: v1alpha1.HTTPRequest{Host: "idp.example.com", Path: "/"}}}
	if target, err = targetOf(r.spec); err != nil || target.Visits == nil {
		t.Fatalf("%v, %v", target, err)
	}
	base := *target.Base
	base.Host = "idp.example.com:443"
	var refused *netguard.RefusedError
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base.String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := target.Transport.RoundTrip(request); !errors.As(err, &refused) {
		if err == nil {
			_ = resp.Body.Close()
		}
		t.Errorf("the app's transport went to the provider: %v", err)
	}
	r.spec.App.Login.Hosts = []v1alpha1.PublicHost{v1alpha1.PublicHost(target.Base.Host)}
	visits, err := visitsOf(r.spec.App.Login)
	if err != nil {
		t.Fatal(err)
	}
	target.Visits = visits
	step, err := httpstep.CompileStep(v1alpha1.HTTPStep{Request: v1alpha1.HTTPRequest{Host: target.Base.Host, Path: "/"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := step.LogIn(t.Context(), target, nil, nil); !errors.As(err, &refused) || app.requests.Load() > 0 {
		t.Errorf("a login went to the app's address as to a provider's: %v", err)
	}
}

// A sink of logs is dialled by a guard of its own, with the keys of its own Secret.
func TestASinkHasAGuardOfItsOwn(t *testing.T) {
	r := newProbeRig(t, &chatbot{titles: map[string]string{}})
	target, err := targetOf(r.spec)
	if err != nil {
		t.Fatal(err)
	}
	inside := v1alpha1.PublicHost(target.Base.Host)
	ref := &v1alpha1.SecretReference{Name: "tracker-reader"}
	run := &suiteRun{spec: r.spec, target: target, sinks: t.TempDir()}
	run.spec.Sinks = []v1alpha1.LogSink{
		{Name: "tracker", Query: &v1alpha1.LogQuery{Host: "tracker.example.com:8443", CredentialsSecretRef: ref}}, {Name: "inside", Query: &v1alpha1.LogQuery{Host: inside}},
	}
	if _, err := run.askedSinks(); err == nil || !strings.Contains(err.Error(), "sink tracker") {
		t.Errorf("its Secret is not there: %v", err)
	}
	dir := filepath.Join(run.sinks, "tracker")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "token"), []byte("a-reader\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	sinks, err := run.askedSinks()
	if err != nil || len(sinks) != 2 {
		t.Fatalf("%v, %v", sinks, err)
	}
	if diff := cmp.Diff(map[string]string{"token": "a-reader"}, sinks[0].Credentials); diff != "" || sinks[0].Target.Base.String() != "https://tracker.example.com:8443" || sinks[0].Target.Budget != target.Budget {
		t.Errorf("%+v %s", sinks[0].Target, diff)
	}
	var refused *netguard.RefusedError
	if _, err := sinks[1].Target.Send(t.Context(), httpstep.Request{Method: http.MethodGet, Path: "/", Header: http.Header{}}, nil); !errors.As(err, &refused) {
		t.Errorf("a query went to the app's address as to a sink's: %v", err)
	}
}

func TestProbeWhoseTimeIsUpSaysSo(t *testing.T) {
	hangs := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx context.Context
		app http.Handler
	}{
		"its deadline":   {t.Context(), hangs},
		"it was stopped": {ended, &chatbot{titles: map[string]string{}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newProbeRig(t, test.app)
			r.spec.DeadlineSeconds = 1
			r.spec.PolicyCanary = "127.0.0.1:1"
			if err := runProbe(test.ctx, r.env(), &r.log, r.options); err != nil {
				t.Fatal(err)
			}
			for _, row := range r.result().Rows {
				if row.Verdict != v1alpha1.VerdictUnknown || row.Reason != v1alpha1.ReasonTimeout || row.Fault != v1alpha1.FaultOperator {
					t.Errorf("%s is %+v", row.Row, row)
				}
			}
		})
	}
}

func TestProbeWaitsForItsNetworkPolicy(t *testing.T) {
	listen := func(t *testing.T) net.Listener {
		t.Helper()
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	waited := func(ctx context.Context, canary string) (string, time.Duration) {
		start := time.Now()
		note := awaitPolicy(ctx, canary)
		return note, time.Since(start)
	}
	t.Run("it comes into force after a second", func(t *testing.T) {
		l := listen(t)
		time.AfterFunc(time.Second, func() { _ = l.Close() })
		if note, d := waited(t.Context(), l.Addr().String()); note != "" || d < 900*time.Millisecond || d > policyPatience {
			t.Errorf("after %s it says %q", d, note)
		}
	})
	t.Run("it never does", func(t *testing.T) {
		if note, d := waited(t.Context(), listen(t).Addr().String()); !strings.HasPrefix(note, "No NetworkPolicy is enforced here") || d < policyPatience {
			t.Errorf("after %s it says %q", d, note)
		}
	})
	t.Run("it is in force", func(t *testing.T) {
		l := listen(t)
		_ = l.Close()
		if note, d := waited(t.Context(), l.Addr().String()); note != "" || d > 2*time.Second {
			t.Errorf("after %s it says %q", d, note)
		}
	})
	t.Run("nobody knows", func(t *testing.T) {
		if note, d := waited(t.Context(), ""); note != policyUnknown || d > time.Second {
			t.Errorf("after %s it says %q", d, note)
		}
	})
	t.Run("its time is up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if note, d := waited(ctx, listen(t).Addr().String()); note != policyUnknown || d > time.Second {
			t.Errorf("after %s it says %q", d, note)
		}
	})
}

func TestProbeWaitsForTheApp(t *testing.T) {
	app := &chatbot{titles: map[string]string{}}
	server := httptest.NewUnstartedServer(app)
	address := netip.MustParseAddrPort(server.Listener.Addr().String())
	if err := server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	rig := newProbeRig(t, app)
	rig.spec.Target.BaseURL, rig.spec.Target.Addresses = "http://"+address.String(), []netip.AddrPort{address}
	timer := time.AfterFunc(time.Second, func() {
		listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(address))
		if err != nil {
			t.Error(err)
			return
		}
		server.Listener = listener
		server.Start()
	})
	t.Cleanup(func() {
		timer.Stop()
		server.Close()
	})
	if err := runProbe(t.Context(), rig.env(), &rig.log, rig.options); err != nil {
		t.Fatal(err)
	}
	for _, row := range rig.result().Rows {
		if row.Reason == v1alpha1.ReasonTargetUnreachable {
			t.Errorf("it did not wait: %s", row.Message)
		}
	}
}
