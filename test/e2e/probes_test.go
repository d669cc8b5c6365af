// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// chatbot is the app under test, with its weaknesses and oddities as environment.
func chatbot(weaknesses, oddities string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: chat}
spec:
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: web
        image: %s
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        env:
        - {name: CHATBOT_ADDR, value: ":8080"}
        - {name: CHATBOT_WEAKNESSES, value: "%s"}
        - {name: CHATBOT_ODDITIES, value: "%s"}
---
apiVersion: v1
kind: Service
metadata: {name: chat}
spec: {selector: {app: chat}, ports: [{port: 80, targetPort: 8080}]}
`, chatbotImage, weaknesses, oddities)
}

const launch = `apiVersion: launchready.dev/v1alpha1
kind: LaunchReadiness
metadata: {name: chat}
spec:
  workloads:
  - {name: api, ref: {kind: Deployment, name: chat}, services: [chat]}
  app:
    identities:
    - {name: alice, tenant: acme, credentialsSecretRef: {name: probe-alice}}
    - {name: bob, tenant: globex, credentialsSecretRef: {name: probe-bob}}
    - {name: root, tenant: acme, role: Admin, credentialsSecretRef: {name: probe-root}}
    login:
      steps:
      - request: {method: POST, path: /api/login, json: {email: $(credentials.email), password: $(credentials.password)}}
        capture: {token: response.json.access_token}
    authenticate: {headers: {Authorization: Bearer $(token)}}
    logout: {request: {method: POST, path: /api/logout}}
    resources:
    - name: conversations
      create:
        request: {method: POST, path: /api/conversations, json: {title: $(canary), message: hello}}
        capture: {id: response.json.id}
      item: {path: /api/conversations/$(id)}
      list: {path: /api/conversations}
      delete: {method: DELETE, path: /api/conversations/$(id)}
    adminPaths: [/api/admin/users]
`

// accounts makes the Secrets of the identities, and gives their passwords.
func (n *namespace) accounts(names ...string) []string {
	n.t.Helper()
	out, err := cluster.command(n.t.Context(), filepath.Join(cluster.dir, "chatbot"), "-accounts")
	if err != nil {
		n.t.Fatal(err)
	}
	var all []struct{ Name, Email, Password string }
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		n.t.Fatal(err)
	}
	var passwords []string
	for _, a := range all {
		for _, name := range names {
			if a.Name == name {
				n.mustWith(a.Password, "create", "secret", "generic", "probe-"+name, "--from-literal=email="+a.Email, "--from-file=password=/dev/stdin")
				passwords = append(passwords, a.Password)
			}
		}
	}
	return passwords
}

func TestALeakIsFoundAndItsMendingSeen(t *testing.T) {
	ns := newNamespace(t)
	passwords := ns.accounts("alice", "bob", "root")
	ns.apply(chatbot("idor-conversation-read", ""))
	started := time.Now()
	ns.apply(launch)
	message := ns.until("TenantIsolated", "False", "ForeignObjectReadable")
	t.Logf("from apply to verdict: %s", time.Since(started).Round(100*time.Millisecond))
	if !strings.Contains(message, "GET /api/conversations/$(id) as ") {
		t.Errorf("the message does not name the request that leaked: %s", message)
	}
	ns.until("AuthEnforced", "True", "Passed")
	report := ns.must("get", "lrep", "chat", "-o", "yaml")
	if !strings.Contains(report, `$ID_`) || !strings.Contains(report, "$AUTH_") {
		t.Errorf("the report does not say how to reproduce it:\n%s", report)
	}
	ns.apply(chatbot("", ""))
	ns.until("TenantIsolated", "True", "Passed")
	ns.nowhere(passwords)
	ns.confined()
}

const chatLaunch = `apiVersion: launchready.dev/v1alpha1
kind: LaunchReadiness
metadata: {name: chat}
spec:
  workloads:
  - {name: api, ref: {kind: Deployment, name: chat}, services: [chat]}
  app:
    identities:
    - {name: alice, tenant: acme, credentialsSecretRef: {name: probe-alice}}
    login:
      steps:
      - request: {method: POST, path: /api/login, json: {email: $(credentials.email), password: $(credentials.password)}}
        capture: {token: response.json.access_token}
    authenticate: {headers: {Authorization: Bearer $(token)}}
    absent: [Tools]
    chat:
      request: {method: POST, path: /api/chat, json: {message: $(prompt)}}
      reply: response.json.reply
      systemPrompt: {canarySecretRef: {name: chat-canary}}
