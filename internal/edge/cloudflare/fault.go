// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/dns"

	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/internal/scorecard"
)

// refusal is one line of the table of what Cloudflare's errors mean.
type refusal struct {
	// code of Cloudflare's; 0 for any.
	code int64
	// says is a part of the message, in lower case, where the code alone doesn't tell; empty for any.
	says string
	kind edge.Kind
}

// refusals is looked through in this order; what isn't here is judged by the status of the reply. Cloudflare publishes no list
// of its codes: these are as replies of its API showed them in public, at the place named.
var refusals = []refusal{
	// "zone not entitled to ...", "firewallaccessrules.api.not_entitled" (10010), in any product.
	{says: "not entitled", kind: edge.KindEntitlement},
	{says: "not_entitled", kind: edge.KindEntitlement},
	// "Sorry, this zone setting is not available for your plan type."
	{says: "not available for your plan", kind: edge.KindEntitlement},
	// "Not allowed to edit setting for ...": 1015, of a setting whose "editable" is false on the plan.
	{says: "not allowed to edit setting", kind: edge.KindEntitlement},
	// "exceeded the maximum number of rules in the phase http_ratelimit: 2 out of 1": 50001, once seen as 20217.
	{says: "maximum number of rules", kind: edge.KindEntitlement},

	// "Please wait and consider throttling your request speed": github.com/cloudflare/terraform-provider-cloudflare/issues/5505.
	{code: 971, kind: edge.KindRateLimit},
	{code: 10429, kind: edge.KindRateLimit},

	// GET /user/tokens/verify: "Invalid API Token".
	{code: 1000, says: "invalid api token", kind: edge.KindAuth},
	// "Invalid request headers", in its chain 6111 "Invalid format for Authorization header":
	// github.com/cloudflare/workers-sdk/issues/5175.
	{code: 6003, kind: edge.KindAuth},
	{code: 6111, kind: edge.KindAuth},
	// "Unknown X-Auth-Key or X-Auth-Email", "Missing X-Auth-Key, X-Auth-Email or Authorization headers".
	{code: 9103, kind: edge.KindAuth},
	{code: 9106, kind: edge.KindAuth},
	// A resource that it may not access is said of a valid token: github.com/octodns/octodns-cloudflare/issues/60.
	{code: 9109, says: "unauthorized to access", kind: edge.KindPermission},
	// "Invalid access token", "Cannot use the access token from location: ...".
	{code: 9109, kind: edge.KindAuth},
	// "Authentication error" is said of a missing permission: github.com/lablabs/cloudflare-exporter/issues/120. It is said
	// of a token that isn't valid as well: see Client.zone.
	{code: codeAuthentication, kind: edge.KindPermission},

	// "Invalid or missing zone id."; "Could not route to ..., perhaps your object identifier is invalid?" with 7000 "No route
	// for that URI": github.com/cloudflare/workers-sdk/issues/2100.
	{code: 1003, says: "zone id", kind: edge.KindZoneNotFound},
	{code: 7003, kind: edge.KindZoneNotFound},
	{code: 7000, kind: edge.KindZoneNotFound},

	// "could not find entrypoint ruleset in the ... phase", and other parts of rulesets that are gone.
	{code: 10003, kind: edge.KindConflict},
	// "'zone' is not a valid value for kind because exceeded maximum number of zone rulesets for phase ...": there is one
	// already. github.com/cloudflare/terraform-provider-cloudflare/issues/6273.
	{code: 20217, says: "number of zone rulesets", kind: edge.KindConflict},

	// "DNS record quota exceeded": developers.cloudflare.com/dns/manage-dns-records/ sets a limit a plan.
	{code: 81045, kind: edge.KindEntitlement},
	// "Record does not exist."
	{code: 81044, kind: edge.KindConflict},
	// Records that stand in the way: "An A, AAAA, or CNAME record with that host already exists.", "A CNAME record with that
	// host already exists.", NS records, "Record already exists.", "An identical record already exists.":
	// developers.cloudflare.com/dns/manage-dns-records/troubleshooting/records-with-same-name/
	{code: 81053, kind: edge.KindConflict},
	{code: 81054, kind: edge.KindConflict},
	{code: 81055, kind: edge.KindConflict},
	{code: 81056, kind: edge.KindConflict},
	{code: 81057, kind: edge.KindConflict},
	{code: 81058, kind: edge.KindConflict},
}

// codeAuthentication is "Authentication error": a token that isn't valid, or lacks a permission.
const codeAuthentication = 10000

// kindOf judges a reply that refuses.
func kindOf(status int, code int64, message string) edge.Kind {
	switch status {
	case http.StatusTooManyRequests:
		return edge.KindRateLimit
	case http.StatusUnauthorized:
		return edge.KindAuth
	}
	message = strings.ToLower(message)
	for _, r := range refusals {
		if (r.code == 0 || r.code == code) && strings.Contains(message, r.says) {
			return r.kind
		}
	}
	switch {
	case status == http.StatusForbidden:
		return edge.KindPermission
	case status == http.StatusNotFound, status == http.StatusConflict:
		return edge.KindConflict
	case status == http.StatusRequestTimeout, status < 400, status >= 500:
		return edge.KindTransient
	default:
		return edge.KindInvalid
	}
}

