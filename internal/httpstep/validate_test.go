// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

const socketDescription = `
login:
  steps:
  - request: {method: POST, path: /login, json: {password: $(credentials.password), code: $(totp(credentials.authenticator))}}
    capture: {token: response.json.token, again: response.json.again}
  refresh:
    request: {method: POST, path: /refresh, json: {again: $(again)}}
    capture: {token: response.json.token}
authenticate: {headers: {Authorization: Bearer $(token)}}
chat:
  request:
    path: /ws
    webSocket:
      send:
      - {json: {token: $(token)}, until: response.json.type == "ready"}
      - {text: ask $(prompt), until: response.closeCode == 4000}
  reply: response.text
resources:
- name: payments
  create: {request: {method: POST, path: /payments, json: {amount: 5}}, capture: {id: response.json.id}}
  item: {path: /payments/$(id)}
  mark: response.json.receipt
`

func TestADescriptionOfASocketIsValidated(t *testing.T) {
	for _, c := range []struct{ old, with, want string }{
		{old: "ask $(prompt)", with: "ask me", want: "spec.app.chat.request: Required value: put $(prompt) into the request, in path, query, headers, body or a message"},
		{old: "{token: $(token)}", with: "{token: $(tokn)}", want: `spec.app.chat.request.webSocket.send[0].json: Invalid value: "$(tokn)": $(tokn) stands for nothing here`},
		{old: "ask $(prompt)", with: "$(prompt) $(who)", want: "spec.app.chat.request.webSocket.send[1].text: Invalid value: \"$(prompt) $(who)\": $(who) stands for nothing here"},
		{old: "response.closeCode == 4000", with: "response.closed == 4000", want: `spec.app.chat.request.webSocket.send[1].until: Invalid value: "response.closed == 4000": line 1, column 9: undefined field 'closed'`},
		{old: `response.json.type == "ready"`, with: "response.status", want: "send[0].until: Invalid value: \"response.status\": gives int, where true or false is wanted"},
		{old: "$(totp(credentials.authenticator))", with: "$(totp(authenticator))", want: "$(totp(authenticator)) stands for nothing here: what there is is $(credentials.KEY), $(totp(credentials.KEY)); write $$"},
		{old: "{again: $(again)}", with: "{again: $(totp(credentials.authenticator))}", want: "spec.app.login.refresh.request.json: Invalid value: \"$(totp(credentials.authenticator))\": $(totp(credentials.authenticator)) stands for nothing here: what there is is $(credentials.KEY), $(again), $(token)"},
		{old: "{token: response.json.token}\nauth", with: "{tokn: response.json.token}\nauth", want: "spec.app.login.refresh.capture[tokn]: Invalid value: \"response.json.token\": login.steps captures no tokn"},
		{old: "  mark: response.json.receipt\n", want: "spec.app.resources[0].create.request: Required value: put $(canary) into the request, in path, query, headers, body or a message; where the thing can hold no text, set mark"},
		{old: "response.json.receipt", with: "response.json.receipt == ", want: "spec.app.resources[0].mark: Invalid value"},
		{old: "{amount: 5}", with: "{text: $(canary)}", want: "spec.app.resources[0].create.request.json: Invalid value: \"$(canary)\": $(canary) stands for nothing here"},
		{old: "{amount: 5}", with: "{key: sk_live_4eC39HqLyjWDarjtT1zdp7dc}", want: "spec.app.resources[0].create.request.json: Forbidden: this is a key for real payments: probes pay in test mode alone"},
		{old: "", with: "", want: ""},
	} {
		text := strings.Replace(socketDescription, c.old, c.with, 1)
		app := &v1alpha1.App{}
		if err := yaml.UnmarshalStrict([]byte(text), app); err != nil {
			t.Fatalf("%s: %v", c.with, err)
		}
		got := ""
		if errs := httpstep.Validate(app, field.NewPath("spec", "app")); len(errs) > 0 {
			got = errs.ToAggregate().Error()
		}
		if !strings.Contains(got, c.want) || (c.want == "" && got != "") || strings.Contains(got, "4eC39") {
			t.Errorf("%s: %s\nwant %s", c.with, got, c.want)
		}
	}
}

const sourceDescription = `
identities: [{name: alice, tenant: acme}, {name: bob, tenant: globex}]
chat:
  request: {method: POST, path: /chat, json: {q: $(prompt)}}
  reply: response.text
  sources:
  - name: listings
    kind: Listing
    author: bob
    create: {request: {method: POST, path: /listings, json: {text: $(content)}}, capture: {id: response.json.id}}
    delete: {method: DELETE, path: /listings/$(id)}
    control: What is the code $(term)?
  - name: files
    kind: PDF
    create: {request: {method: POST, path: /files, multipart: [{name: file, fileName: a.pdf, contentType: application/pdf, value: $(content)}]}, capture: {id: response.json.id}}
    delete: {method: DELETE, path: /files/$(id)}
`

