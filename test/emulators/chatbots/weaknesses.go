// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

// The scorecard's rows that weaknesses belong to.
const (
	RowAuthEnforced   = "AuthEnforced"
	RowTenantIsolated = "TenantIsolated"
)

// The names of the weaknesses. What each is, [Weaknesses] says.
const (
	// Weaknesses of TenantIsolated.
	IDORConversationRead       = "idor-conversation-read"
	IDORDocumentRead           = "idor-document-read"
	IDORSameTenantRead         = "idor-same-tenant-read"
	IDORQueryID                = "idor-query-id"
	IDORBatchBody              = "idor-batch-body"
	IDORHeaderID               = "idor-header-id"
	IDORIDArray                = "idor-id-array"
	IDORDuplicateParameter     = "idor-duplicate-parameter"
	IDORJSONDuplicateKey       = "idor-json-duplicate-key"
	IDORUpperCaseID            = "idor-upper-case-id"
	IDOREncodedID              = "idor-encoded-id"
	IDORTrailingSlash          = "idor-trailing-slash"
	IDORDoubleSlash            = "idor-double-slash"
	IDORSemicolon              = "idor-semicolon"
	IDOREncodedSlash           = "idor-encoded-slash"
	IDORDotSegment             = "idor-dot-segment"
	IDORExtension              = "idor-extension"
	IDOROldVersion             = "idor-old-version"
	IDORAccept                 = "idor-accept"
	IDORMessages               = "idor-messages"
	TenantHeader               = "tenant-header"
	TenantQuery                = "tenant-query"
	TenantBody                 = "tenant-body"
	TenantHost                 = "tenant-host"
	TenantPath                 = "tenant-path"
	ListLeaksAll               = "list-leaks-all"
	ListFilterInjection        = "list-filter-injection"
	ListScopeAll               = "list-scope-all"
	SearchLeaks                = "search-leaks"
	ExportLeaks                = "export-leaks"
	AccountExportByUser        = "account-export-by-user"
	DownloadUnguarded          = "download-unguarded"
	ForeignUpdate              = "foreign-update"
	ForeignUpdateSilent        = "foreign-update-silent"
	ForeignDelete              = "foreign-delete"
	ForeignDeleteSilent        = "foreign-delete-silent"
	ForeignMessage             = "foreign-message"
	MethodOverrideWrite        = "method-override-write"
	MassAssignmentTenant       = "mass-assignment-tenant"
	MassAssignmentOwner        = "mass-assignment-owner"
	CachedReplies              = "cached-replies"
	CachedRepliesStaticSuffix  = "cached-replies-static-suffix"
	ChatRetrievesAcrossTenants = "chat-retrieves-across-tenants"
	ChatRetrievesSameTenant    = "chat-retrieves-same-tenant"
	ChatForeignConversation    = "chat-foreign-conversation"
	GraphQLIDOR                = "graphql-idor"
	WebSocketIDOR              = "websocket-idor"
	WebSocketTenant            = "websocket-tenant"
	ErrorLeaksContent          = "error-leaks-content"
	PaymentIDOR                = "payment-idor"

	// Weaknesses of AuthEnforced.
	AnonymousRead            = "anonymous-read"
	AnonymousList            = "anonymous-list"
	AnonymousWrite           = "anonymous-write"
	AnonymousSearch          = "anonymous-search"
	AnonymousExport          = "anonymous-export"
	AnonymousDownload        = "anonymous-download"
	AnonymousChat            = "anonymous-chat"
	AnonymousWebSocket       = "anonymous-websocket"
	AnonymousGraphQL         = "anonymous-graphql"
	JWTSignatureIgnored      = "jwt-signature-ignored"
	JWTAlgNone               = "jwt-alg-none"
	JWTAlgNoneCase           = "jwt-alg-none-case"
	JWTStrippedSignature     = "jwt-stripped-signature"
	JWTWeakKey               = "jwt-weak-key"
	JWTWeakKeyName           = "jwt-weak-key-name"
	JWTHSRSConfusion         = "jwt-hs-rs-confusion"
	JWTKidPathTraversal      = "jwt-kid-path-traversal"
	JWTKidSQL                = "jwt-kid-sql"
	JWTEmbeddedJWK           = "jwt-embedded-jwk"
	JWTExpiredAccepted       = "jwt-expired-accepted"
	JWTSignatureSwapped      = "token-of-other-user-swapped"
	AuthFailsOpen            = "auth-fails-open"
	AuthUserHeader           = "auth-user-header"
	AuthUserCookie           = "auth-user-cookie"
	SchemeIgnored            = "scheme-ignored"
	LoginAnyPassword         = "login-any-password" //nolint:gosec // a name
	LogoutDoesNothing        = "logout-does-nothing"
	LogoutKeepsSession       = "logout-keeps-session-cookie-valid"
	RefreshRevivesToken      = "refresh-revives-token"
	RefreshTokenSurvives     = "refresh-token-survives-logout"
	RefreshTokenPrefix       = "refresh-token-prefix"
	TOTPUnchecked            = "totp-unchecked"
	SessionFixation          = "session-fixation"
	SessionIDPredictable     = "session-id-predictable"
	AdminAnonymous           = "admin-anonymous"
	AdminAnyUser             = "admin-any-user"
	AdminMethod              = "admin-method"
	AdminTrailingSlash       = "admin-trailing-slash"
	AdminDoubleSlash         = "admin-double-slash"
	AdminUpperCase           = "admin-upper-case"
	AdminEncoded             = "admin-encoded"
	AdminEncodedSlash        = "admin-encoded-slash"
	AdminSemicolon           = "admin-semicolon"
	AdminDotSegment          = "admin-dot-segment"
	AdminExtension           = "admin-extension"
	AdminXOriginalURL        = "admin-x-original-url"
	AdminXForwardedFor       = "admin-x-forwarded-for"
	AdminReferer             = "admin-referer"
	AdminMethodOverride      = "admin-method-override"
	AdminAPIUnguarded        = "admin-api-only-unguarded"
	AdminPageUnguarded       = "admin-page-only-unguarded"
	AdminExportUnguarded     = "admin-export-unguarded"
	AdminClientRole          = "admin-client-role"
	AdminOldVersion          = "admin-old-version"
	MassAssignmentRoleSignup = "mass-assignment-role-signup"
	MassAssignmentRoleUpdate = "mass-assignment-role-update"
)

