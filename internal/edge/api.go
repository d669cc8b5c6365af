// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// API is what is asked of Cloudflare, for one zone and token. Every error is, or wraps, an *APIError where Cloudflare or the
// way to it failed. No error holds a token, or more than Cloudflare's own code and message of a reply.
type API interface {
	// Observe reads the zone of that name. What the token may not read is in State.Denied, and no error. A zone that isn't there,
	// or that the token can't see, is an APIError of KindZoneNotFound.
	Observe(ctx context.Context, zone string) (State, error)

	// ChangeRecords applies a batch as one transaction, or several where the plan's limit asks for it. Order: deletes, patches, posts.
	ChangeRecords(ctx context.Context, zone Zone, batch RecordBatch) error

	// CreateRuleset gives a phase that has no entry point one with these rules. A conflict where there is one meanwhile.
	CreateRuleset(ctx context.Context, zone Zone, phase Phase, rules []Rule) error
	// CreateRule adds a rule to a ruleset, at the given position.
	CreateRule(ctx context.Context, zone Zone, rulesetID string, rule Rule, at Position) error
	// UpdateRule replaces a rule by its id, and moves it where a position is given.
	UpdateRule(ctx context.Context, zone Zone, rulesetID string, rule Rule, at Position) error
	// DeleteRule deletes a rule. One that isn't there is no error.
	DeleteRule(ctx context.Context, zone Zone, rulesetID, ruleID string) error

	// ChangeSettings changes settings of the whole zone in one edit.
	ChangeSettings(ctx context.Context, zone Zone, values map[Setting]string) error
	// ChangeBots changes the fields that are set.
	ChangeBots(ctx context.Context, zone Zone, bots Bots) error
	// EnableLeakedCredentials turns the comparison with leaked credentials on or off.
	EnableLeakedCredentials(ctx context.Context, zone Zone, on bool) error
}

// RecordBatch are changes of records that belong together.
type RecordBatch struct {
	// Delete holds record ids.
	Delete []string
	// Patch holds records with ids.
	Patch []Record
	// Post holds records without ids.
	Post []Record
}

// Empty says whether nothing is to be changed.
func (b RecordBatch) Empty() bool { return len(b.Delete)+len(b.Patch)+len(b.Post) == 0 }

// Position is where a rule stands in its ruleset. The zero value leaves it where it is, or puts a new one last.
type Position struct {
	// Before and After are ids of rules; an empty Before with First set is the first place.
	Before, After string
	First         bool
}

// IsZero says whether nothing is said about the place.
func (p Position) IsZero() bool { return p == Position{} }

// Kind is what went wrong between us and Cloudflare.
type Kind string

// The kinds of errors.
const (
	// KindAuth is a token that isn't valid: revoked, expired, mistyped.
	KindAuth Kind = "auth"
	// KindPermission is a token that may not do this.
	KindPermission Kind = "permission"
	// KindZoneNotFound is a zone that isn't there, or that the token can't see.
	KindZoneNotFound Kind = "zone not found"
	// KindEntitlement is something that the zone's plan doesn't have.
	KindEntitlement Kind = "entitlement"
	// KindRateLimit is Cloudflare's limit on calls. RetryAfter is set.
	KindRateLimit Kind = "rate limit"
	// KindConflict is something that somebody else did meanwhile, or that stands in the way: a record, a rule, an entry point.
	KindConflict Kind = "conflict"
	// KindInvalid is a request that Cloudflare refuses as it is.
	KindInvalid Kind = "invalid"
	// KindTransient is everything that may be over in a moment: the network, a time-out, an error of Cloudflare's own.
	KindTransient Kind = "transient"
)

// APIError is what went wrong.
type APIError struct {
	Kind Kind
	// Doing says what was being done: for example "changing DNS records".
	Doing string
	// Status of the reply; 0 where there was none.
	Status int
	// Code and Message of Cloudflare's first error.
	Code    int64
	Message string
	// Permission that the token lacks, where the kind is KindPermission.
	Permission string
	// RetryAfter says how long to wait.
	RetryAfter time.Duration
	// Unsure says that what was asked for may have been done all the same.
	Unsure bool
	// Err is the cause, where it isn't a reply of Cloudflare's.
	Err error
}

// Error gives no more than Cloudflare's code and message.
func (e *APIError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("%s: %v", e.Doing, e.Err)
	case e.Code != 0:
		return fmt.Sprintf("%s: Cloudflare answered %d: %s (code %d)", e.Doing, e.Status, e.Message, e.Code)
	default:
		return fmt.Sprintf("%s: Cloudflare answered %d", e.Doing, e.Status)
	}
}

// Unwrap gives the cause.
func (e *APIError) Unwrap() error { return e.Err }

// KindOf gives the kind of an error; KindTransient for one that is none of ours.
func KindOf(err error) Kind {
	var e *APIError
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindTransient
}
