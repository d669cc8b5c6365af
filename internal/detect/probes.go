// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// probes are the rules that need more than a prefix and an alphabet.
func probes() []struct {
	words []string
	look  probe
} {
	return []struct {
		words []string
		look  probe
	}{
		{[]string{"://"}, (*scan).urlAt},
		{[]string{"eyj"}, (*scan).jwtAt},
		{[]string{"-----begin ", "---- begin "}, (*scan).pemAt},
		{[]string{"putty-user-key-file-"}, (*scan).puttyAt},
		{[]string{"bearer ", "bearer%20"}, (*scan).bearerAt},
		{[]string{"basic "}, (*scan).basicAt},
		{[]string{"$2a$", "$2b$", "$2y$", "$apr1$", "$1$", "$5$", "$6$", "$y$", "$argon2", "{sha}", "{ssha}", "$pbkdf2-", "pbkdf2_sha", "$p$b"}, (*scan).hashAt},
		{[]string{"@tcp(", "@unix(", "@cloudsql("}, (*scan).goMySQLAt},
		{[]string{"thin:", "oci:", "oci8:"}, (*scan).oracleAt},
		{[]string{"@//"}, (*scan).ezConnectAt},
		{[]string{":aa"}, (*scan).telegramAt},
		{[]string{":apa91b"}, (*scan).firebaseAt},
		{[]string{"-us"}, (*scan).mailchimpAt},
		{[]string{"nral"}, (*scan).newRelicLicenseAt},
		{[]string{"identified by ", "password '", "password('", "password \""}, (*scan).sqlAt},
		{[]string{"convertto-securestring "}, (*scan).secureStringAt},
		{webhookHosts, (*scan).webhookAt},
		{[]string{"atlasv1."}, (*scan).terraformAt},
		{[]string{"s."}, (*scan).oldVaultAt},
		{[]string{"eaaa"}, (*scan).squareAt},
	}
}

// pemAt reads a private key in armour, on many lines or on one with \n between them:
// RFC 7468, OpenSSH, PGP (RFC 9580), OpenVPN's static key, SSH2 (RFC 4716).
func (s *scan) pemAt(r region, at int) {
	const maxKey = 64 << 10
	text := r.text[at:min(len(r.text), at+maxKey)]
	labelStart := strings.IndexByte(text, ' ') + 1
	if i := strings.Index(text[:min(len(text), 16)], "BEGIN "); i >= 0 {
		labelStart = i + len("BEGIN ")
	}
	labelEnd := strings.Index(text[labelStart:], "----")
	if labelEnd < 0 || labelEnd > 64 {
		return
	}
	label := text[labelStart : labelStart+labelEnd]
	if !strings.Contains(label, "PRIVATE KEY") && !strings.Contains(label, "OpenVPN Static key") {
		return
	}
	bodyStart := labelStart + labelEnd
	for bodyStart < len(text) && text[bodyStart] == '-' {
		bodyStart++
	}
	if bodyStart >= len(text) {
		return
	}
	end := len(text)
	for _, stop := range []string{"----", "\"", "'", "`"} {
		if i := strings.Index(text[bodyStart:end], stop); i >= 0 {
			end = bodyStart + i
		}
	}
	if keyMaterial(text[bodyStart:end]) {
		s.add(r, at, at+end, KindPrivateKey, "private-key", byDecoding)
	}
}

// keyMaterial tells base64 or hexadecimal lines from a description of them.
func keyMaterial(body string) bool {
	for i := 0; i < len(body); {
		if !base64Any.has(body[i]) {
			i++
			continue
		}
		if i > 0 && body[i-1] == '\\' && (body[i] == 'n' || body[i] == 'r') {
			i++
			continue
		}
		j := base64Any.run(body, i)
		if j-i >= 16 && distinct(body[i:j]) >= 6 && !filler(body[i:j]) && !placeholderWords(body[i:j]) {
			return true
		}
		i = j
	}
	return false
}

// puttyAt reads a PuTTY private key file.
func (s *scan) puttyAt(r region, at int) {
	i := strings.Index(r.text[at:min(len(r.text), at+4<<10)], "Private-Lines:")
	if i < 0 {
		return
	}
	if start := at + i; keyMaterial(r.text[start:min(len(r.text), start+1024)]) {
		s.add(r, at, min(len(r.text), start+1024), KindPrivateKey, "putty-key", byDecoding)
	}
}