// Weakness is a hole that can be opened.
type Weakness struct {
	Name string
	// Row is the scorecard's row that must fail.
	Row string
	// Path is where the hole shows: {kind} is conversations or documents, * any path below.
	Path        string
	Description string
}

// Weaknesses are all holes that [Config.Weaknesses] may name, by row.
func Weaknesses() []Weakness { return append(tenantWeaknesses(), authWeaknesses()...) }

func tenantWeaknesses() []Weakness {
	return []Weakness{
		{IDORConversationRead, RowTenantIsolated, "/api/conversations/{id}", "reads of a conversation do not ask whose it is"},
		{IDORDocumentRead, RowTenantIsolated, "/api/documents/{id}", "reads of a document do not ask whose it is"},
		{IDORSameTenantRead, RowTenantIsolated, "/api/{kind}/{id}", "reads ask for the tenant only: colleagues see each other's"},
		{IDORQueryID, RowTenantIsolated, "/api/{kind}?id={id}", "the object named by ?id= is not guarded"},
		{IDORBatchBody, RowTenantIsolated, "/api/{kind}/batch", "the ids of a batch are not guarded"},
		{IDORHeaderID, RowTenantIsolated, "/api/{kind}/{id}", "X-Conversation-Id or X-Document-Id chooses the object after the guard has looked at the path"},
		{IDORIDArray, RowTenantIsolated, "/api/{kind}?id={own}&id={id}", "of several ids (id or ids[]) only the first is guarded"},
		{IDORDuplicateParameter, RowTenantIsolated, "/api/{kind}?id={own}&id={id}", "the guard reads the first id, the handler the last"},
		{IDORJSONDuplicateKey, RowTenantIsolated, "/api/{kind}/batch", "of a key given twice the guard reads the first, the handler the last"},
		{IDORUpperCaseID, RowTenantIsolated, "/api/{kind}/{ID}", "an id in upper case misses the guard"},
		{IDOREncodedID, RowTenantIsolated, "/api/{kind}/{%id}", "an id with letters percent-encoded misses the guard"},
		{IDORTrailingSlash, RowTenantIsolated, "/api/{kind}/{id}/", "a path with a slash at its end misses the guard"},
		{IDORDoubleSlash, RowTenantIsolated, "/api/{kind}//{id}", "a path with a double slash misses the guard"},
		{IDORSemicolon, RowTenantIsolated, "/api/{kind}/{id};x", "a path with a parameter (;x) misses the guard"},
		{IDOREncodedSlash, RowTenantIsolated, "/api/{kind}%2f{id}", "a path with an encoded slash misses the guard"},
		{IDORDotSegment, RowTenantIsolated, "/api/{kind}/x/../{id}", "a path with dot segments misses the guard"},
		{IDORExtension, RowTenantIsolated, "/api/{kind}/{id}.json", "a path that ends in .json misses the guard"},
		{IDOROldVersion, RowTenantIsolated, "/api/v0/{kind}/{id}", "the API's old version is still there, without the guard"},
		{IDORAccept, RowTenantIsolated, "/api/{kind}/{id}", "another representation (Accept: text/csv) is not guarded"},
		{IDORMessages, RowTenantIsolated, "/api/conversations/{id}/messages", "the messages of a conversation are not guarded"},
		{TenantHeader, RowTenantIsolated, "/api/*", "X-Tenant-Id or X-Tenant is believed"},
		{TenantQuery, RowTenantIsolated, "/api/*?tenant={tenant}", "?tenant= is believed"},
		{TenantBody, RowTenantIsolated, "/api/{kind}/batch, /api/chat", `"tenant" in a JSON body is believed`},
		{TenantHost, RowTenantIsolated, "/api/*", "the first label of Host or X-Forwarded-Host is believed to be the caller's tenant"},
		{TenantPath, RowTenantIsolated, "/api/tenants/{tenant}/{kind}", "the tenant in the path is believed"},
		{ListLeaksAll, RowTenantIsolated, "/api/{kind}", "lists hold everybody's objects"},
		{ListFilterInjection, RowTenantIsolated, "/api/{kind}?owner={user}", "a filter (?owner= or ?user_id=) takes the place of the caller"},
		{ListScopeAll, RowTenantIsolated, "/api/{kind}?scope=all", "?scope=all or ?all=true makes lists hold everybody's objects"},
		{SearchLeaks, RowTenantIsolated, "/api/search?q={text}", "searches everybody's objects"},
		{ExportLeaks, RowTenantIsolated, "/api/{kind}/{id}/export", "the export of an object is not guarded"},
		{AccountExportByUser, RowTenantIsolated, "/api/export?user_id={user}", "exports the account that ?user_id= names"},
		{DownloadUnguarded, RowTenantIsolated, "/api/documents/{id}/download", "the download of a document is not guarded"},
		{ForeignUpdate, RowTenantIsolated, "/api/{kind}/{id}", "anybody's object can be changed"},
		{ForeignUpdateSilent, RowTenantIsolated, "/api/{kind}/{id}", "answers 404 and changes the object all the same"},
		{ForeignDelete, RowTenantIsolated, "/api/{kind}/{id}", "anybody's object can be deleted"},
		{ForeignDeleteSilent, RowTenantIsolated, "/api/{kind}/{id}", "answers 404 and deletes the object all the same"},
		{ForeignMessage, RowTenantIsolated, "/api/conversations/{id}/messages", "messages can be posted into anybody's conversation"},
		{MethodOverrideWrite, RowTenantIsolated, "/api/{kind}/{id}", "a method put in X-HTTP-Method-Override misses the guard"},
		{MassAssignmentTenant, RowTenantIsolated, "/api/signup, /api/me", "whoever signs up or edits their account may name the tenant"},
		{MassAssignmentOwner, RowTenantIsolated, "/api/{kind}", `an object can be created in another user's name ("owner")`},
		{CachedReplies, RowTenantIsolated, "/api/{kind}, /api/{kind}/{id}, /api/me", "a cache in front knows replies by their path only"},
		{CachedRepliesStaticSuffix, RowTenantIsolated, "/api/{kind}/{id}/x.css", "a cache in front keeps what looks like a static file"},
		{ChatRetrievesAcrossTenants, RowTenantIsolated, "/api/chat", "the bot answers from everybody's documents and conversations"},
		{ChatRetrievesSameTenant, RowTenantIsolated, "/api/chat", "the bot answers from colleagues' documents and conversations"},
		{ChatForeignConversation, RowTenantIsolated, "/api/chat", "a chat can go on in anybody's conversation, and answers from it"},
		{GraphQLIDOR, RowTenantIsolated, "/graphql", "conversation(id:) and document(id:) are not guarded"},
		{WebSocketIDOR, RowTenantIsolated, "/api/chat/ws", "a chat over WebSocket can go on in anybody's conversation, and answers from it"},
		{WebSocketTenant, RowTenantIsolated, "/api/chat/ws", `"tenant" in a message over WebSocket is believed`},
		{ErrorLeaksContent, RowTenantIsolated, "/api/{kind}/{id}", "the 404 for a foreign object quotes it"},
		{PaymentIDOR, RowTenantIsolated, "/api/payments/{id}", "reads of a payment do not ask whose it is"},
	}
}

