// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import "github.com/launchready/launchready/api/v1alpha1"

// rule is a kind of finding.
type rule struct {
	name     string
	row      v1alpha1.Row
	severity v1alpha1.Severity
	// standard is the OWASP API Security Top 10 2023 entry.
	standard string
	remedy   string
}

const (
	api1 = "OWASP API1:2023 Broken Object Level Authorization"
	api2 = "OWASP API2:2023 Broken Authentication"
	api3 = "OWASP API3:2023 Broken Object Property Level Authorization"
	api5 = "OWASP API5:2023 Broken Function Level Authorization"
	api9 = "OWASP API9:2023 Improper Inventory Management"
)

// The rules of the suite.
var (
	foreignRead = rule{
		"ForeignObjectReadable", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Look the object up together with its owner (WHERE id = ? AND tenant_id = ?, both from the session), and answer 404 where that finds nothing.",
	}
	foreignListed = rule{
		"ForeignObjectListed", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Restrict the query to the tenant and user of the session; take neither from the request.",
	}
	tenantChosen = rule{
		"TenantFromRequest", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Take tenant and user from the verified session alone; ignore headers, cookies, query and body that name them.",
	}
	pathTrick = rule{
		"GuardByPath", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Normalise the path once, before both routing and authorization, and authorize in the handler by the object that it is about to return.",
	}
	foreignWrite = rule{
		"ForeignObjectWritable", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Authorize before anything is changed: look the object up together with its owner, and answer 404 where that finds nothing.",
	}
	assigned = rule{
		"OwnerFromRequest", v1alpha1.RowTenantIsolated, v1alpha1.SeverityHigh, api3,
		"Take owner and tenant of a new object from the session; refuse fields that the client may not set.",
	}
	cachedReply = rule{
		"PrivateReplyCached", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Answer authenticated requests with Cache-Control: private, no-store, and let no cache in front keep replies to requests with credentials (RFC 9111 §3.5).",
	}
	chatLeaks = rule{
		"ForeignContentInChat", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Filter the retrieval by tenant and user of the session before anything reaches the model.",
	}
	anonymousRead = rule{
		"AnonymousAccess", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Refuse requests without valid credentials with 401 before routing, for all paths but a list of public ones.",
	}
	anonymousTrick = rule{
		"AnonymousAccessByPath", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Normalise the path once, before both routing and authentication, and authenticate all paths but a list of public ones.",
	}
	anonymousWrite = rule{
		"AnonymousWrite", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Refuse requests without valid credentials with 401 before anything is changed, whatever the method.",
	}
	brokenCredential = rule{
		"InvalidCredentialAccepted", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Verify every credential: look sessions up, and verify a token's signature, with a fixed list of algorithms, before reading its claims (RFC 8725 §3).",
	}
	forgedToken = rule{
		"ForgedTokenAccepted", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Verify with a fixed algorithm and a key that the token does not choose: no alg none, no public key as HMAC key, no kid as a path or in a query, no jwk from the header (RFC 8725 §3.1, §3.10).",
	}
	weakKey = rule{
		"WeakTokenKey", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Sign with a random key of at least 256 bits from a Secret (RFC 7518 §3.2), and revoke the tokens signed so far.",
	}
	expiredToken = rule{
		"ExpiredTokenAccepted", v1alpha1.RowAuthEnforced, v1alpha1.SeverityHigh, api2,
		"Refuse tokens whose exp has passed (RFC 7519 §4.1.4).",
	}
	anyPassword = rule{
		"LoginWithoutPassword", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Compare the password with its hash at every login, in constant time, and refuse what differs.",
	}
	logoutFails = rule{
		"SessionSurvivesLogout", v1alpha1.RowAuthEnforced, v1alpha1.SeverityHigh, api2,
		"End the session on the server at logout: delete it, or list the token's jti as revoked until it expires.",
	}
	revived = rule{
		"SessionRevivedByRefresh", v1alpha1.RowAuthEnforced, v1alpha1.SeverityHigh, api2,
		"At logout, revoke the refresh token and every token of the same login on the server (RFC 7009, RFC 9700 §4.14).",
	}
	fixedSession = rule{
		"SessionFixation", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Make a new session identifier at every login, and take none that the server did not make.",
	}
	predictable = rule{
		"PredictableSession", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Make session identifiers of at least 128 random bits from a cryptographic generator (OWASP ASVS 5.0 7.2.3).",
	}
	adminOpen = rule{
		"AdminOpenToAnonymous", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api5,
		"Guard all of the administration in one place, before routing: 401 without credentials, 403 without the role.",
	}
	adminForUsers = rule{
		"AdminOpenToUsers", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api5,
		"Check the role of the session on every administrative path, the API behind the pages included.",
	}
	roleAssigned = rule{
		"RoleFromRequest", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api3,
		"Set role and permissions on the server alone; take from a request only the fields that its sender may set.",
	}
	tenantAssigned = rule{
		"TenantFromRequest", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api3,
		"Set the tenant on the server alone, by an invitation that was checked; take from a request only the fields that its sender may set.",
	}
	adminTrick = rule{
		"AdminGuardBypassed", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api5,
		"Normalise the path once, before both routing and authorization; trust no header, parameter or cookie that names a path, an address or a role.",
	}
	protectedOpen = rule{
		"ProtectedOperationOpen", v1alpha1.RowAuthEnforced, v1alpha1.SeverityHigh, api2,
		"Refuse requests without valid credentials with 401; or, if it is for everybody, say so in the document: security: [].",
	}
	notDescribed = rule{
		"OperationNotDescribed", v1alpha1.RowTenantIsolated, v1alpha1.SeverityLow, api9,
		"Describe it in spec.app, or name its path in spec.app.openAPI.public or .untested.",
	}
)
