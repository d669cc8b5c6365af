// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

const checked = `apiVersion: v1
kind: ConfigMap
metadata: {name: other}
---
apiVersion: launchready.dev/v1alpha1
kind: LaunchReadiness
metadata: {name: chat}
spec:
  workloads: [{name: api, ref: {kind: Deployment, name: chat}}]
  app:
    identities: [{name: alice, tenant: acme, credentialsSecretRef: {name: alice}}]
    login:
      steps:
      - request: {method: POST, path: /login, json: {password: $(credentials.password)}}
        expect: EXPECT
        capture: {token: response.json.token}
    authenticate: {headers: {Authorization: Bearer HEADER}}
`

const thing = `    resources:
    - name: notes
      create: {request: {method: POST, path: /notes, json: {text: $(canary)}}, capture: {id: response.json.id}}
      item: {path: /notes/$(id)}
`

const edgeSpec = `  domains:
    canonical: app.example.com
    hosts: [api.example.com]
    redirects: [example.com, www.example.com]
    origin: {addresses: [203.0.113.7]}
  cloudflare: {zone: example.com, mode: Enforce}
  gate: {edge: LockedWhileFailing}
`

func TestCheckSaysWhatIsWrongBeforeItIsApplied(t *testing.T) {
	good := strings.NewReplacer("EXPECT", "response.status == 200", "HEADER", "$(token)").Replace(checked)
	for name, c := range map[string]struct{ in, want, fails string }{
		"nothing":                            {good, "Nothing is wrong", ""},
		"how often it logs in by a provider": {strings.Replace(good, "    login:\n", "    login:\n      hosts: [idp.example.com, id.example.com]\n", 1) + thing, "logs in by [idp.example.com id.example.com] at most 32 times", ""},
		"what a probe asks":                  {good + "    signUp: {steps: [{request: {method: POST, path: /signup}}]}\n    chat: {request: {method: POST, path: /chat, json: {q: $(prompt)}}, reply: response.text, ratePerMinute: 10}\n" + thing, "the suite access asks its chat at most 10 questions and makes at most 3 accounts, in 1m15s or more (about 0.01 million tokens in and 0.003 out, with a prompt of 1000 tokens and replies of 300: 0.25 by the prices given); the suite logging asks its chat at most 8 questions", ""},
		"an expression":                      {strings.Replace(good, "response.status == 200", "response.sttus == 200", 1), "spec.app.login.steps[0].expect: Invalid value: \"response.sttus == 200\": line 1, column 9: undefined field 'sttus'", "see above"},
		"an unknown name":                    {strings.Replace(good, "$(token)", "$(tokn)", 1), "$(tokn) stands for nothing here", "see above"},
		"an unknown field":                   {strings.Replace(good, "capture:", "captures:", 1), "unknown field \"spec.app.login.steps[0].captures\"", "see above"},
		"a query of a sink":                  {good + "  logging: {sinks: [{name: tracker, query: {host: tracker.example.com, request: {path: /$(event)}}}]}\n", "spec.logging.sinks[tracker].query.request.path: Invalid value: \"/$(event)\": $(event) stands for nothing here", "see above"},
		"a text for an object":               {good + "    chat: {request: {method: POST, path: /chat, json: {q: $(prompt)}}, reply: response.text, attacks: chat-attacks}\n", "spec.app.chat.attacks: write an object such as {field: value}, not a text", "see above"},
		"a list for an object":               {good + "    chat: {request: {method: POST, path: /chat, json: {q: $(prompt)}}, reply: response.text, history: [{role: user}]}\n", "spec.app.chat.history: write an object such as {field: value}, not a list", "see above"},
		"an object for a list":               {good + "    chat: {request: {method: POST, path: /chat, json: {q: $(prompt)}}, reply: response.text, sources: {name: listings}}\n", "spec.app.chat.sources: write a list such as [a, b], not an object", "see above"},
		"a text for a list":                  {strings.Replace(good, "  app:", "  logging: {sinks: none}\n  app:", 1), "spec.logging.sinks: write a list such as [a, b], not a text", "see above"},
		"a text in a list of objects":        {strings.Replace(good, "  app:", "  logging: {sinks: [], readers: [dev, ops]}\n  app:", 1), "spec.logging.readers: write an object such as {field: value}, not a text", "see above"},
		"a number for a text":                {strings.Replace(good, "name: api", "name: 1", 1), "spec.workloads.name: write a text, in quotes if it is a number, not a number", "see above"},
		"a text for a number":                {good + "    chat: {request: {method: POST, path: /chat, json: {q: $(prompt)}}, reply: response.text, ratePerMinute: \"10\"}\n", "spec.app.chat.ratePerMinute: write a whole number, not a text", "see above"},
		"hosts and an edge":                  {good + edgeSpec, "Nothing is wrong", ""},
		"a host of another zone":             {good + strings.Replace(edgeSpec, "www.example.com", "www.example.org", 1), "spec.domains.redirects[1]: Invalid value: \"www.example.org\": must be example.com (cloudflare.zone) or a name below it", "see above"},
		"a host twice":                       {good + strings.Replace(edgeSpec, "www.example.com", "api.example.com", 1), "spec.domains.redirects[1]: Invalid value: \"api.example.com\": is listed in spec.domains.hosts[0] already: remove it here or there", "see above"},
		"a lock without an edge":             {good + strings.Replace(edgeSpec, "  cloudflare: {zone: example.com, mode: Enforce}\n", "", 1), "spec.gate.edge: Invalid value: \"LockedWhileFailing\": the edge can't be locked without spec.cloudflare", "see above"},
		"records that lead nowhere":          {good + strings.Replace(edgeSpec, "    origin: {addresses: [203.0.113.7]}\n", "", 1), "spec.domains.origin: Required value: cloudflare.mode Enforce makes the records", "see above"},
		"an unknown field of the edge":       {good + strings.Replace(edgeSpec, "mode: Enforce", "mod: Enforce", 1), "unknown field \"spec.cloudflare.mod\"", "see above"},
		"no launch":                          {"kind: ConfigMap\napiVersion: v1\n", "", "there is no LaunchReadiness"},
		"what is no YAML":                    {"a: [", "", "-: "},
		"another API version":                {strings.Replace(good, "v1alpha1", "v9", 1), "", "there is no LaunchReadiness"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := checkManifests(strings.NewReader(c.in), &out, []string{"-"}, prices{read: 10, written: 50})
			if (err == nil) != (c.fails == "") || (err != nil && !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("got %v, want %q", err, c.fails)
			}
			if !strings.Contains(out.String(), c.want) {
				t.Errorf("said %q, want %q", out.String(), c.want)
			}
		})
	}
}

func TestCheckFindsNothingWrongWithTheSamples(t *testing.T) {
	files, err := filepath.Glob("../../config/samples/*chat*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("samples %v, %v", files, err)
	}
	var out bytes.Buffer
	if err := checkManifests(strings.NewReader(""), &out, files, prices{}); err != nil {
		t.Errorf("%v:\n%s", err, out.String())
	}
}
