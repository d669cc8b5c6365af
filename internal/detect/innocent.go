// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// modes are words that settle how a credential is used and are never one, whatever
// the name says: PASSWORD_POLICY: strong, AUTH: oauth2, token: string.
var modes = wordSet(`strong weak medium high low none null nil undefined true false yes no on off enabled enable
	disabled disable required optional always never auto automatic manual basic bearer digest negotiate ntlm kerberos
	oauth oauth1 oauth2 oidc saml saml2 jwt jws jwe opaque apikey plain login cram-md5 xoauth2 gssapi peer ident trust reject md5 sha1 sha224
	sha256 sha384 sha512 sha-1 sha-256 sha-512 sha3 blake2 blake2b blake3 bcrypt scrypt argon2 argon2i argon2id pbkdf2
	pbkdf2_sha256 crypt hs256 hs384 hs512 rs256 rs384 rs512 es256 es384 es512 ps256 ps384 ps512 eddsa ed25519 x25519
	rsa ecdsa dsa ec aes des 3des aes128 aes192 aes256 aes-128-gcm aes-256-gcm aes-256-cbc aes-128-cbc chacha20
	chacha20-poly1305 xchacha20-poly1305 scram-sha-1 scram-sha-256 scram-sha-512 scram-sha256 string str text int
	integer number numeric float boolean bool object array list map bytes blob any unknown never varchar char hidden
	masked redacted encrypted encoded hashed sensitive password passwords secret token credentials env environment
	file memory inmemory in-memory cookie cookies header headers query body session sessions internal external
	public private shared local global static dynamic rotate rotating default standard advanced custom simple complex
	alphanumeric numeric base64 base32 hex raw pem der pkcs8 pkcs12 jks json yaml utf-8 utf8 ascii random
	generated random-generated unset empty missing present absent valid invalid expired active inactive revoked
	allow deny block permit lax strict secure insecure httponly ephemeral persistent permanent temporary stateless
	stateful encrypt decrypt sign verify tls ssl mtls starttls anonymous guestless passwordless webauthn passkey passkeys totp hotp sms
	email otp mfa 2fa ldap pam radius ad sspi iam aad msi managed workload-identity managed-identity irsa gssapi
	compat files sss nis nisplus winbind
	certificate cert nullable readonly writeonly nonempty min8 self this that prompt ask inherit mandatory`)