func authWeaknesses() []Weakness {
	return []Weakness{
		{AnonymousRead, RowAuthEnforced, "/api/{kind}/{id}", "objects can be read without credentials"},
		{AnonymousList, RowAuthEnforced, "/api/{kind}", "lists can be read without credentials"},
		{AnonymousWrite, RowAuthEnforced, "/api/{kind}", "objects can be made, changed and deleted without credentials"},
		{AnonymousSearch, RowAuthEnforced, "/api/search", "searches without credentials"},
		{AnonymousExport, RowAuthEnforced, "/api/export, /api/{kind}/{id}/export", "exports without credentials"},
		{AnonymousDownload, RowAuthEnforced, "/api/documents/{id}/download", "downloads without credentials"},
		{AnonymousChat, RowAuthEnforced, "/api/chat", "chats without credentials"},
		{AnonymousWebSocket, RowAuthEnforced, "/api/chat/ws", "chats over WebSocket without credentials"},
		{AnonymousGraphQL, RowAuthEnforced, "/graphql", "GraphQL without credentials"},
		{JWTSignatureIgnored, RowAuthEnforced, "/api/*", "the token's signature is not looked at"},
		{JWTAlgNone, RowAuthEnforced, "/api/*", `alg "none" is accepted`},
		{JWTAlgNoneCase, RowAuthEnforced, "/api/*", `"none" is refused as written, but not "nOnE"`},
		{JWTStrippedSignature, RowAuthEnforced, "/api/*", "a token without its signature is accepted"},
		{JWTWeakKey, RowAuthEnforced, "/api/*", `tokens are signed with the key "secret"`},
		{JWTWeakKeyName, RowAuthEnforced, "/api/*", `tokens are signed with the key "changeme"`},
		{JWTHSRSConfusion, RowAuthEnforced, "/api/*", "RS256, and HS256 with the public key's PEM as the key is accepted"},
		{JWTKidPathTraversal, RowAuthEnforced, "/api/*", "the key is the file that the token's kid names, /dev/null too"},
		{JWTKidSQL, RowAuthEnforced, "/api/*", "the token's kid is pasted into the SQL that looks up the key"},
		{JWTEmbeddedJWK, RowAuthEnforced, "/api/*", "a key that the token brings along (jwk) is trusted"},
		{JWTExpiredAccepted, RowAuthEnforced, "/api/*", "the token's expiry, after 2 s, is not looked at"},
		{JWTSignatureSwapped, RowAuthEnforced, "/api/*", "a signature that was good once is good for any payload"},
		{AuthFailsOpen, RowAuthEnforced, "/api/*", "a token that cannot be parsed lets the request through"},
		{AuthUserHeader, RowAuthEnforced, "/api/*", "X-User-Id or X-Forwarded-User is believed"},
		{AuthUserCookie, RowAuthEnforced, "/api/*", "the cookie user_id is believed"},
		{SchemeIgnored, RowAuthEnforced, "/api/*", "any scheme but Bearer passes without a check of what follows it"},
		{LoginAnyPassword, RowAuthEnforced, "/api/login", "the password is not compared"},
		{LogoutDoesNothing, RowAuthEnforced, "/api/logout", "tokens and sessions stay valid after logout"},
		{LogoutKeepsSession, RowAuthEnforced, "/api/logout", "the session cookie stays valid after logout"},
		{RefreshRevivesToken, RowAuthEnforced, "/api/refresh", "a token that was logged out can be refreshed"},
		{RefreshTokenSurvives, RowAuthEnforced, "/api/refresh", "a refresh token is good after the logout of its login"},
		{RefreshTokenPrefix, RowAuthEnforced, "/api/refresh", "of a refresh token only the first half is compared"},
		{TOTPUnchecked, RowAuthEnforced, "/api/login/totp", "the one-time password is not compared"},
		{SessionFixation, RowAuthEnforced, "/login", "the session id from before the login stays, also one that the server never gave"},
		{SessionIDPredictable, RowAuthEnforced, "/login", "session ids are numbers in a row"},
		{AdminAnonymous, RowAuthEnforced, "/admin, /api/admin/*", "no guard at all"},
		{AdminAnyUser, RowAuthEnforced, "/admin, /api/admin/*", "any user passes"},
		{AdminMethod, RowAuthEnforced, "/admin, /api/admin/*", "only GET is guarded"},
		{AdminTrailingSlash, RowAuthEnforced, "/admin/, /api/admin/*/", "a path with a slash at its end misses the guard"},
		{AdminDoubleSlash, RowAuthEnforced, "//admin, /api//admin/*", "a path with a double slash misses the guard"},
		{AdminUpperCase, RowAuthEnforced, "/ADMIN, /API/ADMIN/*", "a path in upper case misses the guard"},
		{AdminEncoded, RowAuthEnforced, "/%61dmin, /api/%61dmin/*", "a path with letters percent-encoded misses the guard"},
		{AdminEncodedSlash, RowAuthEnforced, "/api%2fadmin%2f*", "a path with an encoded slash misses the guard"},
		{AdminSemicolon, RowAuthEnforced, "/admin;x, /api/admin;x/*", "a path with a parameter (;x) misses the guard"},
		{AdminDotSegment, RowAuthEnforced, "/x/../admin, /api/x/../admin/*", "a path with dot segments misses the guard"},
		{AdminExtension, RowAuthEnforced, "/admin.json, /api/admin/*.json", "a path that ends in .json misses the guard"},
		{AdminXOriginalURL, RowAuthEnforced, "/", "X-Original-URL or X-Rewrite-URL chooses the page after the guard has looked at the path"},
		{AdminXForwardedFor, RowAuthEnforced, "/admin, /api/admin/*", "X-Forwarded-For or X-Real-IP 127.0.0.1 passes"},
		{AdminReferer, RowAuthEnforced, "/admin, /api/admin/*", "a Referer with /admin in it passes"},
		{AdminMethodOverride, RowAuthEnforced, "/admin, /api/admin/*", "a request with X-HTTP-Method-Override misses the guard"},
		{AdminAPIUnguarded, RowAuthEnforced, "/api/admin/*", "the page is guarded, the API behind it is not"},
		{AdminPageUnguarded, RowAuthEnforced, "/admin", "the API is guarded, the page is not"},
		{AdminExportUnguarded, RowAuthEnforced, "/api/admin/export", "one admin route was forgotten"},
		{AdminClientRole, RowAuthEnforced, "/admin, /api/admin/*", "a role in a cookie, X-Role, ?role=admin or ?admin=true is believed"},
		{AdminOldVersion, RowAuthEnforced, "/api/v0/admin/*", "the API's old version is still there, without the guard"},
		{MassAssignmentRoleSignup, RowAuthEnforced, "/api/signup", "whoever signs up may name their role"},
		{MassAssignmentRoleUpdate, RowAuthEnforced, "/api/me", "whoever edits their account may name their role"},
	}
}