// What went wrong without a reply that can be understood. Their texts are ours alone: those of the standard library may hold
// what the other side, or a proxy on the way, sent.
var (
	errNoAnswer    = errors.New("no answer in time")
	errConnection  = errors.New("the connection failed")
	errUnresolved  = errors.New("the name of Cloudflare's API could not be resolved")
	errUnreachable = errors.New("no connection to Cloudflare's API")
	errCertificate = errors.New("the certificate of Cloudflare's API was not accepted")
	errUnreadable  = errors.New("the reply is none of Cloudflare's API")
	errTooLarge    = errors.New("the reply is larger than any that was expected")
	errCutOff      = errors.New("the reply was cut off")
	errNoResult    = errors.New("the reply holds no result")
)

// fault is what went wrong with a request: err is cloudflare-go's, which holds the request with its headers and is never kept.
func (c *Client) fault(ctx context.Context, a action, err error, res *http.Response) *edge.APIError {
	f := &edge.APIError{Kind: edge.KindTransient, Doing: a.doing}
	if res == nil {
		f.Err, f.Unsure = c.cause(ctx, err), a.writes && !unsent(err)
		return f
	}
	f.Status = res.StatusCode
	var refused *dns.Error
	switch {
	case errors.As(err, &refused) && len(refused.Errors) > 0:
		f.Code, f.Message = refused.Errors[0].Code, refused.Errors[0].Message
		c.refuse(f, a, res)
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode >= http.StatusInternalServerError:
		// The status says enough, whoever sent it.
		c.refuse(f, a, res)
	default:
		// A refusal that isn't in Cloudflare's form is a proxy's: its 401 says nothing of the token, its 404 nothing of a rule.
		f.Err, f.Unsure = unusable(err), a.writes
		if ctx.Err() != nil {
			f.Err = ctx.Err()
		}
	}
	return f
}

// refuse completes what is known of a reply that refuses.
func (c *Client) refuse(f *edge.APIError, a action, res *http.Response) {
	f.Kind = kindOf(f.Status, f.Code, f.Message)
	f.Message = c.harmless(f.Message)
	switch f.Kind {
	case edge.KindPermission:
		f.Permission = a.permission()
	case edge.KindRateLimit:
		f.RetryAfter = retryAfter(res.Header.Get("Retry-After"), c.clock.Now())
	case edge.KindTransient:
		f.Unsure = a.writes
	}
}

// lockSecret is what lets a probe through the edge lock: where Cloudflare doesn't like a rule, it repeats the expression.
var lockSecret = regexp.MustCompile(`"[0-9a-f]{32}`) //nolint:gochecknoglobals // compiled once, and never changed

// harmless is a message of Cloudflare's, or of whoever sits between, as it may be shown.
func (c *Client) harmless(message string) string {
	message = strings.ReplaceAll(message, c.token(), "⟨token⟩")
	return scorecard.Foreign(lockSecret.ReplaceAllString(message, `"⟨secret⟩`))
}

// cause tells why there was no reply.
func (c *Client) cause(ctx context.Context, err error) error {
	var (
		resolving *net.DNSError
		trust     *tls.CertificateVerificationError
		timeout   net.Error
		errno     syscall.Errno
	)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: %w", errNoAnswer, context.DeadlineExceeded)
	case errors.As(err, &resolving):
		return errUnresolved
	case errors.As(err, &trust):
		return errCertificate
	case errors.As(err, &errno):
		// The text of an error number is the system's.
		return fmt.Errorf("%w: %w", errConnection, errno)
	case unsent(err):
		return errUnreachable
	default:
		return errConnection
	}
}

// unsent says that a request surely didn't leave: there was no connection to send it on.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// gone says whether Cloudflare doesn't have what was asked for.
func gone(err error) bool {
	var f *edge.APIError
	return errors.As(err, &f) && f.Kind == edge.KindConflict && f.Status == http.StatusNotFound
}

// noRoute says whether Cloudflare's API doesn't have the path that was asked for, or not the zone in it.
func noRoute(err error) bool {
	var f *edge.APIError
	return errors.As(err, &f) && (f.Kind == edge.KindZoneNotFound || f.Status == http.StatusMethodNotAllowed) || gone(err)
}

// unusable tells what is wrong with a reply that can't be understood.
func unusable(err error) error {
	var (
		large *http.MaxBytesError
		errno syscall.Errno
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", errNoAnswer, context.DeadlineExceeded)
	case errors.As(err, &large):
		return errTooLarge
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &errno):
		return errCutOff
	case errors.Is(err, errNoResult):
		return errNoResult
	default:
		return errUnreadable
	}
}

// retryAfter reads a Retry-After: seconds, or a date (RFC 9110 §10.2.3).
func retryAfter(header string, now time.Time) time.Duration {
	wait := blockedFor
	if seconds, err := strconv.ParseInt(header, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	// At least a second: a reply of 429 that says "now" would make a loop of us.
	return min(max(wait, time.Second), maxBlocked)
}
