// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
)

// curl gives a command that sends the request, with variables for credentials, identifiers and planted texts.
func (r *run) curl(a attempt, who string) string {
	if a.request.Socket != nil {
		return r.websocat(a, who)
	}
	var b strings.Builder
	b.WriteString("curl --path-as-is")
	if a.request.Method != "GET" {
		b.WriteString(" -X " + a.request.Method)
	}
	if who != nobody {
		fmt.Fprintf(&b, " -H \"$AUTH_%s\"", shellName(who))
	}
	for _, name := range slices.Sorted(maps.Keys(a.request.Header)) {
		if name == extraCookie {
			fmt.Fprintf(&b, " -b %s", quoted(r.veiled(a.request.Header.Get(name))))
		} else if !r.sessionHeader(name) {
			fmt.Fprintf(&b, " -H %s", quoted(name+": "+r.veiled(strings.Join(a.request.Header[name], ", "))))
		}
	}
	if len(a.request.Body) > 0 {
		fmt.Fprintf(&b, " --data %s", quoted(r.veiled(string(a.request.Body))))
	}
	fmt.Fprintf(&b, " \"$APP\"%s", quoted(r.veiled(a.request.Path)))
	return b.String()
}

// websocat gives a command that opens the WebSocket and sends the messages, a line each.
func (r *run) websocat(a attempt, who string) string {
	var b strings.Builder
	b.WriteString("printf '%s\\n'")
	for _, m := range a.request.Messages() {
		// A line's end would begin another message.
		line := strings.NewReplacer("\r", " ", "\n", " ").Replace(string(m))
		b.WriteString(" " + quoted(r.veiled(line)))
	}
	b.WriteString(" | websocat -n")
	if who != nobody {
		fmt.Fprintf(&b, " -H \"$AUTH_%s\"", shellName(who))
	}
	for _, name := range slices.Sorted(maps.Keys(a.request.Header)) {
		if name == extraCookie {
			fmt.Fprintf(&b, " -H %s", quoted("Cookie: "+r.veiled(a.request.Header.Get(name))))
		} else if !r.sessionHeader(name) {
			fmt.Fprintf(&b, " -H %s", quoted(name+": "+r.veiled(strings.Join(a.request.Header[name], ", "))))
		}
	}
	// http becomes ws, and https wss.
	fmt.Fprintf(&b, " \"${APP/#http/ws}\"%s", quoted(r.veiled(a.request.Path)))
	return b.String()
}

// nobody is how a finding names a stranger.
const nobody = "nobody"

// sessionHeader says whether a header belongs to the session, so that its value is a credential.
func (r *run) sessionHeader(name string) bool {
	switch name {
	case "Authorization", "Cookie", "Proxy-Authorization":
		return true
	}
	if r.App.Authenticate != nil {
		for described := range r.App.Authenticate.Headers {
			if strings.EqualFold(described, name) {
				return true
			}
		}
	}
	return false
}

// veiled replaces what the run made up, whatever came out of a Secret or a login, and what the app knows people by, by names.
func (r *run) veiled(text string) string {
	for _, t := range r.things {
		text = replaceWord(text, t.id, "$ID_"+shellName(t.owner.Name))
		text = withoutMarker(text, t.marker, "⟨canary:"+t.owner.Name+"⟩")
	}
	for _, m := range r.marks {
		text = withoutMarker(text, m, "⟨canary⟩")
	}
	for _, v := range r.private() {
		for _, form := range v.forms() {
			if len(v.text) < shortText {
				text = replaceWord(text, form, v.name)
			} else {
				text = strings.ReplaceAll(text, form, v.name)
			}
		}
	}
	return text
}

func withoutMarker(text string, m *marker.Marker, name string) string {
	for _, form := range []string{m.Text(), url.QueryEscape(m.Text()), url.PathEscape(m.Text()), m.Secret, m.Term} {
		text = strings.ReplaceAll(text, form, name)
	}
	return text
}

// shortText is below how many characters a private text is replaced only where it stands by itself.
const shortText = 4

// private is a text that no finding may show, and the variable in its place.
type private struct{ text, name string }

// forms are how the text may be spelt in a request: JSON with and without the escapes for HTML, a query, a path, base64.
func (v private) forms() []string {
	var plain strings.Builder
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v.text)         // a string
	escaped, _ := json.Marshal(v.text) //nolint:errchkjson // a string
	inner := func(text string) string {
		text = strings.TrimSuffix(text, "\n")
		return text[1 : len(text)-1]
	}
	return []string{
		v.text, inner(plain.String()), inner(string(escaped)), url.QueryEscape(v.text), url.PathEscape(v.text),
		base64.StdEncoding.EncodeToString([]byte(v.text)),
	}
}

// private gives those of all people, the longest first, for one may be a part of another.
func (r *run) private() []private {
	var all []private
	for _, p := range slices.Concat(r.people, r.newcomers) {
		add := func(text, name string) {
			if text != "" && text != p.Tenant {
				all = append(all, private{text, "$" + shellName(p.Name+"_"+name)})
			}
		}
		for _, vars := range []httpstep.Vars{p.credentials(), p.vars} {
			for _, name := range slices.Sorted(maps.Keys(vars)) {
				add(vars[name], strings.TrimPrefix(name, "credentials."))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(p.cookies(r.Target))) {
			add(p.cookies(r.Target)[name], "cookie_"+name)
		}
		for _, trait := range p.traits {
			add(trait, "name")
		}
	}
	slices.SortStableFunc(all, func(a, b private) int { return cmp.Compare(len(b.text), len(a.text)) })
	return all
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
