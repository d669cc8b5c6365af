// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// tenants is what a platform team demands of the apps on its marketplace.
const tenants = `apiVersion: launchready.dev/v1alpha1
kind: LaunchPolicy
metadata:
  name: marketplace
spec:
  namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: market}
  rows:
  - {row: SecretsSafe, enforcement: Required}
  - {row: AuthEnforced, enforcement: Required}
  - {row: TenantIsolated, enforcement: Required}
  - {row: PromptInjectionResistant, enforcement: Required}
  - {row: LoggingSafe, enforcement: Required}
`

// market is what the chatbot's team writes: how its app is used, so that it can be used by those who should not.
const market = `apiVersion: launchready.dev/v1alpha1
kind: LaunchReadiness
metadata:
  name: chat
spec:
  workloads:
  - name: api
    ref: {kind: Deployment, name: chat}
    services: [chat]
  domains:
    canonical: chat.example.com
` + behind + `  gate:
    mode: Enforce
    edge: LockedUntilLaunched
  logging: {sinks: []}
  app:
    identities:
    - {name: alice, tenant: acme, credentialsSecretRef: {name: probe-alice}}
    - {name: bob, tenant: globex, credentialsSecretRef: {name: probe-bob}}
    - {name: root, tenant: acme, role: Admin, credentialsSecretRef: {name: probe-root}}
    login:
      steps:
      - request: {method: POST, path: /api/login, json: {email: $(credentials.email), password: $(credentials.password)}}
        capture: {token: response.json.access_token}
    authenticate:
      headers: {Authorization: Bearer $(token)}
    logout:
      request: {method: POST, path: /api/logout}
    resources:
    - name: conversations
      create:
        request: {method: POST, path: /api/conversations, json: {title: $(canary), message: Hello}}
        capture: {id: response.json.id}
      item: {path: /api/conversations/$(id)}
      list: {path: /api/conversations}
      update: {method: PATCH, path: /api/conversations/$(id), json: {title: $(canary)}}
      delete: {method: DELETE, path: /api/conversations/$(id)}
    - name: documents
      inChat: Expected
      create:
        request: {method: POST, path: /api/documents, json: {title: A note, text: $(canary)}}
        capture: {id: response.json.id}
      item: {path: /api/documents/$(id)}
      delete: {method: DELETE, path: /api/documents/$(id)}
    adminPaths: [/admin, /api/admin/users]
    chat:
      request: {method: POST, path: /api/chat, json: {message: $(prompt), conversation: $(conversation)}}
      reply: response.json.reply
      conversation: {conversation: response.json.conversation}
      systemPrompt: {canarySecretRef: {name: chat-canary}}
    absent: [Tools]
`

