// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

// Reasons why a launch's wishes for its zone can't be met, and kinds of findings of EdgeProtected.
const (
	// ReasonHostNotInZone: a declared host is outside of the launch's zone.
	ReasonHostNotInZone = "HostNotInZone"
	// ReasonHostConflict: a declared host is another launch's, or another installation's.
	ReasonHostConflict = "HostConflict"
	// ReasonHostNotAllowed: no policy's credential gives the namespace the host.
	ReasonHostNotAllowed = "HostNotAllowed"
	// ReasonZoneManagedByPolicy: a policy's credential covers the zone, so that the launch's own token isn't used.
	ReasonZoneManagedByPolicy = "ZoneManagedByPolicy"
	// ReasonTokenMissing: there is no token for the zone.
	ReasonTokenMissing = "TokenMissing"
	// ReasonTokenInvalid: Cloudflare doesn't accept the token.
	ReasonTokenInvalid = "TokenInvalid"
	// ReasonPermissionMissing: the token may not do something that is needed.
	ReasonPermissionMissing = "PermissionMissing"
	// ReasonZoneNotFound: the zone isn't there, or the token can't see it.
	ReasonZoneNotFound = "ZoneNotFound"
	// ReasonZoneNotActive: Cloudflare doesn't answer for the zone's names yet, or is paused.
	ReasonZoneNotActive = "ZoneNotActive"
	// ReasonOriginUnknown: there is no address yet that the hosts could lead to.
	ReasonOriginUnknown = "OriginUnknown"
	// ReasonOriginNotTrusted: the origin's certificate would not be accepted by a strict edge.
	ReasonOriginNotTrusted = "OriginNotTrusted"
	// ReasonForeignRecord: a record that somebody else made stands where ours would.
	ReasonForeignRecord = "ForeignRecord"
	// ReasonNotAdopted: an area of a host that strangers could reach before isn't enforced.
	ReasonNotAdopted = "NotAdopted"
	// ReasonDegradedByPlan: the zone's plan has less than what is wanted.
	ReasonDegradedByPlan = "DegradedByPlan"
	// ReasonZoneSetting: a setting of the whole zone is laxer than wanted.
	ReasonZoneSetting = "ZoneSetting"
	// ReasonDrift: the zone isn't as wanted, and is being mended or only observed.
	ReasonDrift = "Drift"
	// ReasonSkipRule: a rule of somebody else lets requests past what is closed.
	ReasonSkipRule = "SkipRule"
	// ReasonCloudflareError: Cloudflare refused a change, or failed.
	ReasonCloudflareError = "CloudflareError"
)
