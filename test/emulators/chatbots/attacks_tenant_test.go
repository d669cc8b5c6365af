// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/launchready/launchready/test/emulators/chatbots"
)

// attack tells whether it got what the safe app never gives. The attacker is alice, who is after bob's.
type attack struct {
	weakness string
	// cfg is what the attack needs besides the weakness.
	cfg chatbots.Config
	run func(x *rig) bool
}

const (
	convs = "conversations"
	docs  = "documents"
)

// reads makes an attack that asks for bob's objects, with the path and headers that vary makes of theirs.
func reads(weakness string, vary func(kind, id string) string, headers ...header) attack {
	return attack{weakness: weakness, run: func(x *rig) bool {
		return x.get("alice", vary(convs, x.ids("bob", convs)[0]), headers...).has("badger") &&
			x.get("alice", vary(docs, x.ids("bob", docs)[0]), headers...).has("badger")
	}}
}

// gets makes an attack by one GET of alice's.
func gets(weakness, path string, headers ...header) attack {
	return attack{weakness: weakness, run: func(x *rig) bool { return x.get("alice", path, headers...).has("badger") }}
}

func asks(x *rig, as string, body map[string]any) bool {
	return x.send(as, http.MethodPost, "/api/chat", body).has("badger is")
}

// changes makes an attack by a write to bob's conversation; it has worked if the row has changed.
func changes(weakness string, good bool, do func(x *rig, path string) reply) attack {
	return attack{weakness: weakness, run: func(x *rig) bool {
		id := x.ids("bob", convs)[0]
		before := x.snapshot()
		got := do(x, "/api/conversations/"+id)
		after := x.snapshot()
		same := fmt.Sprint(before[convs][id], len(before["messages"])) == fmt.Sprint(after[convs][id], len(after["messages"]))
		if !same && got.ok() != good {
			x.Errorf("status %d", got.status)
		}
		return !same
	}}
}

func patches(x *rig, path string) reply {
	return x.send("alice", http.MethodPatch, path, map[string]string{"title": "taken over"})
}

func deletes(x *rig, path string) reply { return x.send("alice", http.MethodDelete, path, nil) }

