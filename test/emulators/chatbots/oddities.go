// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

// The names of the oddities. What each is, [Oddities] says.
const (
	Friendly200         = "friendly-200"
	NotFoundAs400       = "not-found-as-400"
	Foreign403          = "foreign-403"
	Gone410             = "gone-410"
	Anonymous403        = "anonymous-403"
	SoftLoginRedirect   = "soft-login-redirect"
	LoginPage200        = "login-page-200"
	RandomOrder         = "random-order"
	ExtraFields         = "extra-fields"
	SlowReplies         = "slow-replies"
	HTMLErrors          = "html-errors"
	RateLimit           = "rate-limit"
	IDsInt              = "ids-int"
	IDsSlug             = "ids-slug"
	PublicConversations = "public-conversations"
	TenantDocuments     = "tenant-documents"
	SPAShell            = "spa-shell"
	GraphQLErrors200    = "graphql-errors-200"
	WAF403              = "waf-403"
	ShortLivedTokens    = "short-lived-tokens"
	LateSearch          = "late-search"
	OneUserATenant      = "one-user-a-tenant"
	EchoID              = "echo-id"
	EchoRequest         = "echo-request"
	Pagination          = "pagination"
	DelayedWrites       = "delayed-writes"
	ETag304             = "etag-304"
	CookiesRotate       = "cookies-rotate"
	CookieOnly          = "cookie-only"
	OddContentTypes     = "odd-content-types"
	UppercaseHeaders    = "uppercase-headers"
	GzipReplies         = "gzip-replies"
	RefreshRotates      = "refresh-rotates"
	WebSocketCloses4401 = "websocket-closes-4401"
	TinyDeltas          = "tiny-deltas"
)

// Oddity is a behaviour that is unusual and harmless.
type Oddity struct {
	Name        string
	Description string
}

// Oddities are all that [Config.Oddities] may name. They can be combined.
func Oddities() []Oddity {
	return []Oddity{
		{Friendly200, "an id that is absent or foreign gets 200 with an empty list and a message"},
		{NotFoundAs400, "an id that is absent or foreign gets 400"},
		{Foreign403, "an id that is foreign gets 403, one that is absent 404"},
		{Gone410, "an id that was deleted gets 410"},
		{Anonymous403, "nobody gets 403 where others say 401"},
		{SoftLoginRedirect, "nobody is redirected (302) to /login"},
		{LoginPage200, "nobody gets 200 with the login page"},
		{RandomOrder, "lists come in another order each time"},
		{ExtraFields, "every JSON reply carries a time, a request id and a counter"},
		{SlowReplies, "every reply takes 100 to 300 ms"},
		{HTMLErrors, "errors are HTML pages"},
		{RateLimit, "above so many requests a second an address gets 429 with Retry-After"},
		{IDsInt, "ids are numbers, in JSON too"},
		{IDsSlug, "ids are words made of the title, with a short random end"},
		{PublicConversations, "some conversations are public by design, at /api/public/conversations"},
		{TenantDocuments, "each tenant has a handbook that all of its users see, by design"},
		{SPAShell, "every path without a route, /admin too, gets 200 with the same page"},
		{GraphQLErrors200, "GraphQL answers 200 also to nobody, with errors"},
		{WAF403, "requests with suspicious headers or paths get 403 from something in front of the app"},
		{ShortLivedTokens, "tokens expire after 2 s"},
		{LateSearch, "search and the bot know an object 2 s after it was written"},
		{OneUserATenant, "every user is a tenant"},
		{EchoID, `"not found" repeats the id that was asked for`},
		{EchoRequest, "the page for an unknown path repeats path and query"},
		{Pagination, "lists come in pages of 20, with a link to the next"},
		{DelayedWrites, "an object can be read 300 ms after it was created"},
		{ETag304, "replies have an ETag, and If-None-Match gets 304"},
		{CookiesRotate, "the session cookie changes with every reply"},
		{CookieOnly, "login gives only a cookie, and unsafe methods want X-CSRF-Token"},
		{OddContentTypes, "JSON comes as application/vnd.chatbot+json"},
		{UppercaseHeaders, "the app's own headers are written in upper case"},
		{GzipReplies, "replies are compressed where the client takes it"},
		{RefreshRotates, "a refresh token is good once and gives another; used again, it ends the login"},
		{WebSocketCloses4401, "nobody's WebSocket is opened, and closed at once with 4401"},
		{TinyDeltas, "the bot's streamed replies come in pieces of three letters"},
	}
}