func TestSourcesAreValidated(t *testing.T) {
	for _, c := range []struct{ old, with, want string }{
		{},
		{old: "multipart: [{name: file, fileName: a.pdf, contentType: application/pdf, value: $(content)}]", with: "body: $(content)"},
		{old: "{text: $(content)}", with: "{text: hello}", want: "spec.app.chat.sources[0].create.request: Required value: put $(content) into the request"},
		{old: "author: bob", with: "author: carol", want: `spec.app.chat.sources[0].author: Unsupported value: "carol": supported values: "alice", "bob"`},
		{old: ", capture: {id: response.json.id}", want: "spec.app.chat.sources[0].create.capture[id]: Required value: say where the new thing's identifier stands, such as response.json.id: delete refers to it"},
		{old: "multipart: [{name: file, fileName: a.pdf, contentType: application/pdf, value: $(content)}]", with: "json: {file: $(content)}", want: "spec.app.chat.sources[1].create.request: Required value: put $(content) into a part of multipart, or write it as body: a PDF is a file, and no text"},
		{old: "$(term)", with: "$(content)", want: "spec.app.chat.sources[0].control: Invalid value"},
		{old: "{text: $(content)}", with: "{text: $(content), notes: $(internal)}"},
		{old: "{text: $(content)}}, capture: {id: response.json.id}}\n    delete: {method: DELETE, path: /listings/$(id)}", with: "{text: $(content), notes: $(internal)}}}\n    delete: {method: DELETE, path: /listings}", want: "spec.app.chat.sources[0].create.capture[id]: Required value: $(internal) stands in a text that stays"},
	} {
		app := &v1alpha1.App{}
		if err := yaml.UnmarshalStrict([]byte(strings.Replace(sourceDescription, c.old, c.with, 1)), app); err != nil {
			t.Fatalf("%s: %v", c.with, err)
		}
		errs := httpstep.Validate(app, field.NewPath("spec", "app"))
		if c.want == "" && len(errs) > 0 || c.want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.with, errs, c.want)
		}
	}
}

func TestQueriesOfSinksAreValidated(t *testing.T) {
	const described = `
name: tracker
query:
  host: tracker.example.com
  credentialsSecretRef: {name: tracker-reader}
  request: {method: POST, path: /search/$(traceId), headers: {Authorization: Bearer $(credentials.token)}, json: {from: $(since), query: "id:$(requestId)"}}
  expect: has(response.json.events)
`
	for _, c := range []struct{ old, with, want string }{
		{},
		{old: "$(since)", with: "$(from)", want: `spec.logging.sinks[tracker].query.request.json: Invalid value: "$(from)": $(from) stands for nothing here: what there is is $(credentials.KEY), $(requestId), $(since), $(traceId)`},
		{old: "has(response.json.events)", with: "response.status", want: "spec.logging.sinks[tracker].query.expect: Invalid value: \"response.status\": gives int, where true or false is wanted"},
		{old: "path: /search/$(traceId)", with: "path: $(traceId)", want: "spec.logging.sinks[tracker].query.request.path: Invalid value"},
		{
			old:  "  credentialsSecretRef: {name: tracker-reader}\n",
			want: "spec.logging.sinks[tracker].query.request.headers[Authorization]: Required value: query.credentialsSecretRef is not there: name the Secret that has $(credentials.token)",
		},
	} {
		sink := v1alpha1.LogSink{}
		if err := yaml.UnmarshalStrict([]byte(strings.Replace(described, c.old, c.with, 1)), &sink); err != nil {
			t.Fatal(err)
		}
		got := ""
		if errs := httpstep.ValidateSinks([]v1alpha1.LogSink{{Name: "files"}, sink}, field.NewPath("spec", "logging", "sinks")); len(errs) > 0 {
			got = errs.ToAggregate().Error()
		}
		if !strings.HasPrefix(got, c.want) || (c.want == "" && got != "") {
			t.Errorf("%s: %s\nwant %s", c.with, got, c.want)
		}
		if !httpstep.AsksByID(*sink.Query) {
			t.Error("a query by an id is not known as one")
		}
	}
	for path, want := range map[v1alpha1.RequestPath]bool{"/events?since=$(since)": false, "/events/$(requestId)": true, "/traces/$(traceId)": true} {
		if httpstep.AsksByID(v1alpha1.LogQuery{Request: v1alpha1.HTTPRequest{Path: path}}) != want {
			t.Errorf("%s asks by an id: want %t", path, want)
		}
	}
}
