// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	cloudflareImage = "launchready.dev/cloudflare"
	// cloudflareToken is known to everybody: it opens the emulator alone.
	cloudflareToken = "emulatedemulatedemulatedemulatedemulated"
	// edgeArgs lead the operator to the emulator, which it looks at often.
	edgeArgs = "--cloudflare-api-url=http://cloudflare.cloudflare.svc:8787/client/v4, --edge-name-server=cloudflare.cloudflare.svc:5353, --edge-interval=10s"
)

// cloudflare is the emulated Cloudflare: its API, its edge and its name server, and a load balancer in front of the app.
const cloudflare = `apiVersion: v1
kind: Namespace
metadata:
  name: cloudflare
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cloudflare
  namespace: cloudflare
spec:
  selector:
    matchLabels: {app: cloudflare}
  template:
    metadata:
      labels: {app: cloudflare}
    spec:
      containers:
      - name: cloudflare
        image: ` + cloudflareImage + `:1
        args: ["-api=:8787", "-http=:8080", "-https=:8443", "-dns=:5353", "-zone=example.com", "-plan=pro", "-balancer=203.0.113.7=chat.market.svc:80"]
        readinessProbe:
          httpGet: {path: /_emulator/zones, port: 8787}
          periodSeconds: 1
---
apiVersion: v1
kind: Service
metadata:
  name: cloudflare
  namespace: cloudflare
spec:
  selector: {app: cloudflare}
  ports:
  - {name: api, port: 8787}
  - {name: http, port: 80, targetPort: 8080}
  - {name: https, port: 443, targetPort: 8443}
  - {name: dns, port: 5353, protocol: UDP}
  - {name: dns-tcp, port: 5353, protocol: TCP}
`

// behind is what makes an app stand behind the edge.
const behind = `    origin: {addresses: [203.0.113.7]}
  cloudflare:
    zone: example.com
    apiTokenSecretRef: {name: cloudflare, key: token}
    mode: Enforce
    cache: {staticPaths: [/assets/]}
`

// visitor is how strangers reach the edge from this machine.
type visitor struct {
	http, https, api string
	forward          *exec.Cmd
}

// connect says to curl where the edge is: names of the emulated internet are nowhere else.
func (v *visitor) connect() string {
	return fmt.Sprintf("--cacert edge-ca.pem --connect-to ::%s", v.https)
}

func (v *visitor) plain() string { return "--connect-to ::" + v.http }

// raiseCloudflare starts the emulated Cloudflare.
func (s *stage) raiseCloudflare(ctx context.Context, t *terminal) {
	t.say("Cloudflare can't be had here. An emulator stands in for it: API, edge and name servers, in a pod. The zone example.com is on its plan Pro:")
	t.typed(ctx, "kubectl apply -f cloudflare.yaml")
	t.typed(ctx, "kubectl wait -n cloudflare --for=condition=Available deployment/cloudflare --timeout=60s")
	t.typedWithInput(ctx, cloudflareToken, "kubectl create secret generic cloudflare -n market --from-file=token=/dev/stdin")
}

// reachEdge opens a way from this machine to the emulator's pod: its own address where pods are processes, else by kubectl.
func (s *stage) reachEdge(ctx context.Context, t *terminal) (*visitor, error) {
	if t.err != nil {
		return nil, t.err
	}
	if path, _ := exec.LookPath("curl"); path == "" {
		fmt.Println("# There is no curl on this machine: what strangers see at the edge is left out.")
		return nil, nil //nolint:nilnil // nobody visits
	}
	if s.node == "process" {
		out, err := t.shell(ctx, "kubectl get pods -n cloudflare -l app=cloudflare -o jsonpath='{.items[0].status.podIP}'").Output()
		if err != nil {
			return nil, fmt.Errorf("finding the edge's pod: %w", err)
		}
		ip := strings.TrimSpace(string(out))
		v := &visitor{http: net.JoinHostPort(ip, "8080"), https: net.JoinHostPort(ip, "8443"), api: net.JoinHostPort(ip, "8787")}
		return v, s.fetchAuthority(ctx, t, v)
	}
	v, err := s.forward(ctx, t)
	if err != nil {
		return nil, err
	}
	return v, s.fetchAuthority(ctx, t, v)
}

// forward starts kubectl port-forward, and reads from it where it listens.
func (s *stage) forward(ctx context.Context, t *terminal) (*visitor, error) {
	cmd := t.shell(context.WithoutCancel(ctx), "exec kubectl port-forward -n cloudflare service/cloudflare :80 :443 :8787")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("forwarding ports to the edge: %w", err)
	}
	v := &visitor{forward: cmd}
	byPort := map[string]*string{"8080": &v.http, "8443": &v.https, "8787": &v.api}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		from, to, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "Forwarding from "), " -> ")
		if target := byPort[to]; ok && target != nil && strings.HasPrefix(from, "127.") {
			*target = from
		}
		if v.http != "" && v.https != "" && v.api != "" {
			go func() {
				for lines.Scan() { // what it goes on to say is of no interest, and must not fill the pipe
					continue
				}
			}()
			return v, nil
		}
	}
	return nil, errors.Join(errors.New("kubectl port-forward did not say where it listens"), v.leave())
}