// bearerAt reads "Bearer TOKEN" (RFC 6750).
func (s *scan) bearerAt(r region, at int) {
	if at > 0 && wordChar.has(r.text[at-1]) {
		return
	}
	start := at + len("bearer ")
	if strings.HasPrefix(r.text[start-1:], "%20") {
		start += 2
	}
	for start < len(r.text) && r.text[start] == ' ' {
		start++
	}
	end := start
	for end < len(r.text) && end-start < maxToken && ((base64Any | dot | equals | colon).has(r.text[end]) || strings.IndexByte("~!@#%^*", r.text[end]) >= 0) {
		end++
	}
	token := strings.TrimRight(r.text[start:end], ".,:")
	if len(token) < 6 || innocent(token) || Placeholder(token) || !looseShape(token) {
		return
	}
	s.add(r, start, start+len(token), KindBearerToken, "bearer", byGrammar)
}

// basicAt reads "Basic BASE64" (RFC 7617).
func (s *scan) basicAt(r region, at int) {
	if at > 0 && wordChar.has(r.text[at-1]) {
		return
	}
	start := at + len("basic ")
	for start < len(r.text) && r.text[start] == ' ' {
		start++
	}
	end := (base64Any | equals).run(r.text, start)
	plain, ok := decodeBase64(r.text[start:end])
	if !ok {
		return
	}
	if pw, found := basicPassword(plain); found {
		s.addText(r, pw, start, end, KindBasicAuth, "basic", byGrammar)
	}
}

// basicPassword returns the password, or the token in the user's place, of user:password.
func basicPassword(plain string) (string, bool) {
	user, pw, ok := strings.Cut(plain, ":")
	if !ok || strings.ContainsAny(plain, "\n\t") {
		return "", false
	}
	if pw == "" || strings.EqualFold(pw, "x") || pw == "api_token" || pw == "x-oauth-basic" {
		return user, randomToken(user, 12)
	}
	if Placeholder(pw) || parseTemplate(pw).found || len(pw) < 2 {
		return "", false
	}
	return pw, true
}

// telegramAt reads a bot's token: its number, a colon, AA and 33 characters.
// https://core.telegram.org/bots/api#authorizing-your-bot
func (s *scan) telegramAt(r region, at int) {
	start := digit.runBack(r.text, at)
	end := wordChar.run(r.text, at+1)
	if at-start < 7 || at-start > 12 || end-at-1 < 33 || end-at-1 > 40 || r.text[at+1] != 'A' {
		return
	}
	if start > 0 && letter.has(r.text[start-1]) && !strings.HasSuffix(r.text[:start], "bot") {
		return
	}
	if plausible(r.text[at+3 : end]) {
		s.add(r, start, end, KindTelegram, "telegram", byShape)
	}
}

// firebaseAt reads a legacy Firebase Cloud Messaging server key.
func (s *scan) firebaseAt(r region, at int) {
	start := wordChar.runBack(r.text, at)
	end := wordChar.run(r.text, at+1)
	if at-start == 11 && end-at > 100 {
		s.add(r, start, end, KindGoogleAPI, "fcm", byShape)
	}
}

// mailchimpAt reads 32 hexadecimal digits and the data centre: ...-us12.
func (s *scan) mailchimpAt(r region, at int) {
	start := hexLower.runBack(r.text, at)
	end := digit.run(r.text, at+3)
	if at-start != 32 || end == at+3 || end > at+5 || (start > 0 && alnum.has(r.text[start-1])) || (end < len(r.text) && wordChar.has(r.text[end])) {
		return
	}
	if plausible(r.text[start:at]) {
		s.add(r, start, end, KindMailchimp, "mailchimp", byShape)
	}
}

// newRelicLicenseAt reads an ingest licence key: 36 characters and NRAL.
func (s *scan) newRelicLicenseAt(r region, at int) {
	if at < 36 || at > 36 && alnum.has(r.text[at-37]) {
		return
	}
	start, end := at-36, at+4
	if (end == len(r.text) || !alnum.has(r.text[end])) && alnum.all(r.text[start:at]) && r.text[at:end] == "NRAL" && plausible(r.text[start:at]) {
		s.add(r, start, end, KindNewRelic, "newrelic-licence", byShape)
	}
}

