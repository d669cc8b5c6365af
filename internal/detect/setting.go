// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/base64"
	"strings"
)

// setting judges a named value: known shapes, then what the name claims, then what is
// inside if the value is a document, a command or encoded.
func (s *scan) setting(r region, name string) {
	if len(r.text) < 3 {
		return
	}
	first := len(s.found)
	s.known(r)
	s.browser = s.browser || browserConfig(r.text)
	if s.browser || clientSideKey(name) {
		s.dropPublicGoogleKeys(first)
	}
	s.judge(r, 0, len(r.text), name, inSetting)
	if s.nesting < maxNesting && worthReading(r.text) {
		s.inside(name, r)
	}
	s.encoded(r)
}

// discordBot finds a bot's token: its id in base64, a time and a signature, with dots between. A value that only has the
// form counts under Discord's name; elsewhere the first part must be an id indeed, all digits
// (https://discord.com/developers/docs/reference#authentication).
func (s *scan) discordBot(r region, start, end int, name string) {
	if end-start < 60 || end-start > 80 {
		return
	}
	id, rest, _ := strings.Cut(r.text[start:end], ".")
	stamp, signature, ok := strings.Cut(rest, ".")
	if !ok || len(id) < 23 || len(id) > 28 || len(stamp) != 6 || len(signature) < 27 || len(signature) > 40 ||
		!wordChar.all(id) || !wordChar.all(stamp) || !wordChar.all(signature) {
		return
	}
	digits, err := base64.RawStdEncoding.DecodeString(id)
	if err == nil && digit.all(string(digits)) || strings.Contains(lowerASCII(name), "discord") && strings.IndexByte("MNO", id[0]) >= 0 {
		s.add(r, start, end, KindDiscord, "discord-bot", byGrammar)
	}
}

// free reads text without a name.
func (s *scan) free(r region) {
	first := len(s.found)
	s.known(r)
	s.browser = s.browser || browserConfig(r.text)
	if s.browser {
		s.dropPublicGoogleKeys(first)
	}
	if s.nesting < maxNesting {
		s.structure(r)
	}
	s.encoded(r)
}

// worthReading tells whether a value can hold names and values of its own.
func worthReading(v string) bool {
	return strings.ContainsAny(v, "=:\n{<") || strings.Contains(v, " ")
}

// judge records the value between start and end if its name and form convict it.
func (s *scan) judge(r region, start, end int, name string, where place) {
	s.discordBot(r, start, end, name)
	c := readName(name)
	if c.noun == 0 {
		return
	}
	value := r.text[start:end]
	if strings.HasPrefix(value, "AIza") && (s.browser || clientSideKey(name)) {
		return
	}
	if c.noun&(isAuth|isCookie) != 0 {
		if s.header(r, start, end, c) {
			return
		}
	}
	if c.noun == isAuth || c.noun == isCredential {
		if plain, ok := decodeBase64(strings.TrimSpace(value)); ok {
			if pw, ok := basicPassword(plain); ok && !innocent(plain) {
				s.addText(r, pw, start, end, KindBasicAuth, "basic", byGrammar)
				return
			}
		}
	}
	secret, ok := credential(c, value, where)
	if !ok {
		return
	}
	from, to := start, end
	if i := strings.Index(value, secret); i >= 0 {
		from, to = start+i, start+i+len(secret)
	}
	kind, rule := s.kindOf(name, c, secret)
	if f := s.addText(r, secret, from, to, kind, rule, byName); f != nil {
		f.label = where != inSetting && labelWord(secret)
	}
}

// header judges the value of an Authorization or Cookie header, which have a grammar
// of their own. It tells whether it was one.
func (s *scan) header(r region, start, end int, c claim) bool {
	value := r.text[start:end]
	if c.noun&isCookie != 0 {
		return s.cookies(r, start, end)
	}
	scheme, rest, ok := strings.Cut(strings.TrimSpace(value), " ")
	if !ok {
		return false
	}
	switch strings.ToLower(scheme) {
	case "bearer", "basic":
		return true // found by their probes
	case "token", "apikey", "api-key", "key", "negotiate", "digest", "splunk", "genie", "genieKey", "geniekey", "sso-key", "private-token", "aws4-hmac-sha256", "hmac", "ssws":
	default:
		return false
	}
	at := start + strings.Index(value, rest)
	rest = strings.Trim(rest, `"' `)
	rest = strings.TrimPrefix(rest, "token=")
	if secret, ok := credential(claim{noun: isToken, strong: true}, rest, inSetting); ok {
		s.addText(r, secret, at, at+len(rest), KindBearerToken, "authorization", byGrammar)
	}
	return true
}

// cookies judges name=value; name=value.
func (s *scan) cookies(r region, start, end int) bool {
	value := r.text[start:end]
	if strings.IndexByte(value, '=') < 0 {
		return false
	}
	found := false
	for from := 0; from < len(value); {
		to := nextOf(value, from, ';')
		name, v, ok := strings.Cut(value[from:to], "=")
		if ok && readName(strings.TrimSpace(name)).noun != 0 && randomToken(strings.TrimSpace(v), 12) {
			s.add(r, start+from+len(name)+1, start+to, KindSessionCookie, "cookie", byGrammar)
			found = true
		}
		from = to + 1
	}
	return found
}

