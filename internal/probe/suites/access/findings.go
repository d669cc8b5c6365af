// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

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
)

// The rules of the suite.
var (
	foreignRead = rule{"ForeignObjectReadable", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Look the object up together with its owner (WHERE id = ? AND tenant_id = ?, both from the session), and answer 404 where that finds nothing."}
	foreignListed = rule{"ForeignObjectListed", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Restrict the query to the tenant and user of the session; take neither from the request."}
	tenantChosen = rule{"TenantFromRequest", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Take tenant and user from the verified session alone; ignore headers, cookies, query and body that name them."}
	pathTrick = rule{"GuardByPath", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Normalise the path once, before both routing and authorization, and authorize in the handler by the object that it is about to return."}
	foreignWrite = rule{"ForeignObjectWritable", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Authorize before anything is changed: look the object up together with its owner, and answer 404 where that finds nothing."}
	assigned = rule{"OwnerFromRequest", v1alpha1.RowTenantIsolated, v1alpha1.SeverityHigh, api3,
		"Take owner and tenant of a new object from the session; refuse fields that the client may not set."}
	cachedReply = rule{"PrivateReplyCached", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Answer authenticated requests with Cache-Control: private, no-store, and let no cache in front keep replies to requests with credentials (RFC 9111 §3.5)."}
	chatLeaks = rule{"ForeignContentInChat", v1alpha1.RowTenantIsolated, v1alpha1.SeverityCritical, api1,
		"Filter the retrieval by tenant and user of the session before anything reaches the model."}
	anonymousRead = rule{"AnonymousAccess", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Refuse requests without valid credentials with 401 before routing, for all paths but a list of public ones."}
	anonymousTrick = rule{"AnonymousAccessByPath", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Normalise the path once, before both routing and authentication, and authenticate all paths but a list of public ones."}
	anonymousWrite = rule{"AnonymousWrite", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Refuse requests without valid credentials with 401 before anything is changed, whatever the method."}
	brokenCredential = rule{"InvalidCredentialAccepted", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Verify every credential: look sessions up, and verify a token's signature, with a fixed list of algorithms, before reading its claims (RFC 8725 §3)."}
	forgedToken = rule{"ForgedTokenAccepted", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Verify with a fixed algorithm and a key that the token does not choose: no alg none, no public key as HMAC key, no kid as a path or in a query, no jwk from the header (RFC 8725 §3.1, §3.10)."}
	weakKey = rule{"WeakTokenKey", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Sign with a random key of at least 256 bits from a Secret (RFC 7518 §3.2), and revoke the tokens signed so far."}
	expiredToken = rule{"ExpiredTokenAccepted", v1alpha1.RowAuthEnforced, v1alpha1.SeverityHigh, api2,
		"Refuse tokens whose exp has passed (RFC 7519 §4.1.4)."}
	anyPassword = rule{"LoginWithoutPassword", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Compare the password with its hash at every login, in constant time, and refuse what differs."}
	logoutFails = rule{"SessionSurvivesLogout", v1alpha1.RowAuthEnforced, v1alpha1.SeverityHigh, api2,
		"End the session on the server at logout: delete it, or list the token's jti as revoked until it expires."}
	fixedSession = rule{"SessionFixation", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Make a new session identifier at every login, and take none that the server did not make."}
	predictable = rule{"PredictableSession", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api2,
		"Make session identifiers of at least 128 random bits from a cryptographic generator (OWASP ASVS 5.0 7.2.3)."}
	adminOpen = rule{"AdminOpenToAnonymous", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api5,
		"Guard all of the administration in one place, before routing: 401 without credentials, 403 without the role."}
	adminForUsers = rule{"AdminOpenToUsers", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api5,
		"Check the role of the session on every administrative path, the API behind the pages included."}
	adminTrick = rule{"AdminGuardBypassed", v1alpha1.RowAuthEnforced, v1alpha1.SeverityCritical, api5,
		"Normalise the path once, before both routing and authorization; trust no header, parameter or cookie that names a path, an address or a role."}
)

// attempt is one request of an attack.
type attempt struct {
	rule    rule
	request httpstep.Request
	// shown is the request as a finding shows it, with names for what a run makes up.
	shown string
	// trick says what is special about it; empty for a request as the app's own client would send it.
	trick string
	// carrier is what the request carries instead of the attacker's session.
	carrier *session
}

// finding makes a finding of an attempt.
func (r *run) finding(a attempt, who, what string) probe.Finding {
	place := a.shown + " as " + who
	if a.trick != "" {
		place += ", " + a.trick
	}
	return probe.Finding{
		Rule: a.rule.name, Severity: a.rule.severity, Place: place,
		Message: fmt.Sprintf("%s (%s).", what, a.rule.standard), Remedy: a.rule.remedy,
		Identity: "", Reproduce: r.curl(a, who),
	}
}

// curl gives a command that sends the request, with variables for credentials, identifiers and planted texts.
func (r *run) curl(a attempt, who string) string {
	var b strings.Builder
	b.WriteString("curl --path-as-is")
	if a.request.Method != "GET" {
		b.WriteString(" -X " + a.request.Method)
	}
	if who != nobody {
		fmt.Fprintf(&b, " -H \"$AUTH_%s\"", shellName(who))
	}
	for _, name := range slices.Sorted(maps.Keys(a.request.Header)) {
		if _, ours := r.sessionHeader(name); !ours {
			fmt.Fprintf(&b, " -H %s", quoted(name+": "+r.veiled(strings.Join(a.request.Header[name], ", "))))
		}
	}
	if len(a.request.Body) > 0 {
		fmt.Fprintf(&b, " --data %s", quoted(r.veiled(string(a.request.Body))))
	}
	fmt.Fprintf(&b, " \"$APP\"%s", quoted(r.veiled(a.request.Path)))
	return b.String()
}

// nobody is how a finding names a stranger.
const nobody = "nobody"

// sessionHeader says whether a header belongs to the session, so that its value is a credential.
func (r *run) sessionHeader(name string) (string, bool) {
	switch name {
	case "Authorization", "Cookie", "Proxy-Authorization":
		return name, true
	}
	if r.App.Authenticate != nil {
		for described := range r.App.Authenticate.Headers {
			if strings.EqualFold(described, name) {
				return described, true
			}
		}
	}
	return "", false
}

// veiled replaces what the run made up, and whatever came out of a Secret, by names.
func (r *run) veiled(text string) string {
	for _, t := range r.things {
		text = replaceWord(text, t.id, "$ID_"+shellName(t.owner.Name))
		text = strings.ReplaceAll(text, t.marker.Text(), "⟨canary:"+t.owner.Name+"⟩")
		text = strings.ReplaceAll(text, t.marker.Term, "⟨canary:"+t.owner.Name+"⟩")
	}
	for _, p := range r.people {
		for name, value := range p.vars {
			if len(value) >= 4 && value != p.Tenant {
				text = strings.ReplaceAll(text, value, "$"+shellName(p.Name+"_"+name))
			}
		}
	}
	return text
}

// replaceWord replaces a text where it stands by itself: the identifier 7 is no part of 17.
func replaceWord(text, old, with string) string {
	if old == "" {
		return text
	}
	var b strings.Builder
	for {
		i := strings.Index(text, old)
		if i < 0 {
			return b.String() + text
		}
		before, after := text[:i], text[i+len(old):]
		b.WriteString(before)
		if endsInWord(b.String()) || beginsWithWord(after) {
			b.WriteString(old)
		} else {
			b.WriteString(with)
		}
		text = after
	}
}

func endsInWord(s string) bool     { return s != "" && wordByte(s[len(s)-1]) }
func beginsWithWord(s string) bool { return s != "" && wordByte(s[0]) }
func wordByte(c byte) bool         { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' }

// quoted quotes for a shell, so that variables are still put in.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`").Replace(text) + `"`
}

func shellName(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z':
			return c
		default:
			return '_'
		}
	}, name)
}
