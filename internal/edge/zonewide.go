// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
)

// strength orders the values of a setting from lax to strict. One that isn't listed is taken for laxer than any.
var strength = map[Setting][]string{ //nolint:gochecknoglobals // a table that nothing changes
	SettingMinTLS:      {"1.0", "1.1", "1.2", "1.3"},
	SettingTLS13:       {"off", "on", "zrt"},
	SettingDevelopment: {"on", "off"},
}

// zoneWanted is what is wanted of the whole zone, whoever is in it.
var zoneWanted = []struct { //nolint:gochecknoglobals // a table that nothing changes
	Setting Setting
	Value   string
	Area    v1alpha1.EdgeArea
}{
	{SettingMinTLS, "1.2", v1alpha1.AreaTLS}, // RFC 8996
	{SettingTLS13, "on", v1alpha1.AreaTLS},
	{SettingDevelopment, "off", v1alpha1.AreaCache}, // it makes the edge keep nothing
}

// What is done about bots and leaked credentials, under names as if they were settings.
const (
	settingFightMode Setting = "bot_fight_mode"
	settingAutomated Setting = "sbfm_definitely_automated"
	settingLeaked    Setting = "leaked_credential_checks"
)

// zoneValue is a value of the whole zone; empty where it isn't known.
func zoneValue(state State, s Setting) string {
	onOff := func(b *bool) string {
		switch {
		case b == nil:
			return ""
		case *b:
			return "on"
		default:
			return "off"
		}
	}
	switch {
	case s == settingLeaked:
		return onOff(state.LeakedCredentials)
	case state.Bots != nil && s == settingFightMode:
		return onOff(state.Bots.FightMode)
	case state.Bots != nil && s == settingAutomated:
		return state.Bots.DefinitelyAutomated
	default:
		return state.Settings[s].Text()
	}
}

// weaker says whether a setting has a laxer value than is wanted.
func weaker(s Setting, have, want string) bool {
	return slices.Index(strength[s], have) < slices.Index(strength[s], want)
}

// settings wants settings of the whole zone, where the policy consents. Else they are findings.
func (d *desired) settings() {
	var enforcing []LaunchID
	for _, l := range d.in.Launches {
		if l.enforces() && !l.Retained {
			enforcing = append(enforcing, l.LaunchID)
		}
	}
	if len(enforcing) == 0 || !d.in.ManageSettings {
		return
	}
	for _, w := range zoneWanted {
		d.want.Settings = append(d.want.Settings, WantSetting{Setting: w.Setting, Value: w.Value, Area: w.Area, Launches: enforcing})
	}
	d.want.Bots = enforcing
}

// mail wants SPF, DKIM and DMARC records where there are none. What exists is never edited.
func (d *desired) mail() {
	for _, l := range d.in.Launches {
		if !l.enforces() {
			continue
		}
		for _, e := range l.Spec.Email {
			domain := string(e.Domain)
			if !launch.InZone(domain, d.state.Zone.Name) || !d.ownsDomain(l, domain) {
				continue
			}
			if slices.Contains(l.NoMail, domain) {
				d.note(l.LaunchID, ReasonHostNotAllowed, v1alpha1.SeverityLow, domain, "No LaunchPolicy gives the namespace the domain itself: its mail records aren't published.",
					"Have spec.edge.credentials[].hosts of the LaunchPolicy name "+domain+", or publish the records by hand.")
				continue
			}
			for _, t := range mailRecords(e) {
				d.mailRecord(l, t)
			}
		}
	}
}

// ownsDomain says whether a launch may publish mail records of a domain: one of its names is the domain, or below it, and no
// other launch's is the domain itself.
func (d *desired) ownsDomain(l Launch, domain string) bool {
	if slices.Contains(d.in.Elsewhere, domain) {
		return false
	}
	for _, other := range d.in.Launches {
		if other.LaunchID != l.LaunchID && slices.Contains(slices.Concat(other.Hosts(), other.Redirects()), domain) {
			return false
		}
	}
	names := slices.Concat(l.Hosts(), l.Redirects())
	return slices.ContainsFunc(names, func(n string) bool { return launch.InZone(n, domain) })
}

// mailTarget is a record about mail.
type mailTarget struct {
	name, kind, content string
	// begins is what another record of the same meaning begins with.
	begins, what string
}