// kindOf says what a value that its name convicted is: a provider's, if a rule of
// gitleaks for this provider's name accepts its form.
func (s *scan) kindOf(name string, c claim, secret string) (Kind, string) {
	lowered := lowerASCII(name)
	for i := range s.d.named {
		rule := &s.d.named[i]
		if rule.kind == "" || !containsAny(lowered, rule.keywords) {
			continue
		}
		if len(secret) <= 512 && rule.regex.MatchString(lowered+"="+secret) {
			return rule.kind, "gitleaks:" + rule.id
		}
	}
	return kindByName(lowered, c, secret), "name"
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// nameKinds are endings of names that say more than their noun.
var nameKinds = []struct {
	part string
	kind Kind
}{
	{"aws_secret_access_key", KindAWSSecret},
	{"awssecretaccesskey", KindAWSSecret},
	{"secretaccesskey", KindAWSSecret},
	{"secret_access_key", KindAWSSecret},
	{"aws_session_token", KindAWSSession},
	{"accountkey", KindAzureStorage},
	{"sharedaccesskey", KindAzureStorage},
	{"datadog", KindDatadog},
	{"dd_api_key", KindDatadog},
	{"dd_app_key", KindDatadog},
	{"discord", KindDiscord},
	{"pagerduty", KindPagerDuty},
	{"cohere", KindCohere},
	{"passphrase", KindPassphrase},
}

func kindByName(lowered string, c claim, secret string) Kind {
	for _, k := range nameKinds {
		if strings.Contains(lowered, k.part) {
			return k.kind
		}
	}
	switch c.noun {
	case isPassword:
		if strings.Contains(secret, " ") {
			return KindPassphrase
		}
		return KindPassword
	case isPin:
		return KindPIN
	case isSecret:
		return KindSecretValue
	case isToken:
		return KindToken
	case isKey, isStrongKey:
		return KindAPIKey
	case isCookie:
		return KindSessionCookie
	case isSeed:
		return KindSeedPhrase
	}
	return KindCredentials
}

// clientSideKey tells names under which a Google API key is meant for browsers: what
// a front-end build copies into pages, and Firebase's web configuration, whose key
// only names the project (https://firebase.google.com/docs/projects/api-keys). Under
// any other name such a key can be spent by whoever reads it, Gemini's and Maps'
// server keys above all, and counts.
func clientSideKey(name string) bool {
	return clientSide(name) || strings.Contains(lowerASCII(name), "firebase")
}

// browserKey tells whether a name for browsers stands just before a Google key.
func browserKey(text string, at int) bool {
	const reach = 160
	before := lowerASCII(text[max(0, at-reach):at])
	if i := strings.LastIndexByte(before, '\n'); i >= 0 {
		if j := strings.LastIndexByte(before[:i], '\n'); j >= 0 {
			before = before[j:] // the line, and the one with its name
		}
	}
	for _, word := range []string{"firebase", "next_public_", "vite_", "react_app_", "nuxt_public_", "expo_public_", "gatsby_", "vue_app_"} {
		if strings.Contains(before, word) {
			return true
		}
	}
	return false
}

// browserConfig tells Firebase's web configuration by its other fields.
func browserConfig(text string) bool {
	return strings.Contains(text, "AIza") && (strings.Contains(text, "authDomain") || strings.Contains(text, "messagingSenderId"))
}

func (s *scan) dropPublicGoogleKeys(first int) {
	kept := s.found[:first]
	for _, f := range s.found[first:] {
		if f.kind == KindGoogleAPI && strings.HasPrefix(f.secret, "AIza") {
			continue
		}
		kept = append(kept, f)
	}
	s.found = kept
}

// labelCount tells files of labels (translations, forms, schemas) from configuration.
type labelCount struct {
	values int
	prose  int
	// words are the values of a single capitalised word.
	words int
}

func (c *labelCount) see(value string) {
	value = strings.Trim(value, `"' ,;`)
	if value == "" {
		return
	}
	c.values++
	switch {
	case proseLike(value):
		c.prose++
	case upper.has(value[0]) && letter.all(value):
		c.words++
	}
}

// labels tells whether the file is one of labels: three sentences or more, and one
// value in four; or nothing but sentences and capitalised words.
func (c *labelCount) labels() bool {
	return c.prose >= 3 && c.prose*4 >= c.values || c.prose >= 1 && c.values >= 2 && c.prose+c.words == c.values
}

func proseLike(v string) bool {
	if nonASCII(v) {
		return true
	}
	left, right, ok := strings.Cut(v, " ")
	return ok && upper.has(v[0]) && len(left) > 0 && letter.all(strings.Trim(left, ",.'’")) && right != "" && letter.has(right[0])
}

// labelWord tells a single word of letters, which may be a label.
func labelWord(v string) bool { return (letter | blank).all(v) || nonASCII(v) }
