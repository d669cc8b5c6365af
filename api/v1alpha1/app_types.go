// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"net/url"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// App says how strangers and tenants use the app, so that probes can use it the same way.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.adminPaths) || (has(self.identities) && self.identities.exists(i, has(i.role) && i.role == 'Admin'))",message="adminPaths can only be judged beside an administrator's own reply: add an identity with role Admin to identities"
// +kubebuilder:validation:XValidation:rule="!has(self.resources) || has(self.identities)",message="resources belong to somebody: add at least two identities, of different tenants, to identities"
// +kubebuilder:validation:XValidation:rule="has(self.chat) || !has(self.resources) || !self.resources.exists(r, has(r.inChat) && r.inChat == 'Expected')",message="a resource says inChat: Expected, and chat is not described: add chat"
// +kubebuilder:validation:XValidation:rule="!has(self.absent) || !('Admin' in self.absent) || !has(self.adminPaths)",message="absent says Admin, but adminPaths are given: remove one of them"
// +kubebuilder:validation:XValidation:rule="!has(self.absent) || !('Tools' in self.absent) || !has(self.chat) || !has(self.chat.tools)",message="absent says Tools, but chat.tools are given: remove one of them"
// +kubebuilder:validation:XValidation:rule="!has(self.openAPI) || has(self.resources)",message="what openAPI describes is judged by what identities have planted: add at least one of resources"
// +kubebuilder:validation:XValidation:rule="!(has(self.logout) && has(self.logout.request.host)) && !(has(self.chat) && has(self.chat.request.host)) && !(has(self.profile) && (has(self.profile.read.host) || (has(self.profile.update) && has(self.profile.update.host)))) && (!has(self.signUp) || self.signUp.steps.all(s, !has(s.request.host)))",message="only login.steps and login.refresh may go to another host than the app: remove host from the request"
// +kubebuilder:validation:XValidation:rule="!has(self.resources) || self.resources.all(r, !has(r.create.request.host) && !has(r.item.host) && !(has(r.list) && has(r.list.host)) && !(has(r.search) && has(r.search.host)) && !(has(r.export) && has(r.export.host)) && !(has(r.update) && has(r.update.host)) && !(has(r.delete) && has(r.delete.host)))",message="only login.steps and login.refresh may go to another host than the app: remove host from the requests of resources"
type App struct {
	// service that probes talk to inside the cluster: one of those that the workloads list. It may be left out where the
	// workloads list a single Service.
	// +optional
	Service *ServiceReference `json:"service,omitempty"`

	// writes says what probes may change: OwnObjects (only what they created themselves), or Sandbox (anything: the data are
	// disposable). OwnObjects where it is absent.
	// +optional
	Writes WriteScope `json:"writes,omitempty"`

	// absent names what the app does not have, so that it needs no description: Admin (no administration), Login (nobody has an
	// account), or Tools (the chatbot can call nothing). What depends on it does not apply, if a counter-check agrees.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	Absent []AppFeature `json:"absent,omitempty"`

	// identities are accounts made for probes: at least two of different tenants, better two of one tenant besides, and one
	// administrator.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Identities []Identity `json:"identities,omitempty"`

	// login is how an identity logs in. Where it is absent, what the identity's Secret holds has to be enough for authenticate.
	// +optional
	Login *Login `json:"login,omitempty"`

	// authenticate is what each request of an identity carries. Cookies need no mention: they are kept for each identity.
	// +optional
	Authenticate *Authenticate `json:"authenticate,omitempty"`

	// logout ends the session of an identity.
	// +optional
	Logout *HTTPStep `json:"logout,omitempty"`

	// signUp is how a stranger gets an account. Probes sign up at most three accounts a run.
	// +optional
	SignUp *SignUp `json:"signUp,omitempty"`

	// profile is what an account says of itself: its role and its tenant among it.
	// +optional
	Profile *Profile `json:"profile,omitempty"`

	// chat is how somebody asks and gets an answer.
	// +optional
	Chat *Chat `json:"chat,omitempty"`

	// resources are what one tenant must not see of another's.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Resources []Resource `json:"resources,omitempty"`

	// adminPaths are paths that only administrators may use.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	AdminPaths []RequestPath `json:"adminPaths,omitempty"`

	// indexingSeconds is how long the app may take until what was created is found by search, list and chat. 5 where it is absent.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=60
	IndexingSeconds *int32 `json:"indexingSeconds,omitempty"`

	// rateLimited says how a reply looks that refuses because of too many requests: response.status == 429 where it is absent.
	// +optional
	RateLimited CELExpression `json:"rateLimited,omitempty"`

	// openAPI is where the app describes its own operations. Those that stand nowhere else in app are asked as well, as far as that
	// needs nothing but what probes have created; those that can't be asked so are listed, and count towards LowCoverage. Without its
	// path, it says what to leave out of the routes that the app's own pages and scripts name, which are looked for in any case.
	// +optional
	OpenAPI *OpenAPI `json:"openAPI,omitempty"`
}

