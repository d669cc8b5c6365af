// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Claim kinds, as marks name them.
const (
	claimHost     = "host"
	claimRedirect = "redirect"
	claimMail     = "mail"
	// claimExisting is a host or redirect that strangers could reach before, claimAdopted one whose record was somebody else's: the
	// marks tell it where the ledger is lost.
	claimExisting = "existing"
	claimAdopted  = "adopted"
)

// Marker makes and reads the marks of what is ours. Rules are shared by launches, so that their mark names the installation
// and the token's group alone; a record belongs to one launch, and names it.
type Marker struct {
	// Installation tells this operator from others on the same zone.
	Installation string
	// Group tells launches of one token from those of another.
	Group string
	// Former are groups whose launches all have another token by now. Their rules are this group's: else the lock of an app whose token was
	// exchanged for another would stay for ever. But rules that name a host of Theirs, the names that launches of other groups
	// declare, are left to them.
	Former, Theirs []string
}

// ShortID shortens what identifies an installation or a credential to what fits into a mark: 32 bits, as hexadecimal digits.
func ShortID(s string) string {
	sum := sha256.Sum256([]byte("launchready mark v1\x00" + s))
	return hex.EncodeToString(sum[:4])
}

// RuleRef is the ref of the rule of an effect.
func (m Marker) RuleRef(effect string) string {
	return m.rulePrefix() + effect
}

// markOfRules begins the refs of the rules of every installation.
const markOfRules = "launchready-"

// rulePrefix begins the refs of all our rules. The dash keeps an id from being the beginning of another.
func (m Marker) rulePrefix() string {
	return markOfRules + m.Installation + "-" + m.Group + "-"
}

// OwnsRule says whether a rule is ours.
func (m Marker) OwnsRule(r Rule) bool { return m.effects(r, "") }

// effects says whether a rule of ours brings an effect about, of which the beginning of the name is given.
func (m Marker) effects(r Rule, effect string) bool {
	rest, ours := strings.CutPrefix(r.Ref, markOfRules+m.Installation+"-")
	group, what, marked := strings.Cut(rest, "-")
	return ours && marked && strings.HasPrefix(what, effect) && (group == m.Group || m.inherits(group, r))
}

func (m Marker) inherits(group string, r Rule) bool {
	return slices.Contains(m.Former, group) &&
		!slices.ContainsFunc(m.Theirs, func(host string) bool { return namesHost(r.Expression, host) })
}

// RecordComment is the mark of a record: at most 64 bytes, of the 100 that every plan has room for
// (developers.cloudflare.com/dns/manage-dns-records/reference/record-attributes/).
func (m Marker) RecordComment(launchUID, claim string) string {
	return "lr:" + m.Installation + ":" + launchUID + ":" + claim
}

// owner gives the launch that a record's mark names, and whether the record is this installation's.
func (m Marker) owner(r Record) (launchUID, claim string, ours bool) {
	parts := strings.Split(r.Comment, ":")
	if len(parts) != 4 || parts[0] != "lr" || parts[1] != m.Installation {
		return "", "", false
	}
	return parts[2], parts[3], true
}

// OwnsRecord says whether a record is this installation's.
func (m Marker) OwnsRecord(r Record) bool {
	_, _, ours := m.owner(r)
	return ours
}

// otherInstallation says whether a record is that of another operator.
func (m Marker) otherInstallation(r Record) bool {
	return strings.HasPrefix(r.Comment, "lr:") && strings.Count(r.Comment, ":") == 3 && !m.OwnsRecord(r)
}