// terraformAt reads an HCP Terraform token: 14 characters, .atlasv1. and 60 or more.
func (s *scan) terraformAt(r region, at int) {
	if at == 0 || r.text[at-1] != '.' {
		return
	}
	start := alnum.runBack(r.text, at-1)
	end := wordChar.run(r.text, at+len("atlasv1."))
	if at-1-start == 14 && end-at > 40 && plausible(r.text[at+8:end]) {
		s.add(r, start, end, KindTerraform, "terraform", byShape)
	}
}

// oldVaultAt reads a Vault service token of before 1.10: s. and 24 letters and digits.
func (s *scan) oldVaultAt(r region, at int) {
	end := alnum.run(r.text, at+2)
	if r.text[at] != 's' || end-at != 26 || (at > 0 && !strings.ContainsRune(" \t\n\"'=:,`", rune(r.text[at-1]))) {
		return
	}
	if end < len(r.text) && (wordChar | dot | slash).has(r.text[end]) {
		return
	}
	if body := r.text[at+2 : end]; randomToken(body, 24) {
		s.add(r, at, end, KindVault, "vault-legacy", byShape)
	}
}

// squareAt reads a Square access token: EAAA and 60 characters.
func (s *scan) squareAt(r region, at int) {
	end := wordChar.run(r.text[:min(len(r.text), at+65)], at)
	if strings.HasPrefix(r.text[at:], "EAAA") && end-at == 64 && (at == 0 || !base64Any.has(r.text[at-1])) && plausible(r.text[at+4:end]) {
		s.add(r, at, end, KindSquare, "square", byShape)
	}
}

// sqlAt reads the password of a statement: IDENTIFIED BY 'x', WITH PASSWORD 'x',
// PASSWORD('x').
func (s *scan) sqlAt(r region, at int) {
	i := at
	for i < len(r.text) && i < at+20 && r.text[i] != '\'' && r.text[i] != '"' {
		i++
	}
	if i >= len(r.text) || (r.text[i] != '\'' && r.text[i] != '"') {
		return
	}
	j := strings.IndexByte(r.text[i+1:min(len(r.text), i+258)], r.text[i])
	if j < 0 {
		return
	}
	value := r.text[i+1 : i+1+j]
	if secret, ok := credential(claim{noun: isPassword, strong: true}, value, inQuotes); ok {
		s.addText(r, secret, i+1, i+1+j, KindPassword, "sql", byGrammar)
	}
}

// secureStringAt reads PowerShell's ConvertTo-SecureString "x" -AsPlainText.
func (s *scan) secureStringAt(r region, at int) {
	line := r.text[at:min(len(r.text), at+1024)]
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	if !strings.Contains(strings.ToLower(line), "-asplaintext") {
		return
	}
	for _, w := range splitWords(line) {
		if w.quoted && len(w.text) > 2 && !parseTemplate(w.text).found && !Placeholder(w.text) {
			s.add(r, at+w.start, at+w.end, KindPassword, "powershell", byGrammar)
			return
		}
	}
}

// hashAt reads password hashes in the formats of crypt(3), htpasswd, LDAP, PHC and
// Django. They are no passwords, but can be searched offline, so they belong into a
// Secret as well.
func (s *scan) hashAt(r region, at int) {
	if at > 0 && r.text[at-1] == '$' {
		return
	}
	end := at
	for end < len(r.text) && end-at < 512 && (alnum.has(r.text[end]) || strings.IndexByte("$./=,{}+-_", r.text[end]) >= 0) {
		end++
	}
	hash := r.text[at:end]
	i := strings.LastIndexAny(hash, "$}")
	tail := hash[i+1:]
	if i <= 0 || len(tail) < 20 || distinct(tail) < 8 || filler(tail) {
		return
	}
	if hash[0] == '$' && strings.Count(hash, "$") < 3 && hash[1] != 'P' {
		return
	}
	s.add(r, at, end, KindPasswordHash, "password-hash", byGrammar)
}
