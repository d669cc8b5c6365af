// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cluster

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestNodeIsReadyWhenPodsAreStartedOnIt(t *testing.T) {
	const ready = `"status": {"conditions": [{"type": "Ready", "status": "True"}]}`
	tests := map[string]struct {
		body string
		want string
	}{
		"ready":              {`{` + ready + `}`, ""},
		"not ready":          {`{"status": {"conditions": [{"type": "Ready", "status": "False", "message": "no network"}]}}`, "no network"},
		"nothing known":      {`{}`, "takes no pods yet"},
		"still kept off it":  {`{"spec": {"taints": [{"key": "node.kubernetes.io/not-ready"}]}, ` + ready + `}`, "node.kubernetes.io/not-ready"},
		"not what was asked": {`nonsense`, "invalid character"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(test.body)) }))
			defer server.Close()
			err := nodeProbe{probe{server.Client(), server.URL}}.ask(t.Context())
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("ask: %v, want %q", err, test.want)
			}
		})
	}
}

// TestNodeIsOutsideOfTheServices: kube-proxy drops what is sent to an address of theirs that no Service has.
func TestNodeIsOutsideOfTheServices(t *testing.T) {
	_, services, err := net.ParseCIDR(serviceRange)
	if err != nil {
		t.Fatal(err)
	}
	_, pods, err := net.ParseCIDR(podRange)
	if err != nil {
		t.Fatal(err)
	}
	node := net.ParseIP(NodeIP)
	if services.Contains(node) || pods.Contains(node) || services.Contains(pods.IP) || !services.Contains(net.ParseIP(dnsIP)) {
		t.Errorf("Services have %s, pods %s, the node %s, its DNS %s", services, pods, node, dnsIP)
	}
	for _, address := range []string{NodeIP, dnsIP} {
		if !strings.Contains(string(nodeObjects), address) {
			t.Errorf("node.yaml lacks %s", address)
		}
	}
}

func TestKubeletVerifiesEverybody(t *testing.T) {
	text, err := json.Marshal(kubeletConfig(layout{dir: "/d"}, "group"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"anonymous":{"enabled":false}`, `"mode":"Webhook"`, `"clientCAFile":"/d/pki/ca.crt"`, `"readOnlyPort":0`, `"cgroupRoot":"/group"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}
