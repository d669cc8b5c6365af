// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/launchready/launchready/internal/gate"
)

// auditEvent is what is read of a line of the API server's audit log (audit.k8s.io/v1 Event).
type auditEvent struct {
	Verb             string `json:"verb"`
	RequestURI       string `json:"requestURI"`
	ImpersonatedUser struct {
		Username string `json:"username"`
	} `json:"impersonatedUser"`
	ResponseStatus struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"responseStatus"`
}

// audited lets an API server that is to be started write down each answered request, and gives the file.
func audited(t *testing.T, environment *envtest.Environment) string {
	t.Helper()
	dir := t.TempDir()
	policy, log := filepath.Join(dir, "policy.json"), filepath.Join(dir, "audit.log")
	rules := `{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived", "ResponseStarted"], "rules": [{"level": "Metadata"}]}`
	if err := os.WriteFile(policy, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	environment.ControlPlane.GetAPIServer().Configure().Set("audit-policy-file", policy).Set("audit-log-path", log)
	return log
}

// wasNeverRefused reads the audit log: nothing that the operator asked for was forbidden, by its roles or by an admission
// policy, even where it went on without.
func (m *managed) wasNeverRefused(t *testing.T) {
	log, err := os.Open(m.auditLog)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // only read
	requests := 0
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e auditEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if e.ImpersonatedUser.Username != gate.DefaultOperator {
			continue
		}
		requests++
		if e.ResponseStatus.Code == http.StatusForbidden {
			t.Errorf("%s %s was forbidden: %s", e.Verb, e.RequestURI, e.ResponseStatus.Message)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if requests < 20 {
		t.Errorf("the log tells of %d requests of the operator, so it is not the log of this story", requests)
	}
}
