// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/launchready/launchready/test/emulators/chatbots"
)

// holes say of each weakness of Config.Operations whether it shows.
var holes = map[string]func(x *rig) bool{
	chatbots.OperationSearchAll: func(x *rig) bool { return x.get("bob", "/api/search/all").has("heron") },
	chatbots.OperationRecentIDs: func(x *rig) bool {
		id := strings.TrimPrefix(x.item("alice", docs), "/api/documents/")
		return x.get("bob", "/api/documents/recent").has(id)
	},
	chatbots.OperationTenantActivity: func(x *rig) bool { return x.get("bob", "/api/tenants/acme/activity").has("heron") },
	chatbots.OperationPreviewIDOR:    func(x *rig) bool { return x.get("bob", x.item("alice", docs)+"/preview").has("heron") },
	chatbots.OperationTitleForeign: func(x *rig) bool {
		path := x.item("alice", docs)
		return x.send("bob", http.MethodPatch, path+"/title", map[string]string{"title": "Okapi"}).ok() && x.get("alice", path).has("Okapi")
	},
	chatbots.OperationTitleAnonymous: func(x *rig) bool {
		path := x.item("alice", docs)
		return x.send("", http.MethodPatch, path+"/title", map[string]string{"title": "Okapi"}).ok() && x.get("alice", path).has("Okapi")
	},
	chatbots.OperationStatsOpen:   func(x *rig) bool { return x.get("", "/api/stats").has("heron") },
	chatbots.OperationMembersOpen: func(x *rig) bool { return x.get("", "/api/members").has("alice@acme.example") },
}

func TestEachWeaknessOfTheOperationsShowsAloneAndNowhereElse(t *testing.T) {
	t.Parallel()
	for _, w := range append(chatbots.OperationWeaknesses(), chatbots.Weakness{Name: ""}) {
		cfg := chatbots.Config{Operations: true}
		if w.Name != "" {
			cfg.Weaknesses = []string{w.Name}
		}
		for name, shows := range holes {
			// Each in an app of its own, for some of them change something.
			if got := shows(newRig(t, cfg)); got != (name == w.Name) {
				t.Errorf("with the weakness %q, %s shows: %v", w.Name, name, got)
			}
		}
		if _, there := holes[w.Name]; w.Name != "" && !there {
			t.Errorf("no attack on %s", w.Name)
		}
	}
}

func TestTheOperationsAreForTheirUsers(t *testing.T) {
	t.Parallel()
	x := newRig(t, chatbots.Config{Operations: true})
	path := x.item("alice", docs)
	for _, own := range []string{"/api/search/all", "/api/tenants/acme/activity", "/api/stats", path + "/preview"} {
		if !x.get("alice", own).has("heron") {
			t.Errorf("alice does not get her own by %s", own)
		}
	}
	if !x.get("alice", "/api/members").has("anna@acme.example") || x.get("alice", "/api/members").has("bob@") {
		t.Error("alice gets the members of another tenant, or not those of hers")
	}
	if closed := newRig(t, chatbots.Config{}); closed.get("alice", "/api/search/all").ok() {
		t.Error("the operations are there without Config.Operations")
	}
}

func TestEachOddityOfTheDocumentShows(t *testing.T) {
	t.Parallel()
	for name, shows := range map[string]string{
		chatbots.OpenAPIServers: `"/conversations/{id}"`, chatbots.OpenAPISwagger: `"swagger":"2.0"`, chatbots.OpenAPIYAML: "---\n\"components\":\n",
		chatbots.OpenAPIParameterNames: `"/api/documents/{documentId}"`, chatbots.OpenAPIDeprecated: `"deprecated":true`, chatbots.OpenAPIDead: `"/v2/teapot"`,
		chatbots.OpenAPIReferences: `"#/components/parameters/loop"`, chatbots.OpenAPIGlobalSecurity: `"security":[]`, chatbots.OpenAPIStripped: `https://edge.example.com/chat`,
		chatbots.OpenAPIHealthGuarded: `"/healthz":{"get":{"responses":{"default":{"description":"The reply, or an error"}},"security":`,
	} {
		if plain := newRig(t, chatbots.Config{}); plain.get("", "/openapi.json").has(shows) {
			t.Errorf("%s shows without it", name)
		}
		odd := newRig(t, chatbots.Config{Oddities: []string{name}})
		if reply := odd.get("", "/openapi.json"); !reply.has(shows) {
			t.Errorf("%s does not show: %.300s", name, reply.text)
		}
	}
	if x := newRig(t, chatbots.Config{Oddities: []string{chatbots.OpenAPILoginOnly}}); x.get("", "/openapi.json").ok() || !x.get("alice", "/openapi.json").ok() {
		t.Error("the document is not for users")
	}
}