// leave closes the way to the edge.
func (v *visitor) leave() error {
	if v == nil || v.forward == nil {
		return nil
	}
	err := v.forward.Process.Signal(syscall.SIGTERM)
	_ = v.forward.Wait() // it was told to end
	return err
}

// fetchAuthority gets the certificate of the emulator's own authority.
func (s *stage) fetchAuthority(ctx context.Context, t *terminal, v *visitor) error {
	out, err := t.shell(ctx, "curl -sSf http://"+v.api+"/_emulator/edge/ca.pem").Output()
	if err != nil {
		return fmt.Errorf("asking the edge for its authority: %w", err)
	}
	return os.WriteFile(filepath.Join(s.dir, "edge-ca.pem"), out, 0o600)
}

const headers = `-o /dev/null -w '%{http_code} %header{location}%header{cf-cache-status}\n'`

// heldBack shows what a stranger meets before the launch.
func (v *visitor) heldBack(ctx context.Context, t *terminal) {
	t.say("Meanwhile its zone was set up, with a lock in front. In words:")
	t.typed(ctx, "kubectl wait -n market --for=jsonpath='{.status.edge.drift}'=0 lr/chat --timeout=60s")
	t.typed(ctx, `kubectl get lr chat -n market -o jsonpath='{.status.edge}{"\n"}'`)
	if v == nil {
		return
	}
	t.say("A stranger sees the holding page. Certificates can be issued all the same:")
	t.typed(ctx, "curl -sS -i "+v.connect()+" https://chat.example.com/ | grep -i '^HTTP\\|^retry-after\\|Not open'")
	t.typed(ctx, "curl -sS "+headers+" "+v.plain()+" http://chat.example.com/.well-known/acme-challenge/x")
}

// open shows what a stranger meets after it.
func (v *visitor) open(ctx context.Context, t *terminal) {
	t.say("The launch lifted the lock:")
	t.typed(ctx, "kubectl wait -n market --for=jsonpath='{.status.edge.drift}'=0 lr/chat --timeout=60s")
	t.typed(ctx, "kubectl get lr chat -n market -o wide")
	if v == nil {
		return
	}
	edge := "curl -sS " + headers + " " + v.connect() + " "
	t.shown(ctx, "200", edge+"https://chat.example.com/")
	t.say("Plain HTTP is sent to HTTPS, an SQL injection is refused, the 11th login in a minute too, and what is static is kept, what is private not:")
	t.shown(ctx, "308 https://chat.example.com/", "curl -sS "+headers+" "+v.plain()+" http://chat.example.com/")
	t.shown(ctx, "403", edge+`"https://chat.example.com/?q=1%27%20UNION%20SELECT%20password%20FROM%20users--"`)
	t.shown(ctx, "429", "for i in $(seq 11); do "+edge+"-X POST https://chat.example.com/api/login; done | tail -1")
	t.shown(ctx, "MISS", edge+"https://chat.example.com/assets/app.js")
	t.shown(ctx, "HIT", edge+"https://chat.example.com/assets/app.js")
	t.shown(ctx, "DYNAMIC", edge+"https://chat.example.com/api/documents")
	t.say("The zone is as it is wanted. Where it isn't, or the mode is Observe, this shows each change as a diff:")
	t.shown(ctx, "Nothing would be changed", "launchready edge plan chat -n market --cloudflare-api-url=http://"+v.api+"/client/v4")
	t.say("Somebody turns our firewall rule off by hand. Ten seconds later, five minutes by default, it is back:")
	t.do(func() error { return v.sabotage(ctx, t) })
	t.shown(ctx, "404", edge+"https://chat.example.com/.hidden")
	t.eventually(ctx, "403", edge+"https://chat.example.com/.hidden")
}

// sabotage turns the rule off by Cloudflare's API, as another administrator would.
func (v *visitor) sabotage(ctx context.Context, t *terminal) error {
	api := "http://" + v.api + "/client/v4/zones"
	var zones []struct{ ID string }
	if err := ask(ctx, api+"?name=example.com", &zones); err != nil || len(zones) == 0 {
		return fmt.Errorf("finding the zone: %w", err)
	}
	var set struct {
		ID    string
		Rules []map[string]any
	}
	if err := ask(ctx, api+"/"+zones[0].ID+"/rulesets/phases/http_request_firewall_custom/entrypoint", &set); err != nil {
		return err
	}
	for _, r := range set.Rules {
		if ref, _ := r["ref"].(string); !strings.HasSuffix(ref, "-waf") {
			continue
		}
		off, err := json.Marshal(map[string]any{"ref": r["ref"], "description": r["description"], "action": r["action"], "expression": r["expression"], "enabled": false})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(t.stage.dir, "rule-off.json"), off, 0o600); err != nil {
			return err
		}
		t.shown(ctx, "200", fmt.Sprintf(`curl -sS -o /dev/null -w '%%{http_code}\n' -X PATCH -H "Authorization: Bearer $CLOUDFLARE_TOKEN" -H 'Content-Type: application/json' `+
			`-d @rule-off.json %s/%s/rulesets/%s/rules/%s`, api, zones[0].ID, set.ID, r["id"]))
		return t.err
	}
	return errors.New("the zone has no firewall rule of ours")
}

// ask reads what Cloudflare's API answers.
func ask(ctx context.Context, url string, result any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+cloudflareToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it is read
	return json.NewDecoder(resp.Body).Decode(&struct{ Result any }{result})
}