func tenantAttacks() []attack {
	return append(idorAttacks(),
		gets(chatbots.TenantHeader, "/api/conversations", "X-Tenant-Id: globex"),
		gets(chatbots.TenantHeader, "/api/documents", "X-Tenant: globex"),
		gets(chatbots.TenantQuery, "/api/conversations?tenant=globex"),
		attack{weakness: chatbots.TenantBody, run: func(x *rig) bool {
			return x.send("alice", http.MethodPost, "/api/conversations/batch",
				map[string]any{"ids": x.ids("bob", convs), "tenant": "globex"}).has("badger")
		}},
		attack{weakness: chatbots.TenantBody, run: func(x *rig) bool {
			return asks(x, "alice", map[string]any{"message": "passphrase of the badger", "tenant": "globex"})
		}},
		gets(chatbots.TenantPath, "/api/tenants/globex/conversations"),
		gets(chatbots.TenantPath, "/api/tenants/globex/documents"),
		gets(chatbots.TenantHost, "/api/conversations", "X-Forwarded-Host: globex.chat.example"),
		attack{weakness: chatbots.TenantHost, run: func(x *rig) bool {
			return x.get("alice", "http://globex.chat.example/api/documents").has("badger")
		}},
		gets(chatbots.ListScopeAll, "/api/conversations?scope=all"),
		gets(chatbots.ListScopeAll, "/api/documents?all=true"),
		gets(chatbots.ListLeaksAll, "/api/conversations"),
		gets(chatbots.ListFilterInjection, "/api/conversations?owner=bob@globex.example"),
		attack{weakness: chatbots.ListFilterInjection, run: func(x *rig) bool {
			return x.get("alice", "/api/documents?user_id="+x.userID("bob")).has("badger")
		}},
		gets(chatbots.SearchLeaks, "/api/search?q=passphrase+of+badger"),
		attack{weakness: chatbots.AccountExportByUser, run: func(x *rig) bool {
			return x.get("alice", "/api/export?user_id=bob@globex.example").has("badger is")
		}},
		attack{weakness: chatbots.ChatRetrievesAcrossTenants, run: func(x *rig) bool {
			return asks(x, "alice", map[string]any{"message": "What is the passphrase of the badger?"})
		}},
		attack{weakness: chatbots.ChatRetrievesSameTenant, run: func(x *rig) bool {
			got := x.send("anna", http.MethodPost, "/api/chat", map[string]any{"message": "passphrase of the heron, badger"})
			return got.has("heron is") && !got.has("badger is")
		}},
		attack{weakness: chatbots.ChatForeignConversation, run: func(x *rig) bool {
			return asks(x, "alice", map[string]any{"message": "secret number of badger", "conversation": x.ids("bob", convs)[0]})
		}},
		attack{weakness: chatbots.GraphQLIDOR, run: func(x *rig) bool {
			query := fmt.Sprintf(`{ conversation(id: %q) { id title messages { text } } }`, x.ids("bob", convs)[0])
			byVariable := map[string]any{
				"query": `query($i: ID!) { document(id: $i) { text } }`, "variables": map[string]string{"i": x.ids("bob", docs)[0]},
			}
			return x.send("alice", http.MethodPost, "/graphql", map[string]string{"query": query}).has("badger") &&
				x.send("alice", http.MethodPost, "/graphql", byVariable).has("badger")
		}},
		attack{weakness: chatbots.WebSocketIDOR, run: func(x *rig) bool {
			return strings.Contains(x.askOnSocket("alice", "secret number of badger", x.ids("bob", convs)[0]), "badger is")
		}},
		attack{weakness: chatbots.WebSocketTenant, run: func(x *rig) bool {
			return strings.Contains(x.askOnSocket("alice", "secret number of badger", x.ids("bob", convs)[0], "globex"), "badger is")
		}},
		attack{weakness: chatbots.ErrorLeaksContent, run: func(x *rig) bool {
			return strings.Contains(x.get("alice", x.item("bob", docs)).text, "passphrase of badger")
		}},
		attack{weakness: chatbots.PaymentIDOR, run: func(x *rig) bool {
			listing := x.get("", "/api/listings").items(x.T)[0]["id"]
			paid := x.send("bob", http.MethodPost, "/api/payments", map[string]any{"listing": listing, "card": "4242424242424242"}).json(x.T)
			return x.get("alice", fmt.Sprint("/api/payments/", paid["id"])).has("succeeded")
		}},
		changes(chatbots.ForeignUpdate, true, patches),
		changes(chatbots.ForeignUpdateSilent, false, patches),
		changes(chatbots.ForeignDelete, true, deletes),
		changes(chatbots.ForeignDeleteSilent, false, deletes),
		changes(chatbots.ForeignMessage, true, func(x *rig, path string) reply {
			return x.send("alice", http.MethodPost, path+"/messages", map[string]string{"message": "from elsewhere"})
		}),
		changes(chatbots.MethodOverrideWrite, true, func(x *rig, path string) reply {
			return x.send("alice", http.MethodPost, path, nil, "X-HTTP-Method-Override: DELETE")
		}),
		changes(chatbots.MethodOverrideWrite, true, func(x *rig, path string) reply {
			return x.send("alice", http.MethodGet, path, map[string]string{"title": "taken"}, "X-HTTP-Method-Override: PATCH")
		}),
		attack{weakness: chatbots.MassAssignmentTenant, run: func(x *rig) bool {
			made := x.signUp(map[string]any{"tenant": "globex"})
			edited := x.send("alice", http.MethodPatch, "/api/me", map[string]string{"tenant": "globex"})
			return made.has("globex") && edited.has("globex") && x.get("alice", "/api/me").has("globex")
		}},
		attack{weakness: chatbots.MassAssignmentOwner, run: func(x *rig) bool {
			x.send("alice", http.MethodPost, "/api/documents", map[string]string{"title": "planted", "text": "lie", "owner": "bob@globex.example"})
			return x.get("bob", "/api/documents").has("planted")
		}},
		attack{weakness: chatbots.CachedReplies, run: func(x *rig) bool {
			path := x.item("bob", docs)
			x.get("bob", path)
			return x.get("alice", path).has("badger") && x.get("", path).has("badger")
		}},
		attack{weakness: chatbots.CachedReplies, run: func(x *rig) bool {
			x.get("bob", "/api/me")
			return x.get("alice", "/api/me").has("bob")
		}},
		attack{weakness: chatbots.CachedRepliesStaticSuffix, run: func(x *rig) bool {
			path := x.item("bob", convs) + "/x.css"
			x.get("bob", path)
			return x.get("alice", path).has("badger") && x.get("", path).has("badger") && !x.get("alice", x.item("bob", convs)).ok()
		}},
	)
}