// providers are words that name where credentials come from. Under a name as plain
// as SECRET or TOKEN they are a choice of provider; as a password they would be a
// weak password, and are called one.
var providers = wordSet(`vault kubernetes k8s aws gcp azure google github gitlab redis memcached postgres mysql mongo
	mongodb database db dynamodb s3 consul etcd doppler infisical onepassword sops auth0 okta keycloak cognito clerk
	supabase firebase hcaptcha recaptcha turnstile stripe paypal user id user_id userid email uid sub name client
	admin root service access refresh csrf xsrf header auth authorization nonce state code grant page cursor
	projected bound legacy`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// inSet looks a value up without regard to case, and without allocating.
func inSet(set map[string]bool, v string) bool {
	var buf [40]byte
	if len(v) > len(buf) {
		return false
	}
	for i := range len(v) {
		c := v[i]
		if upper.has(c) {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return set[string(buf[:len(v)])]
}

// innocent tells values whose form shows that they are no credential, whatever the
// name says: switches, durations, addresses, paths, references, public keys, code.
func innocent(v string) bool {
	return inSet(modes, v) || measure(v) || address(v) || pathLike(v) || referenceText(v) ||
		publicValue(v) || nameLike(v) || structured(v)
}

// measure tells numbers with a unit, percentages, dates, versions and plain decimal
// fractions: 3600s, 1h30m, 10Mi, 99.9%, 2024-01-31, v1.2.3.
func measure(v string) bool {
	if v == "" || len(v) > 40 {
		return false
	}
	digits, letters := 0, 0
	longest, run := 0, 0
	for i := range len(v) {
		c := v[i]
		switch {
		case digit.has(c):
			digits++
			run = 0
		case letter.has(c):
			letters++
			run++
			longest = max(longest, run)
		case strings.IndexByte(".:%+-/, ", c) >= 0:
			run = 0
		default:
			return false
		}
	}
	if digits == 0 {
		return false
	}
	if letters == 0 {
		// A bare run of digits is judged by the noun (a PIN is one); with separators
		// it is a date, a version, a range or a time.
		return digits < len(v)
	}
	return (digit.has(v[0]) || v[0] == 'v' || v[0] == 'P' || v[0] == '-') && unitsOnly(v) && longest <= 7
}

// unitsOnly tells whether every run of letters is a unit of time, size or rate, or a
// mark of a version or date.
func unitsOnly(v string) bool {
	for i := 0; i < len(v); {
		if !letter.has(v[i]) {
			i++
			continue
		}
		j := letter.run(v, i)
		if !units[v[i:j]] {
			return false
		}
		i = j
	}
	return true
}

var units = wordSet(`s S sec secs second seconds m M min mins minute minutes h H hr hrs hour hours d D day days w W week
	weeks y Y year years ms us ns k K Ki KiB KB kB kb Mi MiB MB mb G Gi GiB GB gb T Ti TiB TB B b bytes bits bit v
	rc beta alpha P PT T Z DT r x chars char tokens token req requests rps rpm tpm qps pct`)

// address tells URLs without a password, host names, host:port, IP addresses, email
// addresses and cloud resource names.
func address(v string) bool {
	if strings.ContainsAny(v, " \t\n") {
		return false
	}
	if i := strings.Index(v, "://"); i > 0 && i < 40 {
		return true // a password or token inside is found by the rules for URLs
	}
	if strings.HasPrefix(v, "//") || strings.HasPrefix(v, "arn:") || strings.HasPrefix(v, "urn:") {
		return true
	}
	if at := strings.IndexByte(v, '@'); at > 0 {
		return strings.IndexByte(v[at+1:], '@') < 0 && mailbox(v[:at]) && domainName(v[at+1:])
	}
	host := v
	if i := strings.LastIndexByte(v, ':'); i > 0 && digit.all(v[i+1:]) {
		host = v[:i]
		if len(v[i+1:]) <= 5 && (domainName(host) || simpleHost(host)) {
			return true
		}
	}
	return domainName(host) || ipv6(v)
}

func mailbox(s string) bool {
	for i := range len(s) {
		if !(alnum | dash | dot).has(s[i]) && s[i] != '+' {
			return false
		}
	}
	return s != ""
}

func simpleHost(s string) bool {
	return lower.has(s[0]) && !strings.ContainsAny(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") && mailbox(s)
}

func ipv6(v string) bool {
	return strings.Count(v, ":") >= 2 && len(v) <= 45 && (hexDigit | colon | dot).all(strings.TrimSuffix(strings.TrimPrefix(v, "["), "]"))
}

// topDomains are the last labels that make a dotted value a host name: the common
// public ones, and those of clusters and private networks.
var topDomains = wordSet(`com net org io dev app ai co cloud test example invalid localhost local internal lan corp
	home svc cluster consul arpa edu gov mil info biz me tv us uk de fr nl be eu es it ch at se no dk fi pl cz pt ie
	ru ua in cn jp kr tw hk sg au nz ca br mx ar cl za il tr gr ro hu tech xyz site online store shop so gg sh to ly
	run page link team work tools systems network host email chat blog id vn th my ph`)

func domainName(v string) bool {
	v = strings.TrimSuffix(v, ".")
	i := strings.LastIndexByte(v, '.')
	if i <= 0 || len(v) > 253 {
		return v == "localhost"
	}
	for j := range len(v) {
		if !(alnum | dash | dot).has(v[j]) && v[j] != '*' {
			return false
		}
	}
	if strings.Contains(v, "..") {
		return false
	}
	if inSet(topDomains, v[i+1:]) {
		return true
	}
	return dottedNumbers(v)
}

func dottedNumbers(v string) bool { return (digit | dot).all(v) }

// pathLike tells file names, paths, routes, globs, and keys made of words and slashes.
func pathLike(v string) bool {
	if v == "" || strings.ContainsAny(v, " \t\n=") {
		return false
	}
	if strings.HasPrefix(v, "./") || strings.HasPrefix(v, "../") || strings.HasPrefix(v, "~/") || strings.HasPrefix(v, "${") {
		return true
	}
	if len(v) > 2 && letter.has(v[0]) && v[1] == ':' && (v[2] == '\\' || v[2] == '/') {
		return true
	}
	if strings.HasPrefix(v, `\\`) {
		return true
	}
	if fileExtension(v) {
		return true
	}
	if strings.IndexByte(v, '/') < 0 {
		return false
	}
	return wordPath(v)
}

// hostKey are the names of OpenSSH's host keys (sshd(8), FILES).
var hostKey = wordSet("ssh_host_ed25519_key ssh_host_rsa_key ssh_host_ecdsa_key ssh_host_dsa_key")

// wordPath tells a path whose every part is a word, a number or a pattern.
func wordPath(v string) bool {
	parts := 0
	for part := range strings.SplitSeq(v, "/") {
		parts++
		if part == "" || part == "*" || part == "**" || hostKey[part] {
			continue
		}
		if strings.ContainsAny(part, `!$^&()|;"'`) || randomToken(part, 16) || !wordy(part) {
			return false
		}
	}
	return parts > 1
}

var extensions = wordSet(`pem key crt cer der p12 pfx jks keystore truststore pub csr json yaml yml toml ini conf cfg
	properties env txt xml sh py js ts go rb php html htm css csv log sock socket db sqlite gpg asc kdbx netrc kubeconfig
	htpasswd passwd secret password token keytab ovpn lock tmpl tpl j2 ftl mustache`)

func fileExtension(v string) bool {
	i := strings.LastIndexByte(v, '.')
	if i < 0 || i < strings.LastIndexByte(v, '/') || !inSet(extensions, v[i+1:]) {
		return false
	}
	return !randomToken(v[:i], 20) || strings.HasPrefix(v, "/")
}

// wordy tells a part that reads as words and small numbers: chat-prod-v2, eu-west-1.
func wordy(part string) bool {
	for i := 0; i < len(part); {
		if !alnum.has(part[i]) {
			i++
			continue
		}
		j := alnum.run(part, i)
		if !plainWord(part[i:j]) {
			return false
		}
		i = j
	}
	return true
}

// plainWord tells a run of letters and digits that reads as a word: letters of
// ordinary case, with at most a few digits before or behind (v2, s3, oauth2, 2024).
func plainWord(w string) bool {
	letters := letter.run(w, 0)
	if letters == len(w) {
		return (caseChanges(w) <= 4 || humps(w)) && vowelish(w)
	}
	if digit.all(w) {
		return len(w) <= 12
	}
	rest := w[letters:]
	if letters > 0 && digit.all(rest) {
		return len(rest) <= 4 && caseChanges(w[:letters]) <= 3
	}
	digits := digit.run(w, 0)
	if digits > 0 && digits <= 3 && letter.all(w[digits:]) {
		return len(w)-digits <= 4 // 2fa, 3rd, 64bit
	}
	return len(w) <= 4 // i18n, k8s
}

// humps tells CamelCase of words: each begins with a capital and has three letters or more, four in the mean.
func humps(w string) bool {
	n, last := 0, 0
	for i := range len(w) {
		if !upper.has(w[i]) {
			continue
		}
		if i > 0 && i-last < 3 {
			return false
		}
		n, last = n+1, i
	}
	return n > 0 && upper.has(w[0]) && len(w)-last >= 3 && len(w) >= 4*n
}

// vowelish tells whether letters are spread as in words: no long stretch without a
// vowel. Abbreviations up to six letters pass.
func vowelish(w string) bool {
	run := 0
	for i := range len(w) {
		if strings.IndexByte("aeiouyAEIOUY", w[i]) >= 0 {
			run = 0
			continue
		}
		if run++; run > 6 {
			return false
		}
	}
	return true
}

// caseChanges counts changes between small letters and capitals.
func caseChanges(w string) int {
	n := 0
	for i := 1; i < len(w); i++ {
		if (lower.has(w[i-1]) && upper.has(w[i])) || (upper.has(w[i-1]) && lower.has(w[i])) {
			n++
		}
	}
	return n
}

// publicPrefixes begin values that providers publish on purpose: publishable and
// client-side keys, public halves of key pairs.
// Stripe and Clerk pk_, Mapbox pk., PostHog phc_, Supabase sb_publishable_, Langfuse
// pk-lf-, PubNub, Flutterwave, Mailgun pubkey-, age recipients, SSH public keys.
var publicPrefixes = []string{
	"pk_live_", "pk_test_", "pk.eyJ", "phc_", "sb_publishable_", "pk-lf-", "pub-c-", "sub-c-", "FLWPUBK", "pubkey-",
	"age1", "ssh-rsa ", "ssh-ed25519 ", "ssh-dss ", "ecdsa-sha2-", "sk-ssh-ed25519@", "-----BEGIN CERTIFICATE",
	"-----BEGIN PUBLIC", "-----BEGIN RSA PUBLIC", "-----BEGIN EC PUBLIC", "-----BEGIN PGP PUBLIC", "-----BEGIN SSH2 PUBLIC", "-----BEGIN X509",
	"-----BEGIN TRUSTED CERT", "-----BEGIN CERTIFICATE REQUEST", "sha256:", "sha384:", "sha512:", "sha1:", "sha256-", "sha384-", "sha512-",
	"UA-", "GTM-", "NRJS-", "ca-app-pub-", "pub-", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS", "LS0tLS1CRUdJTiBQVUJMSUMg",
	"MIIBIjANBgkqhkiG9w0BAQEFAAOC", "MIICIjANBgkqhkiG9w0BAQEFAAOC", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
}

func publicValue(v string) bool {
	if v == "" {
		return false
	}
	for _, p := range publicPrefixes {
		if v[0] == p[0] && strings.HasPrefix(v, p) {
			return true
		}
	}
	return strings.HasSuffix(v, ".apps.googleusercontent.com") || walletAddress(v) || clientToken(v) || anonymousToken(v) ||
		strings.HasPrefix(v, "eyJ") && strings.IndexByte(v, '.') < 0 && tokenHeader(v) // the header of a token without the rest
}

// clientToken tells tokens for browsers: Datadog's pub and 32 hexadecimal digits,
// Paddle's live_ or test_ and 27.
func clientToken(v string) bool {
	switch {
	case len(v) == 35 && v[:3] == "pub":
		return hexLower.all(v[3:])
	case len(v) == 32 && (v[:5] == "live_" || v[:5] == "test_"):
		return hexLower.all(v[5:])
	}
	return false
}

// walletAddress tells an Ethereum address (0x and 40 hexadecimal digits), which is
// public; the private key has 64.
func walletAddress(v string) bool {
	return len(v) == 42 && v[:2] == "0x" && hexDigit.all(v[2:])
}

// nameLike tells values that name something: a variable in capitals (DB_PASSWORD), an
// HTTP header (X-Api-Key), a dotted key or class (spring.security.token), a scope.
func nameLike(v string) bool {
	v = strings.TrimPrefix(v, "#") // as sed is told to replace it
	if (upper | digit | dash).all(v) {
		return strings.IndexByte(v, '_') > 0 && wordsInCapitals(v)
	}
	if letters(v) && strings.IndexByte(v, '-') > 0 && headerCase(v) {
		return true
	}
	if strings.Count(v, ".") >= 2 && dottedWords(v) {
		return true
	}
	return scope(v)
}

// wordsInCapitals tells NAME_OF_VARIABLE: letters mostly, each part a word.
func wordsInCapitals(v string) bool {
	for part := range strings.SplitSeq(v, "_") {
		if part == "" || digit.all(part) {
			continue
		}
		if len(part) > 14 || !plainWord(part) || (len(part) > 3 && digit.has(part[len(part)-1]) && digit.has(part[len(part)-2])) {
			return false
		}
	}
	return true
}

// letters tells whether v has only letters and hyphens.
func letters(v string) bool {
	for i := range len(v) {
		if !letter.has(v[i]) && v[i] != '-' {
			return false
		}
	}
	return true
}

// headerCase tells X-Api-Key: every part begins with a capital.
func headerCase(v string) bool {
	for part := range strings.SplitSeq(v, "-") {
		if part == "" || !upper.has(part[0]) {
			return false
		}
		switch part {
		case "X", "Key", "Token", "Auth", "Authorization", "Secret", "Session", "Id", "Cookie", "Csrf", "CSRF":
			return true
		}
	}
	return strings.HasPrefix(v, "X-")
}

// dottedWords tells com.example.TokenProvider, spring.datasource.password.
func dottedWords(v string) bool {
	for part := range strings.SplitSeq(v, ".") {
		if part == "" || !wordy(part) || !letter.has(part[0]) || strings.ContainsAny(part, "!@#$%^&*+=/\\?:;") {
			return false
		}
	}
	return true
}

// scope tells OAuth scopes and permissions: read:user, https-less repo:status.
func scope(v string) bool {
	left, right, ok := strings.Cut(v, ":")
	if !ok || !lowerWords(left) || !lowerWords(right) {
		return false
	}
	switch left {
	case "read", "write", "admin", "repo", "user", "openid", "manage", "view", "delete", "list", "get", "system", "alias":
		return true
	}
	return false
}

func lowerWords(s string) bool {
	for i := range len(s) {
		if !lower.has(s[i]) && strings.IndexByte("-_.:*/", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// structured tells documents and code: what is inside is judged by its own names.
func structured(v string) bool {
	switch v[0] {
	case '{':
		return len(v) > 1 && v[len(v)-1] == '}'
	case '[':
		return v[len(v)-1] == ']'
	case '^':
		return v[len(v)-1] == '$' || strings.ContainsAny(v, `[(\`)
	case '<':
		return v[len(v)-1] == '>'
	case '(':
		return strings.HasPrefix(v, "(?")
	}
	return call(v) || cron(v)
}

// call tells code: os.environ["X"], getToken(), config.password.value().
func call(v string) bool {
	i := 0
	for i < len(v) && (alnum.has(v[i]) || strings.IndexByte("_.$:>-", v[i]) >= 0) {
		i++
	}
	if i == 0 || i >= len(v) || !letter.has(v[0]) && v[0] != '_' && v[0] != '$' {
		return false
	}
	last := v[len(v)-1]
	return (v[i] == '(' && (last == ')' || last == ';' || last == '}' || last == ',' || last == '(')) ||
		(v[i] == '[' && (last == ']' || last == ';'))
}

func cron(v string) bool {
	if strings.Count(v, " ") != 4 {
		return false
	}
	for i := range len(v) {
		if !digit.has(v[i]) && strings.IndexByte("*/,- ?", v[i]) < 0 {
			return false
		}
	}
	return true
}