// chatbot is a version of the app. The first one reads a conversation without asking whose it is, obeys what stands in documents, and
// logs the tokens of its users.
func chatbot(version, weakness string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: chat
spec:
  selector:
    matchLabels: {app: chat}
  template:
    metadata:
      labels: {app: chat}
    spec:
      containers:
      - name: web
        image: %s:%s
        ports:
        - containerPort: 8080
        readinessProbe:
          httpGet: {path: /healthz, port: 8080}
          periodSeconds: 1
        env:
        - {name: CHATBOT_ADDR, value: ":8080"}
        - {name: CHATBOT_WEAKNESSES, value: "%s"}
        - {name: CHATBOT_BUNDLE, value: "document.title = 'Chat'"}
        - name: CHATBOT_SYSTEM_PROMPT
          valueFrom:
            secretKeyRef: {name: chat-canary, key: canary.txt}
---
apiVersion: v1
kind: Service
metadata:
  name: chat
spec:
  selector: {app: chat}
  ports:
  - {port: 80, targetPort: 8080}
`, chatbotImage, version, weakness)
}

// provedByStrangers is the part of the story in which the app itself is used, by those who should and those who should not.
func provedByStrangers(ctx context.Context, s *stage, t *terminal) error {
	for name, content := range map[string]string{
		"cloudflare.yaml": cloudflare, "policy.yaml": tenants, "market.yaml": market, "chatbot.yaml": chatbot("1", "idor-conversation-read,planted-document,log-bearer"), "chatbot-mended.yaml": chatbot("2", ""),
		"market-ingress.yaml": strings.ReplaceAll(ingress, "app.example.com", "chat.example.com"),
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	t.say("A platform team demands that apps on its marketplace keep their tenants apart:")
	t.typed(ctx, "kubectl create namespace market")
	t.typed(ctx, "kubectl apply -f policy.yaml")
	s.raiseCloudflare(ctx, t)
	v, err := s.reachEdge(ctx, t)
	if err != nil {
		return err
	}
	defer v.leave() //nolint:errcheck // kubectl is told to end, and has nothing to lose
	t.say("A chatbot for many tenants, with a canary in its system prompt, and accounts made for probes: two tenants, and an administrator:")
	t.typed(ctx, "launchready canary print chat -n market")
	t.typed(ctx, "kubectl apply -n market -f chatbot.yaml")
	if err := s.accounts(ctx, t); err != nil {
		return err
	}
	t.say("Its team says how it is used, and what stands in front of it:")
	t.typed(ctx, "sed -n '/^  domains:/,/^  app:/p' market.yaml")
	t.typed(ctx, "sed -n '/^  app:/,$p' market.yaml")
	t.typed(ctx, "kubectl apply -n market -f market.yaml")
	v.heldBack(ctx, t)
	t.say("A Job uses it, as everybody who should not see what others planted:")
	t.typed(ctx, "kubectl wait -n market --for=condition=TenantIsolated=false lr/chat --timeout=90s")
	t.typed(ctx, `kubectl describe lr chat -n market | grep -B5 'Type: *TenantIsolated' | grep Message`)
	t.say("Another Job asks its chat for what must not come out, in words and by what it reads, and a third sends what must not be logged:")
	t.typed(ctx, "kubectl wait -n market --for=condition=PromptInjectionResistant=false lr/chat --timeout=120s")
	t.typed(ctx, "kubectl wait -n market --for=condition=LoggingSafe=false lr/chat --timeout=90s")
	t.typed(ctx, "kubectl get lr,jobs -n market")
	t.typed(ctx, `kubectl get lrep chat -n market -o jsonpath='{range .status.rows[*].findings[*]}{.severity}{"\t"}{.rule}{"\t"}{.place}{"\n\t"}{.reproduce}{"\n"}{end}'`)
	t.typed(ctx, `kubectl get lrep chat -n market -o jsonpath='{range .status.rows[?(@.row=="PromptInjectionResistant")].findings[*]}{.message}{"\n"}{end}{range .status.rows[?(@.row=="LoggingSafe")].findings[*]}{.message}{"\n"}{end}'`)
	t.say("It stays where nobody can reach it:")
	t.refused(ctx, "kubectl apply -n market -f market-ingress.yaml")
	t.say("The team mends all of it:")
	t.typed(ctx, "diff chatbot.yaml chatbot-mended.yaml || true")
	t.typed(ctx, "kubectl apply -n market -f chatbot-mended.yaml")
	t.typed(ctx, "kubectl wait -n market --for=condition=Launchable lr/chat --timeout=150s")
	t.typed(ctx, "kubectl get lr,jobs -n market")
	t.typedUntil(ctx, "kubectl apply -n market -f market-ingress.yaml")
	v.open(ctx, t)
	return t.err
}

// accounts puts the credentials of the chatbot's accounts into Secrets, where probes find them.
func (s *stage) accounts(ctx context.Context, t *terminal) error {
	out, err := exec.CommandContext(ctx, filepath.Join(s.dir, "chatbot"), "-accounts").Output()
	if err != nil {
		return fmt.Errorf("asking the chatbot for its accounts: %w", err)
	}
	var accounts []struct{ Name, Email, Password string }
	if err := json.Unmarshal(out, &accounts); err != nil {
		return fmt.Errorf("reading the chatbot's accounts: %w", err)
	}
	for _, a := range accounts {
		if slices.Contains([]string{"alice", "bob", "root"}, a.Name) {
			t.typedWithInput(ctx, a.Password, fmt.Sprintf("kubectl create secret generic probe-%s -n market --from-literal=email=%s --from-file=password=/dev/stdin", a.Name, a.Email))
		}
	}
	return t.err
}
