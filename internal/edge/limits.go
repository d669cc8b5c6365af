// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

// Limits are what a plan allows in one zone.
type Limits struct {
	// Rules is how many rules of a phase a zone may have, everybody's together. 0: the phase isn't to be had.
	Rules map[Phase]int
	// RatePeriods are the periods in seconds that a rate limit may count over, rising.
	RatePeriods []int32
	// RateTimeouts are the times in seconds that a visitor may be held off, rising.
	RateTimeouts []int32
	// RateByHost says whether a rate limit may look at more than the path, RateByMethod whether it may look at the method too.
	RateByHost, RateByMethod bool
	// ManagedRules says whether the managed rules are deployed by rules of the zone's. On the plan Free, Cloudflare deploys its own.
	ManagedRules bool
	// MinCacheSeconds is the least time for which the edge may be told to keep a reply.
	MinCacheSeconds int32
	// Log says whether a rule may just log.
	Log bool
}

// LimitsOf gives the limits of a plan. One that isn't known has those of Free.
//
// Sources, below developers.cloudflare.com: waf/custom-rules/, waf/rate-limiting-rules/#availability, waf/managed-rules/, rules/configuration-rules/,
// rules/url-forwarding/ (single redirects), rules/transform/, rules/custom-errors/, cache/how-to/cache-rules/,
// cache/how-to/edge-browser-cache-ttl/; read in November 2026.
func LimitsOf(plan PlanName) Limits {
	rules := func(custom, rates, managed, others, errors int) map[Phase]int {
		return map[Phase]int{
			PhaseCustomWAF: custom, PhaseRateLimit: rates, PhaseManagedWAF: managed, PhaseErrors: errors,
			PhaseRedirect: others, PhaseConfig: others, PhaseCache: others, PhaseRequestHeaders: others, PhaseResponseHeaders: others,
		}
	}
	const many = 1000 // no limit is documented
	// Those of the documented periods that a launch may declare. A plan's longest is documented; Pro has what lasts up to a minute.
	periods := []int32{10, 60, 120, 300, 600, 3600}
	switch plan {
	case PlanPro:
		return Limits{
			Rules: rules(20, 2, many, 25, 25), RatePeriods: periods[:2], RateTimeouts: []int32{10, 60, 120, 300, 600, 3600},
			RateByHost: true, ManagedRules: true, MinCacheSeconds: 3600,
		}
	case PlanBusiness:
		return Limits{
			Rules: rules(100, 5, many, 50, 50), RatePeriods: periods[:5], RateTimeouts: []int32{10, 60, 120, 300, 600, 3600, 86400},
			RateByHost: true, RateByMethod: true, ManagedRules: true, MinCacheSeconds: 1,
		}
	case PlanEnterprise:
		return Limits{
			Rules: rules(1000, 100, many, 300, 300), RatePeriods: periods, RateTimeouts: []int32{10, 60, 120, 300, 600, 3600, 86400},
			RateByHost: true, RateByMethod: true, ManagedRules: true, MinCacheSeconds: 1, Log: true,
		}
	default:
		return Limits{
			Rules: rules(5, 1, 0, 10, 0), RatePeriods: periods[:1], RateTimeouts: []int32{10}, MinCacheSeconds: 7200,
		}
	}
}

// NextPlan is the least plan that has more than the given one, for findings to name.
func NextPlan(plan PlanName) PlanName {
	switch plan {
	case PlanFree:
		return PlanPro
	case PlanPro:
		return PlanBusiness
	default:
		return PlanEnterprise
	}
}