// OpenAPI is a document in which the app describes its own operations, and what to leave out of it and of the routes that the app's pages and
// scripts name.
// +kubebuilder:validation:MinProperties=1
type OpenAPI struct {
	// path that serves the document to nobody or to one of the identities: OpenAPI 3 or Swagger 2.0, as JSON or YAML, of at most
	// 1 MiB. For example /openapi.json.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!self.contains('$(')",message="the document is the same for everybody: write its path as it stands, such as /openapi.json"
	Path RequestPath `json:"path,omitempty"`

	// public are paths that strangers may use by design, as the document or a finding writes them, such as /health or /shared/{id}. Probes leave
	// them alone. What the document itself declares public (security: []) needs no mention.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Public []RequestPath `json:"public,omitempty"`

	// untested are paths that need no test although they are not public, as the document or a finding writes them, such as /payments/{id}.
	// Probes leave them alone, and say so.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Untested []RequestPath `json:"untested,omitempty"`
}

// WriteScope says what probes may change.
//
// +kubebuilder:validation:Enum=OwnObjects;Sandbox
type WriteScope string

const (
	// WritesOwnObjects lets probes change what they created themselves, and nothing else.
	WritesOwnObjects WriteScope = "OwnObjects"
	// WritesSandbox lets probes change anything: the data are disposable.
	WritesSandbox WriteScope = "Sandbox"
)

// AppFeature is something that an app may lack.
//
// +kubebuilder:validation:Enum=Admin;Login;Tools
type AppFeature string

const (
	// FeatureAdmin is administration: paths that only some may use.
	FeatureAdmin AppFeature = "Admin"
	// FeatureLogin is accounts.
	FeatureLogin AppFeature = "Login"
	// FeatureTools is what a chatbot can call.
	FeatureTools AppFeature = "Tools"
)

// ServiceReference names a port of a Service.
type ServiceReference struct {
	// name of the Service, in the same namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1035Label().validate(self).hasValue()",message="must be the name of a Service such as chat: lower-case letters, digits and '-', starting with a letter and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// port of the Service that speaks HTTP. It may be left out where the Service has a single port.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
}

// Identity is an account made for probes.
type Identity struct {
	// name of the identity within the launch, as findings give it: for example alice.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be a DNS label such as alice: lower-case letters, digits and '-', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// tenant that the account belongs to, as the app names it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Tenant string `json:"tenant,omitempty"`

	// role of the account: User, or Admin (of its own tenant). User where it is absent.
	// +optional
	Role IdentityRole `json:"role,omitempty"`

	// credentialsSecretRef names a Secret of the same namespace. Its keys are used as $(credentials.KEY).
	// +required
	CredentialsSecretRef SecretReference `json:"credentialsSecretRef,omitzero"`
}

// IdentityRole is what an identity may do in its tenant.
//
// +kubebuilder:validation:Enum=User;Admin
type IdentityRole string

const (
	// RoleUser may use what is its own.
	RoleUser IdentityRole = "User"
	// RoleAdmin may use the administration of its tenant.
	RoleAdmin IdentityRole = "Admin"
)