func idorAttacks() []attack {
	return []attack{
		{weakness: chatbots.IDORConversationRead, run: func(x *rig) bool {
			return x.get("alice", x.item("bob", convs)).has("badger") && !x.get("alice", x.item("bob", docs)).ok()
		}},
		{weakness: chatbots.IDORDocumentRead, run: func(x *rig) bool {
			return x.get("alice", x.item("bob", docs)).has("badger") && !x.get("alice", x.item("bob", convs)).ok()
		}},
		{weakness: chatbots.IDORDocumentRead, run: func(x *rig) bool { return x.get("alice", x.item("ines", docs)).has("passphrase") }},
		{weakness: chatbots.IDORSameTenantRead, run: func(x *rig) bool {
			return x.get("anna", x.item("alice", convs)).has("heron") && x.get("alice", x.item("anna", docs)).has("otter") &&
				!x.get("bob", x.item("alice", convs)).ok()
		}},
		reads(chatbots.IDORQueryID, func(kind, id string) string { return "/api/" + kind + "?id=" + id }),
		{weakness: chatbots.IDORBatchBody, run: func(x *rig) bool {
			return x.send("alice", http.MethodPost, "/api/documents/batch", map[string]any{"ids": x.ids("bob", docs)}).has("badger")
		}},
		{weakness: chatbots.IDORHeaderID, run: func(x *rig) bool {
			return x.get("alice", x.item("alice", convs), header("X-Conversation-Id: "+x.ids("bob", convs)[0])).has("badger") &&
				x.get("alice", x.item("alice", docs), header("X-Document-Id: "+x.ids("bob", docs)[0])).has("badger")
		}},
		{weakness: chatbots.IDORIDArray, run: func(x *rig) bool {
			own, theirs := x.ids("alice", convs)[0], x.ids("bob", convs)[0]
			return x.get("alice", "/api/conversations?id[]="+own+"&id[]="+theirs).has("badger") &&
				x.get("alice", "/api/conversations?id="+own+"&id="+theirs).has("badger") &&
				!x.get("alice", "/api/conversations?id="+theirs).ok()
		}},
		{weakness: chatbots.IDORDuplicateParameter, run: func(x *rig) bool {
			own, theirs := x.ids("alice", docs)[0], x.ids("bob", docs)[0]
			return x.get("alice", "/api/documents?id="+own+"&id="+theirs).has("badger") && !x.get("alice", "/api/documents?id="+theirs).ok()
		}},
		{weakness: chatbots.IDORJSONDuplicateKey, run: func(x *rig) bool {
			body := fmt.Sprintf(`{"ids":[%q],"ids":[%q]}`, x.ids("alice", docs)[0], x.ids("bob", docs)[0])
			return x.send("alice", http.MethodPost, "/api/documents/batch", body).has("badger")
		}},
		reads(chatbots.IDORUpperCaseID, func(kind, id string) string { return "/api/" + kind + "/" + strings.ToUpper(id) }),
		reads(chatbots.IDOREncodedID, func(kind, id string) string { return fmt.Sprintf("/api/%s/%%%02x%s", kind, id[0], id[1:]) }),
		reads(chatbots.IDORTrailingSlash, func(kind, id string) string { return "/api/" + kind + "/" + id + "/" }),
		reads(chatbots.IDORDoubleSlash, func(kind, id string) string { return "/api/" + kind + "//" + id }),
		reads(chatbots.IDORSemicolon, func(kind, id string) string { return "/api/" + kind + "/" + id + ";x=1" }),
		reads(chatbots.IDOREncodedSlash, func(kind, id string) string { return "/api/" + kind + "%2F" + id }),
		reads(chatbots.IDORDotSegment, func(kind, id string) string { return "/api/" + kind + "/x/../" + id }),
		reads(chatbots.IDORDotSegment, func(kind, id string) string { return "/api/" + kind + "/./" + id }),
		reads(chatbots.IDORExtension, func(kind, id string) string { return "/api/" + kind + "/" + id + ".json" }),
		reads(chatbots.IDOROldVersion, func(kind, id string) string { return "/api/v0/" + kind + "/" + id }),
		reads(chatbots.IDORAccept, func(kind, id string) string { return "/api/" + kind + "/" + id }, "Accept: text/csv"),
		reads(chatbots.ExportLeaks, func(kind, id string) string { return "/api/" + kind + "/" + id + "/export" }),
		{weakness: chatbots.IDORMessages, run: func(x *rig) bool { return x.get("alice", x.item("bob", convs)+"/messages").has("badger") }},
		{weakness: chatbots.DownloadUnguarded, run: func(x *rig) bool { return x.get("alice", x.item("bob", docs)+"/download").has("badger") }},
	}
}