`

func TestWhatTheAppFetchesAndLooksUpIsHeard(t *testing.T) {
	ns := newNamespace(t)
	ns.accounts("alice")
	if _, err := cluster.launchready(t.Context(), "canary", "print", "chat", "-n", ns.name); err != nil {
		t.Fatal(err)
	}
	prompted := func(weaknesses string) string {
		const env = "        env:\n"
		return strings.Replace(chatbot(weaknesses, ""), env, env+"        - {name: CHATBOT_SYSTEM_PROMPT, valueFrom: {secretKeyRef: {name: chat-canary, key: canary.txt}}}\n", 1)
	}
	ns.apply(prompted("fetch-message,lookup-message"))
	ns.apply(chatLaunch)
	message := ns.until("PromptInjectionResistant", "False", "InternalAddressFetched")
	if strings.Contains(message, "18088") {
		t.Errorf("the message has an address of the run: %s", message)
	}
	asked := ns.must("get", "lrep", "chat", "-o", `jsonpath={.status.rows[?(@.row=="PromptInjectionResistant")].findings[?(@.rule=="InternalNameServerAsked")].message}`)
	// The shortest attack names no port: it is heard of where the probe may hear at the usual one.
	if atUsualPort := asked != "" && !strings.Contains(asked, "18053"); asked == "" || atUsualPort != (cluster.node == realNode) {
		t.Errorf("on the %s node it was not heard what is looked up, or not at the port that was expected: %s", cluster.node, asked)
	}
	ns.apply(prompted(""))
	if message = ns.until("PromptInjectionResistant", "True", "Passed"); strings.Contains(message, "Not measured: what the app itself fetches") {
		t.Errorf("the probe did not hear: %s", message)
	}
}

// nowhere sees that no secret stands in anything that others may read.
func (n *namespace) nowhere(secrets []string) {
	n.t.Helper()
	written := n.must("get", "lr,lrep,jobs,pods,events,networkpolicies,configmaps", "-o", "yaml") +
		n.must("logs", "-l", "launchready.dev/suite=access", "--tail=-1") +
		n.must("logs", "-n", "launchready-system", "deployment/launchready-manager")
	for _, secret := range secrets {
		if strings.Contains(written, secret) {
			n.t.Error("a password of an identity stands in what was written")
		}
	}
	if tokens := regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.`).FindAllString(written, -1); len(tokens) > 0 {
		n.t.Errorf("%d tokens stand in what was written", len(tokens))
	}
}

// confined sees that a pod with the labels of a probe reaches the app, and not the API server: the NetworkPolicy is in force. Where
// none is enforced the probe has to say so.
func (n *namespace) confined() {
	n.t.Helper()
	notes := n.must("get", "pods", "-l", "launchready.dev/suite=access", "-o", "jsonpath={range .items[*]}{.status.containerStatuses[0].state.terminated.message}{end}")
	if cluster.node != realNode {
		if !strings.Contains(notes, "No NetworkPolicy is enforced") {
			n.t.Errorf("the probe does not say that it was not confined: %s", notes)
		}
		return
	}
	if strings.Contains(notes, "No NetworkPolicy is enforced") || strings.Contains(notes, "is not known") {
		n.t.Errorf("the probe was not confined: %s", notes)
	}
}

func TestADescriptionThatLacksAnAccountIsUnknown(t *testing.T) {
	ns := newNamespace(t)
	ns.accounts("alice", "root")
	ns.apply(chatbot("", ""))
	ns.apply(launch)
	message := ns.until("TenantIsolated", "Unknown", "ProbeSecretMissing")
	if !strings.Contains(message, "probe-bob") {
		t.Errorf("the message does not name the Secret: %s", message)
	}
	ns.accounts("bob")
	ns.until("TenantIsolated", "True", "Passed")
}

func TestANamespaceThatDeniesByDefaultIsUnknownUntilItAdmitsTheProbe(t *testing.T) {
	needsReal(t, "NetworkPolicies")
	ns := newNamespace(t)
	ns.accounts("alice", "bob", "root")
	ns.apply(chatbot("", ""))
	ns.must("rollout", "status", "deployment/chat", "--timeout=60s")
	ns.apply(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny}
spec: {podSelector: {}, policyTypes: [Ingress]}
`)
	ns.apply(launch)
	// In the first seconds of a pod or of a policy all may still pass: then it is measured, and rightly so.
	message := ns.until("TenantIsolated", "Unknown", "TargetUnreachable")
	if !strings.Contains(message, "did not answer") {
		t.Errorf("the message does not say that the app did not answer: %s", message)
	}
	ns.apply(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: admit-probes}
spec:
  podSelector: {matchLabels: {app: chat}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app.kubernetes.io/managed-by: launchready, launchready.dev/launch: chat}}}]
    ports: [{port: 8080}]
`)
	ns.must("rollout", "restart", "deployment/chat")
	ns.until("TenantIsolated", "True", "Passed")
}

func TestQuotaAndDeletionAreUnknownAndTriedAgain(t *testing.T) {
	ns := newNamespace(t)
	ns.accounts("alice", "bob", "root")
	ns.apply(chatbot("", "slow-replies"))
	ns.must("rollout", "status", "deployment/chat", "--timeout=60s")
	ns.apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: pods}\nspec: {hard: {pods: \"1\"}}\n")
	ns.apply(launch)
	if !ns.eventually(func() bool {
		return strings.Contains(ns.must("get", "lr", "chat", "-o", "jsonpath={.status.probes}"), "ProbeQuotaExceeded")
	}) {
		t.Fatalf("status does not say that the quota holds the probe: %s", ns.must("get", "lr", "chat", "-o", "jsonpath={.status.probes}"))
	}
	ns.must("delete", "resourcequota", "pods")
	if !ns.eventually(func() bool {
		return strings.Contains(ns.must("get", "pods", "-l", "launchready.dev/suite=access"), "Running")
	}) {
		t.Fatalf("the probe does not run:\n%s", ns.must("get", "jobs,pods,events"))
	}
	ns.must("delete", "job", "-l", "launchready.dev/suite=access")
	ns.until("TenantIsolated", "Unknown", "ProbeDeleted")
}