func mailRecords(e v1alpha1.EmailDomain) []mailTarget {
	domain := string(e.Domain)
	var out []mailTarget
	if e.SPF != nil {
		parts := []string{"v=spf1"}
		for _, a := range e.SPF.Addresses {
			mechanism := "ip4:"
			if strings.Contains(string(a), ":") {
				mechanism = "ip6:"
			}
			parts = append(parts, mechanism+string(a))
		}
		for _, i := range e.SPF.Include {
			parts = append(parts, "include:"+string(i))
		}
		parts = append(parts, "~all")
		out = append(out, mailTarget{domain, "TXT", strings.Join(parts, " "), "v=spf1", "SPF"})
	}
	if e.DKIM != nil {
		for _, s := range e.DKIM.Selectors {
			if s.Target != "" {
				out = append(out, mailTarget{s.Name + "._domainkey." + domain, "CNAME", string(s.Target), "", "DKIM"})
			}
		}
	}
	if e.DMARC != nil {
		out = append(out, mailTarget{"_dmarc." + domain, "TXT", "v=DMARC1; p=none; rua=" + e.DMARC.RUA, "v=DMARC1", "DMARC"})
	}
	return out
}

// mailRecord wants a record unless there is one of the same meaning.
func (d *desired) mailRecord(l Launch, t mailTarget) {
	comment := d.in.Marker.RecordComment(l.UID, claimMail)
	for _, r := range d.records[t.name] {
		blocks := t.kind == "CNAME" || r.Type == "CNAME"
		if !blocks && !t.means(r) {
			continue
		}
		if _, claim, ours := d.in.Marker.owner(r); ours && claim == claimMail {
			if t.means(r) && stricterDMARC(unquoted(r.Content)) {
				t.content = unquoted(r.Content) // raised by hand: it stays
			}
			continue
		}
		if unquoted(r.Content) != t.content || r.Type != t.kind {
			d.note(l.LaunchID, ReasonForeignRecord, v1alpha1.SeverityLow, t.name,
				fmt.Sprintf("There is %s record of somebody else's where the %s record would be: it is left as it is.", article(r.Type), t.what),
				fmt.Sprintf("If it is yours, make it say %q.", t.content))
		}
		return
	}
	if slices.ContainsFunc(d.want.Records, func(w WantRecord) bool {
		return w.Optional && w.Name == t.name && (w.Type == t.kind && t.means(w.Record) || t.kind == "CNAME")
	}) {
		return // an older launch says it
	}
	d.want.Records = append(d.want.Records, WantRecord{
		Record: Record{Name: t.name, Type: t.kind, Content: t.content, TTL: automaticTTL, Comment: comment}, Launch: l.LaunchID, Optional: true,
	})
}

// means says whether a record is about the same: its version stands alone or before a space (RFC 7208 §4.5) or a semicolon.
func (t mailTarget) means(r Record) bool {
	content := strings.ToLower(unquoted(r.Content))
	rest, found := strings.CutPrefix(strings.TrimSpace(content), strings.ToLower(t.begins))
	return r.Type == t.kind && found && (t.begins == "" || rest == "" || strings.ContainsAny(rest[:1], " ;\t"))
}

// stricterDMARC says whether a DMARC record asks for more than to be told.
func stricterDMARC(content string) bool {
	for _, tag := range strings.Split(content, ";")[1:] {
		if name, value, _ := strings.Cut(tag, "="); strings.TrimSpace(name) == "p" {
			return slices.Contains([]string{"quarantine", "reject"}, strings.ToLower(strings.TrimSpace(value)))
		}
	}
	return false
}

func article(kind string) string {
	if kind == "A" || kind == "AAAA" || kind == "MX" {
		return "an " + kind
	}
	return "a " + kind
}

// unquoted takes the quotes off a TXT record and joins its strings, as whoever reads it does (RFC 7208 §3.3): Cloudflare shows it as
// it was written.
func unquoted(content string) string {
	if !strings.HasPrefix(content, `"`) {
		return content
	}
	var b strings.Builder
	within := false
	for i := 0; i < len(content); i++ {
		switch c := content[i]; {
		case c == '"':
			within = !within
		case c == '\\' && within && i+1 < len(content):
			i++
			b.WriteByte(content[i])
		case within:
			b.WriteByte(c)
		}
	}
	return b.String()
}