// SecretReference names a Secret of the same namespace.
type SecretReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Secret: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`
}

// Login is how an identity logs in.
//
// +kubebuilder:validation:XValidation:rule="self.steps.all(s, !has(s.request.host) || (has(self.hosts) && self.hosts.exists(h, h == s.request.host)))",message="a step goes to a host that login.hosts does not name: add it there, as it stands in request.host"
// +kubebuilder:validation:XValidation:rule="!has(self.refresh) || !has(self.refresh.request.host) || (has(self.hosts) && self.hosts.exists(h, h == self.refresh.request.host))",message="refresh goes to a host that login.hosts does not name: add it there, as it stands in request.host"
type Login struct {
	// hosts are those of an identity provider, with a port where it is not 443: such as idp.example.com. A step may go there by
	// request.host, or by the redirects of the app, and back to the app: over HTTPS alone, to public addresses alone. They are visited
	// for logging in, and never attacked.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	Hosts []PublicHost `json:"hosts,omitempty"`

	// steps are sent one after another. Each may use $(credentials.KEY), what an earlier one captured, and the one-time password of
	// the moment as $(totp(credentials.KEY)) (RFC 6238), where KEY holds the secret in base32, or an otpauth:// URI.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Steps []HTTPStep `json:"steps,omitempty"`

	// refresh gives a session that has ended a new life, without another login: what it captures takes the place of what the login
	// captured under that name, such as token. It carries the session's cookies, and of authenticate nothing.
	// +optional
	Refresh *HTTPStep `json:"refresh,omitempty"`
}

// PublicHost is a host outside of the cluster that is asked over HTTPS, with a port where it is not 443.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=259
// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+[a-z]([-a-z0-9]{0,61}[a-z0-9])?(:[1-9][0-9]{0,4})?$')",message="must be a host's public name such as idp.example.com or idp.example.com:8443: lower-case letters, digits, '-' and '.', without a scheme, a path, a wildcard or a trailing dot, and no IP address"
// +kubebuilder:validation:XValidation:rule="!self.matches('(^|[.])(svc|local|localhost|internal|invalid|test|onion|alt|home[.]arpa)(:|$)')",message="must be a name that public DNS knows, such as idp.example.com: what is inside the cluster is asked by its public name"
// +kubebuilder:validation:XValidation:rule="!self.matches('^[^:]*:[0-9]{5}$') || int(self.split(':')[1]) <= 65535",message="the port must be at most 65535"
type PublicHost string

// defaultPort is that of HTTPS. RFC 9110 §4.2.2.
const defaultPort = 443

// Address gives the name and the port.
func (h PublicHost) Address() (name string, port int32) {
	name, given, found := strings.Cut(string(h), ":")
	if number, err := strconv.ParseUint(given, 10, 16); found && err == nil {
		return name, int32(number)
	}
	return name, defaultPort
}

// HostPort gives name and port, joined by a colon.
func (h PublicHost) HostPort() string {
	name, port := h.Address()
	return name + ":" + strconv.Itoa(int(port))
}

// URL gives where the host is asked: https://idp.example.com, with a port where it is not 443.
func (h PublicHost) URL() *url.URL {
	name, port := h.Address()
	if port != defaultPort {
		name = h.HostPort()
	}
	return &url.URL{Scheme: "https", Host: name}
}

// SignUp is how a stranger gets an account.
type SignUp struct {
	// steps are sent one after another, by nobody. $(credentials.KEY) is what the probe makes up for the new account: for email an
	// address at example.com, for anything else a random text. It logs in by spec.app.login with the same.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Steps []HTTPStep `json:"steps,omitempty"`
}

// Profile is what an account says of itself.
type Profile struct {
	// read gives the account of the identity that asks, as JSON.
	// +required
	Read HTTPRequest `json:"read,omitzero"`

	// update changes it, by a JSON object. It is sent by accounts alone that the probe has signed up itself.
	// +optional
	Update *HTTPRequest `json:"update,omitempty"`
}

// Authenticate is what each request of an identity carries.
type Authenticate struct {
	// headers by name. Each value must refer to what the login captured, or to $(credentials.KEY).
	// +required
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=8
	// +kubebuilder:validation:XValidation:rule="self.all(h, self[h].contains('$('))",message="a credential is never typed: refer to what the login captured, such as Bearer $(token), or to a key of the identity's Secret, such as $(credentials.token)"
	Headers map[string]HeaderValue `json:"headers,omitempty"`
}

// Chat is how somebody asks and gets an answer.
type Chat struct {
	// request carries $(prompt).
	// +required
	Request HTTPRequest `json:"request,omitzero"`

	// reply gives the answer's text: response.json.reply, or for server-sent events and NDJSON
	// response.events.map(e, e.delta).join('').
	// +required
	Reply CELExpression `json:"reply,omitempty"`

	// ratePerMinute is how many questions a minute the chat takes before it refuses more. Probes keep to 80 % of it; without it
	// they ask one question after another.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=6000
	RatePerMinute *int32 `json:"ratePerMinute,omitempty"`

	// conversation takes out of a reply what the next question of the same conversation refers to, by name: for example
	// conversation: response.json.conversation, for a request with $(conversation). In the first question each of them is empty.
	// Attacks over several turns need it.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=8
	// +kubebuilder:validation:XValidation:rule="self.all(n, n.matches('^[a-z][A-Za-z0-9]{0,31}$') && !(n in ['prompt', 'canary', 'query', 'id']))",message="a name to capture under must begin with a lower-case letter and go on with at most 31 letters and digits, such as conversation; prompt, canary, query and id are taken"
	Conversation map[string]CELExpression `json:"conversation,omitempty"`

	// history says how the messages before a question are written, for an app that takes the conversation from its client. In a list of
	// request.json, the text $(history) stands for them: json: {messages: [$(history), {role: user, content: $(prompt)}]}.
	// Without it and conversation, attacks over several turns are left out.
	// +optional
	History *ChatHistory `json:"history,omitempty"`

	// sources are what somebody writes and the chatbot reads, besides resources: listings, profiles, what a tool looks up. Attacks are
	// put there, one at a time, and taken away again.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Sources []ChatSource `json:"sources,omitempty"`

	// systemPrompt says where the canary of the system prompt is kept: the lines that launchready canary print gives, and that stand
	// wherever the prompt lives.
	// +optional
	SystemPrompt *SystemPrompt `json:"systemPrompt,omitempty"`

	// tools are what the chatbot can call. Whether there are any must be stated: here, or by Tools in absent.
	// +optional
	Tools *ChatTools `json:"tools,omitempty"`

	// fetches are hosts that a rendered reply may load images and the like from, besides the app's own: for example
	// cdn.example.com. One that begins with *. stands for all names below it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Fetches []FetchHost `json:"fetches,omitempty"`

	// attempts is how often each attack is made: a model that answers by chance may leak one time and not the next. 1 where it is
	// absent.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	Attempts *int32 `json:"attempts,omitempty"`

	// attacks are your own, besides those that are built in: {configMapRefs: [{name: chat-attacks}]}.
	// +optional
	Attacks *Attacks `json:"attacks,omitempty"`
}

// ChatHistory is how a client writes the messages before a question. $(text) is what was said.
type ChatHistory struct {
	// user is a message of the user's: {role: user, content: $(text)}.
	// +required
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	User apiextensionsv1.JSON `json:"user,omitzero"`

	// assistant is a message of the chatbot's: {role: assistant, content: $(text)}.
	// +required
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Assistant apiextensionsv1.JSON `json:"assistant,omitzero"`
}

// ChatSourceKind is what a source is.
//
// +kubebuilder:validation:Enum=Listing;Profile;ToolOutput;PDF
type ChatSourceKind string

const (
	// ChatSourceListing is what users offer or write for others: a product, a ticket, a review.
	ChatSourceListing ChatSourceKind = "Listing"
	// ChatSourceProfile is a user's own name or description.
	ChatSourceProfile ChatSourceKind = "Profile"
	// ChatSourceToolOutput is what a tool answers: an order's note, a calendar's entry.
	ChatSourceToolOutput ChatSourceKind = "ToolOutput"
	// ChatSourcePDF is a PDF file that somebody uploads.
	ChatSourcePDF ChatSourceKind = "PDF"
)

// ChatSource is a place where somebody writes what the chatbot reads.
type ChatSource struct {
	// name of the place, as findings give it: for example listings.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be a DNS label such as listings: lower-case letters, digits and '-', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// kind is Listing (what users offer or write for others), Profile (who asks, as the app knows them), ToolOutput (what a tool looks up)
	// or PDF (a file that is uploaded: $(content) is the whole file, in a part of multipart or as the body). It says which attacks are put
	// there.
	// +required
	Kind ChatSourceKind `json:"kind,omitempty"`

	// author names the identity that writes it. Where it is absent, a Listing is written by somebody of another tenant than asks, if
	// there is one, and all else by who asks.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Author string `json:"author,omitempty"`

	// create writes it. Its request must carry $(content), the text; its capture may give id. It may carry $(internal) in another field:
	// what the chatbot reads beside the text and must tell nobody, such as a seller's own notes. Then id has to be captured.
	// +required
	Create HTTPStep `json:"create,omitzero"`

	// delete takes it away again, or puts the profile back as it was: {method: DELETE, path: /api/listings/$(id)}.
	// +required
	Delete HTTPRequest `json:"delete,omitzero"`

	// control is a question to which the answer stands there, so that it is seen that the chatbot reads it; $(term) is a word of the
	// text. "What is the code $(term)?" where it is absent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Control string `json:"control,omitempty"`
}

// SystemPrompt says how it is known that a text is the system prompt's.
type SystemPrompt struct {
	// canarySecretRef names a Secret of the same namespace that launchready canary print has made.
	// +required
	CanarySecretRef SecretReference `json:"canarySecretRef,omitzero"`

	// textSecretRef names a key of a Secret of the same namespace that holds what of the prompt must not be told word for word: the
	// instructions, without the facts that the chatbot is there to tell. Ten of its words in a row in a reply, or 60 of its characters,
	// are a finding.
	// +optional
	TextSecretRef *SecretKeyReference `json:"textSecretRef,omitempty"`
}

// SecretKeyReference names a key of a Secret of the same namespace.
type SecretKeyReference struct {
	SecretReference `json:",inline"`

	// key of the Secret: for example prompt.txt.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$')",message="must be a key of a Secret: letters, digits, '-', '_' and '.'"
	Key string `json:"key,omitempty"`
}

// ChatTools are what the chatbot can call, and how a probe sees that it did.
type ChatTools struct {
	// calls gives the names of the tools that were called for a reply, as a list of texts:
	// response.json.tool_calls.map(c, c.name). A call that waits for somebody's approval does not belong to it.
	// +required
	Calls CELExpression `json:"calls,omitempty"`

	// guarded are tools that no text may make the chatbot call: those that cost or change something, and one that does nothing and
	// is there for probes alone.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Guarded []ToolName `json:"guarded,omitempty"`

	// control is a question by which a call is made as it should be, so that a probe sees one.
	// +required
	Control ToolControl `json:"control,omitzero"`
}

// ToolControl is a question, and the tool that the chatbot calls for it.
type ToolControl struct {
	// prompt is the question.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Prompt string `json:"prompt,omitempty"`

	// calls is the name of the tool.
	// +required
	Calls ToolName `json:"calls,omitempty"`
}

// ToolName is the name of a tool, as the chatbot calls it.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
type ToolName string

// FetchHost is a DNS name, or one with *. for all names below it.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^([*][.])?([a-z0-9]([-a-z0-9]*[a-z0-9])?[.])+[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be a DNS name such as cdn.example.com or *.example.com: lower-case, without scheme, port and path"
type FetchHost string

// Resource is a kind of thing that belongs to somebody, such as conversations or documents.
//
// +kubebuilder:validation:XValidation:rule="!has(self.mark) || (!has(self.search) && !has(self.update) && !has(self.inChat))",message="a mark is a text that the app made up: it can be neither changed nor searched or asked for. Remove search, update and inChat, or let create carry $(canary) in the place of mark"
type Resource struct {
	// name of the kind, as findings give it: for example conversations.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be a DNS label such as conversations: lower-case letters, digits and '-', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// sharing says who besides the owner may see a thing of this kind: None, or Tenant (everybody of the owner's tenant). None
	// where it is absent. What everybody may see is no resource: leave it out.
	// +optional
	Sharing Sharing `json:"sharing,omitempty"`

	// create makes one. Its request must carry $(canary), a short text by which the thing is known again, and its capture must
	// give id. Where a thing can hold no text, such as a payment, mark takes the place of $(canary).
	// +required
	Create HTTPStep `json:"create,omitzero"`

	// mark takes a text out of the reply to item by which the thing is known again, where create can't carry $(canary): one that
	// the app makes up anew for each thing, of at least 12 characters that nobody can guess, such as response.json.receipt.
	// The identifier won't do, for it is in the request.
	// +optional
	Mark CELExpression `json:"mark,omitempty"`

	// inChat says whether the chatbot answers from things of this kind: Expected (it must, or nothing is proven), or Never (it is not
	// asked). Where it is absent, each owner asks once, and the chat is judged if that finds something.
	// +optional
	InChat InChat `json:"inChat,omitempty"`

	// item reads the one with $(id).
	// +required
	Item HTTPRequest `json:"item,omitzero"`

	// list gives those of the identity that asks.
	// +optional
	List *HTTPRequest `json:"list,omitempty"`

	// search gives those in which $(query) stands.
	// +optional
	Search *HTTPRequest `json:"search,omitempty"`

	// export gives the one with $(id), or all of the identity that asks, in another form.
	// +optional
	Export *HTTPRequest `json:"export,omitempty"`

	// update changes the one with $(id); its request must carry $(canary).
	// +optional
	Update *HTTPRequest `json:"update,omitempty"`

	// delete removes the one with $(id). Probes clean up by it.
	// +optional
	Delete *HTTPRequest `json:"delete,omitempty"`
}

// Sharing says who besides the owner may see a thing.
//
// +kubebuilder:validation:Enum=None;Tenant
type Sharing string

const (
	// SharingNone says that only the owner may see it.
	SharingNone Sharing = "None"
	// SharingTenant says that everybody of the owner's tenant may see it.
	SharingTenant Sharing = "Tenant"
)

// InChat says whether the chatbot answers from things of a kind.
//
// +kubebuilder:validation:Enum=Expected;Never
type InChat string

const (
	// InChatExpected says that the chatbot answers its user from that user's own things.
	InChatExpected InChat = "Expected"
	// InChatNever says that the chatbot knows nothing of them.
	InChatNever InChat = "Never"
)

// HTTPStep is an HTTP request and what becomes of its reply.
type HTTPStep struct {
	// request that is sent.
	// +required
	Request HTTPRequest `json:"request,omitzero"`

	// expect says whether the reply is a success: response.status >= 200 && response.status < 300 where it is absent, and
	// response.status == 101 of a WebSocket.
	// +optional
	Expect CELExpression `json:"expect,omitempty"`

	// capture takes texts out of the reply, by name: later requests use them as $(name).
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=8
	// +kubebuilder:validation:XValidation:rule="self.all(n, n.matches('^[a-z][A-Za-z0-9]{0,31}$'))",message="a name to capture under must begin with a lower-case letter and go on with at most 31 letters and digits, such as token"
	Capture map[string]CELExpression `json:"capture,omitempty"`
}

// HTTPRequest is an HTTP request to the app, or of a login to one of login.hosts. In path, query, headers and body, $(name) stands for what was captured under that
// name, $(credentials.KEY) for a key of the identity's Secret, and $$ for a dollar sign.
//
// +kubebuilder:validation:XValidation:rule="(has(self.json) ? 1 : 0) + (has(self.form) ? 1 : 0) + (has(self.multipart) ? 1 : 0) + (has(self.body) ? 1 : 0) <= 1",message="a request has one body: keep one of json, form, multipart and body"
// +kubebuilder:validation:XValidation:rule="!has(self.webSocket) || (!has(self.host) && (!has(self.method) || self.method == 'GET') && !has(self.json) && !has(self.form) && !has(self.multipart) && !has(self.body))",message="a WebSocket is opened to the app, by a GET that has no body: leave host, method, json, form, multipart and body out, and put what is sent into webSocket.send"
type HTTPRequest struct {
	// method of the request. GET where it is absent.
	// +optional
	Method HTTPMethod `json:"method,omitempty"`

	// host that the request goes to, in the place of the app: one of login.hosts, as it stands there. In login.steps and login.refresh
	// alone.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=259
	Host string `json:"host,omitempty"`

	// path on the app's host, with a query if there is one; or $(name) alone for a whole path that a step of the login captured, such as
	// response.formAction.
	// +required
	Path RequestPath `json:"path,omitempty"`

	// query parameters by name, encoded as needed.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	Query map[string]HeaderValue `json:"query,omitempty"`

	// headers by name, besides those of authenticate.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(h, !(h.lowerAscii() in ['authorization', 'cookie', 'proxy-authorization', 'x-api-key']) || self[h].contains('$('))",message="a credential is never typed: refer to a key of the identity's Secret, such as $(credentials.token)"
	Headers map[string]HeaderValue `json:"headers,omitempty"`

	// json is the body, a JSON object. For any other JSON, use body.
	// +optional
	// +kubebuilder:validation:Type=object
	JSON *apiextensionsv1.JSON `json:"json,omitempty"`

	// form is the body, as application/x-www-form-urlencoded.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=32
	Form map[string]HeaderValue `json:"form,omitempty"`

	// multipart is the body, as multipart/form-data.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Multipart []FormPart `json:"multipart,omitempty"`

	// body is the body as it stands; set the header Content-Type beside it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Body string `json:"body,omitempty"`

	// webSocket makes the request the opening handshake of a WebSocket (RFC 6455), over which messages are exchanged. What is
	// received is response.events, and as text response.text; response.json is the last message.
	// +optional
	WebSocket *WebSocket `json:"webSocket,omitempty"`
}

// WebSocket is what is sent over a WebSocket, and when the reply to it is complete.
type WebSocket struct {
	// send are the messages, in their order.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Send []WebSocketMessage `json:"send,omitempty"`

	// quietSeconds is after how many seconds without a message a reply counts as complete, where until did not hold before. It
	// has to be longer than the app's longest pause. 5 where it is absent.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=30
	QuietSeconds int32 `json:"quietSeconds,omitempty"`
}

// WebSocketMessage is a text message.
//
// +kubebuilder:validation:ExactlyOneOf=json;text
type WebSocketMessage struct {
	// json is the message, a JSON object. For any other JSON, use text.
	// +optional
	// +kubebuilder:validation:Type=object
	JSON *apiextensionsv1.JSON `json:"json,omitempty"`

	// text is the message as it stands.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Text string `json:"text,omitempty"`

	// until says, after each message that is received, whether the reply is complete: response.json.?done.orValue(false). Where it
	// is absent, the next message is sent at once, and the reply to the last one ends when the app closes, or is quiet.
	// +optional
	Until CELExpression `json:"until,omitempty"`
}

// FormPart is a part of multipart/form-data.
type FormPart struct {
	// name of the field.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// value of the field, or the file's content.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Value string `json:"value,omitempty"`

	// fileName makes it a file.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	FileName string `json:"fileName,omitempty"`

	// contentType of the part, such as text/plain.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	ContentType string `json:"contentType,omitempty"`
}

// HTTPMethod is a method of HTTP. RFC 9110 §9, RFC 5789.
//
// +kubebuilder:validation:Enum=GET;HEAD;POST;PUT;PATCH;DELETE;OPTIONS
type HTTPMethod string

// RequestPath is a path on the app's host, with a query if there is one.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=2048
// +kubebuilder:validation:XValidation:rule="(self.startsWith('/') || (self.startsWith('$(') && self.indexOf(')') == self.size() - 1)) && !self.startsWith('//') && !self.contains('#') && !self.contains(' ')",message="must be a path such as /api/login: it begins with one '/', and has no host, no '#' and no space (write %20)"
type RequestPath string

// HeaderValue is a short text in a request.
//
// +kubebuilder:validation:MaxLength=4096
type HeaderValue string

// CELExpression is an expression in the Common Expression Language over response, which has status, headers (by name in lower
// case), text, json, events (of server-sent events, NDJSON or WebSocket), closeCode (of a WebSocket), duration, url, and of the form
// of a page form (the values of its fields by name) and formAction (the path that it is sent to).
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=1024
type CELExpression string
