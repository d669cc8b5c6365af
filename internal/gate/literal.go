// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Which texts of a pod template are secrets is judged twice: by kube-apiserver, in CEL, and by the operator. So that both
// say the same, each rule is a textRule, which carries both, and bigger rules are only made of smaller ones. The leaves
// use what CEL has as well: size() counts code points as utf8.RuneCountInString does, and matches() is Go's regexp.
//
// This rule holds a rollout back, so it says nothing where internal/detect would still say much: it wants a random-looking
// value under a name that leaves no doubt, or a shape that only one provider makes. What it misses, the check of secrets
// finds after admission.

// candidatePattern is a quick look that lets through whatever might be a secret and few other texts, so that pods full of
// URLs and numbers cost little: a digit at the end of ten characters of a token, or what marks the other shapes. Of long
// texts only private keys are looked for.
const candidatePattern = `\d[\w+=-]{9}|[\w+=-]{9}\d|[!@#$%^&*?]|PRIV|[Dd]=`

var candidateExpression = regexp.MustCompile(candidatePattern)

func candidate(text string) bool {
	size := utf8.RuneCountInString(text)
	if size > knownMax {
		return strings.Contains(text, "PRIVATE KEY")
	}
	return size >= literalMin && candidateExpression.MatchString(text)
}

func candidateCEL(text string) string {
	return fmt.Sprintf("(%[1]s.size() > %[2]d ? %[1]s.contains('PRIVATE KEY') : %[1]s.size() >= %[4]d && %[1]s.matches(r'%[3]s'))", text, knownMax, candidatePattern, literalMin)
}

// textRule is a rule about one text, as Go and as CEL for an operand.
type textRule struct {
	holds func(text string) bool
	cel   func(operand string) string
}

// CEL counts a regular expression as a quarter of its length for each ten characters of the text, and one evaluation may
// cost a million (cel-go's common/cost.go, Kubernetes' PerCallLimit). So texts are looked at up to these sizes, in code
// points; nothing that is shorter than literalMin is a secret here.
const (
	literalMin = 16
	literalMax = 200
	knownMax   = 2048
	armourMax  = 65536
)

// family is a group of well-known shapes: the pattern is only run on a text that contains one of the strings, or matches the
// hint. A string that several shapes have in common is cheaper than each one's own.
type family struct {
	strings []string
	hint    string
	pattern string
}

// The prefixes and lengths are those of internal/detect/shapes.go and of gitleaks, see there for the providers' sources.
// Each is long and of an alphabet without separators of words, so that a name, a path or a placeholder is none.
// Google's AIza is not among them: the same key is public in a web page's Firebase configuration.
// sk_test_ is: it opens a test account all the same.
var knownFamilies = []family{
	// Providers of models.
	{
		[]string{"sk-", "gsk_", "xai-", "pplx-", "nvapi-", "lsv2_", "pcsk_", "tvly-", "hf_", "r8_", "tgp_v1_"},
		``,
		`\b(?:sk-(?:(?:proj|svcacct|admin|ant)-[\w-]*[A-Za-z0-9]{16}[\w-]{24}|or-v1-[0-9a-f]{64}|lf-[0-9a-f]{8}-[0-9a-f]{4}-|[A-Za-z0-9]{32})|gsk_\w{40}|xai-\w{60}|pplx-\w{40}|nvapi-[\w-]{50}|lsv2_[ps][tk]_[0-9a-f]{32}|pcsk_\w{40}|tvly-(?:dev-|prod-)?[A-Za-z0-9]{30}|hf_[A-Za-z0-9]{34}|r8_[A-Za-z0-9]{37}|tgp_v1_[\w-]{40})`,
	},
	// Code, packages and their builds.
	{
		[]string{"github_pat_", "npm_", "pypi-", "rubygems_", "dckr_", "ATATT3", "ATBB", "AKCp", "CCIP"},
		`gh[opsur]_|gl[a-z]+-|sq[pua]_`,
		`\b(?:gh[opsur]_[A-Za-z0-9]{36}|github_pat_\w{50}|glpat-[\w-]{20}|gl(?:dt|rt|ptt)-(?:t\d_)?\w{18}|npm_[A-Za-z0-9]{36}|pypi-AgEI[\w-]{50}|rubygems_[0-9a-f]{48}|dckr_[op]at_[\w-]{24}|ATATT3[\w-]{50}|ATBB[A-Za-z0-9]{28}|AKCp[A-Za-z0-9]{60}|CCIP(?:AT|RJ)_\w{40}|sq[pua]_[0-9a-f]{40})`,
	},
	// Clouds and their stores of secrets.
	{
		[]string{"IQoJb3", "ya29.", "GOCSPX-", "8Q~", "dop_v1_", "hvs.", "tskey-", "dapi", "pul-", "dp.", "AGE-SECRET", "Key=", ".atlasv1.", "sha256~", "ops_eyJ", "rnd_", "HRKU-", "eyJhIjoi"},
		``,
		`\b(?:IQoJb3JpZ2luX2Vj[\w+/]{60}|ya29\.[\w-]{40}|GOCSPX-[\w-]{28}|[\w.~-]{3}8Q~[\w.~-]{31}|dop_v1_[0-9a-f]{64}|hvs\.(?:[A-Za-z0-9]{24}|[\w-]{60})|tskey-\w+-\w{10,}-\w{20}|dapi[0-9a-f]{32}|pul-[0-9a-f]{40}|dp\.[ps]t\.(?:\w+\.)?[A-Za-z0-9]{40}|AGE-SECRET-KEY-1[A-Z0-9]{58}|AccountKey=[\w+/]{86}==|(?:Shared)?AccessKey=[\w+/]{43}=|[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60}|sha256~[\w-]{43}|ops_eyJ[\w+/]{60}|rnd_[A-Za-z0-9]{28}|HRKU-[\w-]{36}|eyJhIjoi[\w+/]{120})`,
	},
	// An access key's id is base32, a region's name (ASIAPACIFICSOUTHEAST) has no digit.
	{nil, `A[KS]IA[A-Z]*[2-7]`, `\bA[KS]IA[A-Z2-7]{16}\b`},
	// Payment, chat and mail.
	{
		[]string{"sk_", "_live_", "rk_test_", "whsec_", "FLWSECK", "xapp-1-", "SG.", ":AA", "xkeysib-", "-us"},
		`xox[abps]-|shp[a-z]+_`,
		`\b(?:[rs]k_(?:live|test)_[A-Za-z0-9]{24}|sk_[0-9a-f]{48}|whsec_[\w+/]{32}|FLWSECK-[0-9a-f]{32}|xox[abps]-\d[\w-]{30}|xapp-1-A\w+-\d+-[0-9a-f]{40}|SG\.[\w-]{22}\.[\w-]{43}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|(?:bot)?\d{8,10}:AA[\w-]{33}\b|xkeysib-[0-9a-f]{64}|^[0-9a-f]{32}-us\d{1,2}$|shippo_live_[0-9a-f]{40}|pdl_live_apikey_\w{40})`,
	},
	// A hook's URL is all that is needed to post, and a shared access signature's to read.
	{[]string{"://"}, ``, `hooks\.slack\.com/services/T\w{8,}/B\w{8,}/\w{24}|discord(?:app)?\.com/api/webhooks/\d{17,20}/[\w-]{60}|\.webhook\.office\.com/webhookb2/[\w@-]{73}/\w+/[0-9a-f]{32}|[?&]sv=20\d\d-.*&sig=[\w%+/]{40}`},
	// Operations and products.
	{
		[]string{"glsa_", "glc_eyJ", "sntry", "NRA", "PMAK-", "dt0c01.", "sbp_", "secret_", "pscale_", "napi_", "mdb_sa_", "lin_api_", "ntn_", "figd_", "phx_", "vercel_blob", "AVNS_", "pat-"},
		``,
		`\b(?:glsa_\w{32}_[0-9a-f]{8}|glc_eyJ[\w+/]{40}|sntrys_eyJ[\w+/]{40}|sntryu_[0-9a-f]{64}|NRAK-[A-Z0-9]{27}|[0-9a-f]{36}NRAL|PMAK-[0-9a-f]{24}-[0-9a-f]{34}|dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}|sbp_[0-9a-f]{40}|sb_secret_[\w-]{30}|pscale_(?:tkn|pw)_[\w-]{40}|napi_[a-z0-9]{50}|mdb_sa_sk_[\w-]{40}|lin_api_\w{40}|ntn_\w{40}|secret_[A-Za-z0-9]{43}|figd_[\w-]{40}|phx_\w{40}|vercel_blob_rw_\w{40}|AVNS_[\w-]{19}|pat-(?:na|eu)1-[0-9a-f]{8}-[0-9a-f]{4}-)`,
	},
	{[]string{".eyJ"}, ``, `\b(?:eyJ[\w-]{12,}\.|sk\.)eyJ[\w-]{8,}\.[\w-]{20}`},
	// A private JSON Web Key, and the auths of a Docker configuration.
	{[]string{`"kty"`}, ``, `"d":\s*"[\w-]{40}`},
	{[]string{`"auths"`}, ``, `"auth":\s*"[\w+/]{16,}={0,2}"`},
	// "PRIVATE KEY" in base64, at its three positions.
	{[]string{"LS0tLS1CRUdJTi"}, ``, `LS0tLS1CRUdJTi[\w+/]*(?:UFJJVkFURSBLRVk|QUklWQVRFIEtFWS|BSSVZBVEUgS0VZ)[\w+/]{60}`},
}

const (
	// knownRun is what nearly every well-known shape has; it spares most texts the search for their prefixes.
	knownRun = `[\w=-]{20}`
	// knownSample tells documentation's shapes: AWS' AKIA...EXAMPLE, rows of x, Slack's T00000000, the sample of Stripe's
	// documentation, Azurite's public key, the claims of jwt.io, a registry's user:pass, and a JSON Web Token that says
	// "role":"anon", which Supabase makes to be public, at any of base64's three positions.
	knownSample = `(?i:x{4}|\.\.\.|your|[_-]example|7example|0{8}|12345678|abcdefgh|placeholder|change_?me|dummy|fake)|4eC39HqLyj|Eby8vdM02x|eyJzdWIiOiIxMjM0NTY3ODkw|cm9sZSI6ImFub24i|b2xlIjoiYW5vbi|vbGUiOiJhbm9uI|dXNlcjpwYXNz|dXNlcm5hbWU6`

	// introduction is before a token in a header, a query or an assignment of a script. Where a colon is, in YAML and JSON,
	// are also digests, sealed secrets and Firebase's web keys. The name stands alone: an etcd cluster's
	// --initial-cluster-token is none.
	introducedHint = `(?i)bearer|token|passw|secret|api.?key`
	introduction   = `(?:^|[^\w/.-])(?:(?i:bearer |authorization: token |x-api-key: ?|(?:(?:access_|auth_)?token|api_?key|client_secret|password)=)|[A-Z_]*(?:PASSWORD|API_KEY|AUTH_TOKEN|ACCESS_TOKEN|SECRET_KEY)=)["\x27]?`
	introducedLong = introduction + `\w{24}`
	introducedBody = introduction + `[A-Za-z]*(?:\d+[A-Za-z]+){3}\d`

	// armour is a private key's: a header alone is none.
	armour = `BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?:\\[nr]|\s)*[\w+/=]{40}`

	// A password that somebody typed has a letter and a digit. What templates are written with ($, {, <, (, %s) is no
	// password, nor is a word of samples with a few characters more. URLs, connection strings and Java's options have
	// delimiters of their own.
	inURL     = `[^\s/:@\\${}<>()*\[\]]*`
	inSetting = `[^\s;,&\x22\x27\\${}<>()*]*`
	typedIn   = `(?:%[1]s[A-Za-z]%[1]s\d|%[1]s\d%[1]s[A-Za-z])%[1]s`
	// sampleWord are words of documentation.
	sampleWord = `(?i:your|my|change|example|sample|dummy|test|x{3}|some)`
	// An image's digest (docker://nginx:1.27-alpine3@sha256:) looks like a password.
	urlSample     = `@sha\d+:|:` + sampleWord + `[^@/]{0,12}@|:(?i:pass(?:w(?:or)?d)?|pwd|pw|secret|token|user|admin|root|guest)\d{0,3}@`
	settingSample = `(?i:password|pwd)=(?:` + sampleWord + `|(?i:pass(?:w(?:or)?d)?|secret|user|admin|root|guest)\d{0,3}(?:\W|$))`
	settingUser   = `(?i:(?:^|[;,\s?&])(?:server|host|data source|initial catalog|user|uid|user ?id|username)=)|(?:^|\s)-D`
)

var (
	// scheme://user:password@host, Go's user:password@tcp(host), Oracle's thin:user/password@host.
	credentialURL = `\b[a-z][a-z0-9+-]*://[^\s/:@\\${}<>()*]*:` + fmt.Sprintf(typedIn, inURL) + `@[\w\[]`
	credentialDSN = `^[\w.-]+:` + fmt.Sprintf(typedIn, inURL) + `@(?:tcp|unix)\(|:oracle:thin:\w+/` + fmt.Sprintf(typedIn, inURL) + `@`
	// password=... of ADO.NET, ODBC, JDBC and libpq, beside a server or a user, and -Dx.password=... It begins with a letter
	// or digit: SQL has password=:name.
	credentialSetting = `(?:(?:^|[;,\s?&])(?i:password|pwd)|-D[\w.-]*[Pp]assword)=\b` + fmt.Sprintf(typedIn, inSetting) + `(?:[;,\s&]|$)`
)

// The value under a secret's name: of one token's alphabet, digits all over it, and neither words nor rows in it.
// People put digits at the end of what they name; groups of them with something between are a generator's. And what
// people write has words, so that its small letters come in runs.
const (
	// mixedAlphabet: base64's and base64url's alphabets, which are never mixed, and with dots between the parts.
	// Separators of words are in longer values only.
	mixedAlphabet = `^(?:[A-Za-z0-9]{16,}|[A-Za-z0-9+/]{20,}|[\w-]{20,}|[\w-]{3,}(?:\.[\w-]{6,}){1,2})={0,2}$`
	mixedCases    = `[a-z].*[A-Z]|[A-Z].*[a-z]`
	// One of these: three groups of digits, short runs of small letters and no long one; many short runs; two groups and no
	// word at all, nor a separator; one group, no word and longer.
	mixedThree = `\d\D+\d+\D+\d`
	mixedShort = `(?:[a-z]{1,2}[A-Z0-9]{1,4}){3}`
	mixedRun   = `[a-z]{7}`
	mixedTwo   = `\d\D+\d`
	mixedLong  = `(?:[a-z]{1,3}[A-Z0-9]{1,4}){5}`
	mixedWord  = `[a-z]{4}|[^A-Za-z0-9=]`
	mixedOne   = `\d[A-Za-z]`
	// single is of one case and without separators (hexadecimal, base32), which has more digits.
	single       = `^(?:[a-z0-9]{16,}|[A-Z0-9]{20,})={0,6}$`
	singleDigits = `(?:\d+[A-Za-z]+){3}\d`
	// laravel is the key of a PHP application.
	laravel = `^base64:[A-Za-z0-9+/]{43}=$`
	// uuid is a key of Heroku, Postmark, Consul and others, if the name says so.
	uuid = `^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`
	// notRandom are words and rows that people write and generators do not, and beginnings of what is public or encrypted:
	// publishable keys (Stripe, Clerk, Langfuse, PostHog, Flutterwave), addresses (0x), fingerprints of GPG keys, KMS'
	// ciphertext, public keys in DER.
	notRandom = `^(?:pk[._-]|phc_|FLWPUBK|AQICA|AgB|MII[BC]Ij|MCowBQ|MFkwEw|ssh|sha\d|AAAAB3|AAAAC3)|^0x[0-9a-fA-F]{40}$|^[0-9A-F]{40}$|^[0-9A-F]{16}$|(?i:0{4}|1{4}|a{4}|f{4}|1234|abcd)`
	// notRandomWords have letters that hexadecimal has not, which spares digests and most keys the list.
	beyondHex      = `[g-zG-Z]`
	notRandomWords = `(?i:x{3}|example|sample|dummy|fake|test|change|your|placeholder|secret|token|passw|key|todo|redact|insert|replace|default|local|admin|user|config|service|cluster|client|server|data|http|bucket|stack|version)`

	// encodedText is base64 of ASCII alone: no byte has its highest bit, which one of each three letters shows. It may be a
	// placeholder, or the name of something; internal/detect decodes it.
	encodedText = `^(?:[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][\w+/-]){4,}[\w=-]{0,4}$`

	// A password of a person or generator, with a mark: of every kind of character.
	markAlphabet = `^[\w!@#$%^&*+=.?~-]{16,}$`
	markMark     = `[!@#$%^&*]`
	// notMarked are references (%DB_PASSWORD%, $VAR, @@VAR@@, #VAR#, the names of secrets that Amazon RDS makes) and
	// addresses (me@example.com).
	notMarked = `^[$%@#&*!]|^rds!|%[A-Za-z_]{3,}%|\$[A-Z_]{2,}|@[\w-]+\.\w`

	privateHex = `^0x[0-9a-f]{64}$`
)

// What a name says. Words are apart by anything but letters, or written together (dbPassword, apikey).
const (
	nameEnd = `(?:[._-]*(?:v?\d+|prod(?:uction)?|dev|staging|stg|live|test|b64|base64|hex|value|default|old|new|current|previous|next|primary|secondary|root|admin|main|readonly|rw|ro))?$`
	// nameHint is in each of the names; it spares most others the long expressions.
	nameHint = `(?i)pass|pw|secret|key|token|cred|salt|pepper|psk|pat|cookie|seed`
	// tokenNames are names under which a random value is a secret. Of keys, only those whose owner keeps them: an app key, a
	// client key, a write key, an access key without "secret" are mostly the public half, or the user, of a pair.
	tokenNames = `(?i)(?:passw(?:or)?d|passphrase|(?:^|[^a-z])(?:pass|pwd|pw|psk|pat|creds?|credentials?|salt|pepper|secret|token|erlang_cookie)` +
		`|(?:api|access|auth|client|app|consumer|refresh|bearer|bot|jwt|session|webhook|signing|shared)(?:secret|token)` +
		`|(?:api|private|secret|signing|encryption|fernet|hmac|webhook|licen[cs]e|subscription|unseal|recovery|(?:secret|shared)[._-]?access)[._-]?key` +
		`|(?:^|[^a-z])(?:auth|sign|encrypt|master|service|admin|jwt|account|shared|session|cookie|creds|aes|server|rest|storage|deploy|ingest|salt|crypto|bot|application|dd[._-]app|datadog[._-]app)[._-]?key|^app[._-]key` +
		`|(?:openai|anthropic|mistral|cohere|alchemy|infura|assemblyai|serpapi|deepgram|etherscan|sendgrid|mailgun|sending|finnhub)[._-]?key|(?:secret|credentials?)[._-]?key[._-]?base` +
		`|(?:t?otp|nkey|nats)[._-]?seed|(?:vault|role)[._-]?secret[._-]id)` + nameEnd
	// uuidNames are those under which a UUID is one too: a key's may be its name in a key management service.
	uuidNames = `(?i)(?:passw(?:or)?d|(?:^|[^a-z])(?:secret|token)|(?:api|auth|secret|licen[cs]e|rest)[._-]?key|(?:api|auth|access)token|(?:vault|role)[._-]?secret[._-]id)` + nameEnd
	// markNames are names of passwords and of what stands for one.
	markNames = `(?i)(?:passw(?:or)?d|passphrase|(?:^|[^a-z])(?:pass|pwd|pw)|secret[._-]?key)` + nameEnd
	// privateNames are names under which a number of 256 bits is a key, and not a transaction's hash.
	privateNames = `(?i)private[._-]?key` + nameEnd
	// openNames are names whose values are public, or names of something: of what a framework's build copies into every page
	// (see internal/detect/name.go), of checksums (STAKATER_: Reloader writes the hash of a Secret's content there,
	// https://github.com/stakater/Reloader), of Secret objects, of tokens that models, block chains and requests have, and
	// of the keys of what counts visits.
	openNames = `(?i)^(?:stakater|next_public|vite|react_app|nuxt_public|expo_public|gatsby|public|vue_app)_` +
		`|public|publishable|(?:^|[^a-z])pub(?:[^a-z]|$)|pub_?key|anon(?:ymous)?[._-]|site[._-]?key|firebase|browser|client[._-]?token|posthog(?:_project)?_api_key|mapbox|sentry_(?:public_)?key|pusher[._-](?:app[._-])?key|amplitude|mixpanel[._-](?:project[._-])?token|analytics|beacon|pixel` +
		`|(?:^|[._-])search[._-](?:only[._-])?(?:api[._-])?key|checksum|digest|fingerprint|sha\d|md5|commit|revision|etag` +
		`|(?:^|[._-])(?:cert|certificate|tls|ssl|ca|pull|existing|sealed|image|source|target|k8s|kube|kubernetes|registry|ingress|db|database|rds|aws|gcp|azure|postgres|postgresql|mysql|mongo|mongodb|credentials|password)[._-]?secret` + nameEnd +
		`|(?:^|[._-])(?:eos|bos|pad|unk|mask|stop|design|page|sync|csrf|xsrf|native|base|quote|payment|reward|erc20|nft|usd[ct]|weth|contract|next|continuation|mint|lp|pool|staking|device|push|request|idempotency|correlation|initial_cluster|cache|bust|restart|rollout)[._-]?token`

	// suspectNames are names of which nearly every value is a secret, or ought to be one.
	suspectNames = `(?i)(?:password|passwd|passphrase|passwort|(?:^|[^a-z])(?:pass|pw)|(?:db|pg|user|bind|root|admin)(?:pass|pw|pwd)|[^a-z]pwd` +
		`|(?:client|jwt|session|cookie|webhook|app|application|signing|shared|hmac|admin|auth|nextauth|consumer|api|oauth|token|cron|link|preview)[._-]?secret` +
		`|(?:api|secret|private|encryption|signing|master|secret[._-]?access|fernet|hmac)[._-]?key|secret[._-]?key[._-]?base` +
		`|(?:access|auth|api|bot|refresh|bearer|oauth|personal|admin|root|webhook|service|secret|github|gitlab|slack|hf|npm|vault)[._-]?token)` + nameEnd
	// noSuspects are switches and labels (MYSQL_ALLOW_EMPTY_PASSWORD), nginx' proxy_pass, translations, and keys of Secret
	// objects (DB_PASSWORD_SECRET_KEY).
	noSuspects = `(?i)password[._-]?secret[._-]?key|(?:^|[^a-z])(?:allow|allowed|random|empty|has|have|is|use|using|require|required|enable|enabled|disable|disabled|show|hide|no|skip|reset|forgot|forgotten|change|confirm|generate|label|hint|i18n|l10n|locale|proxy|fastcgi|uwsgi|by|with)[._-](?:[a-z]+[._-])?(?:pass|key|token|secret|api)`
)

var (
	knownRule  = buildKnown()
	tokenRules = buildToken()
	// worthNaming and hinting spare most variables the rules of names.
	worthNaming = sized(matching(`\d`), literalMax)
	hinting     = matching(nameHint)
	suspectRule = allOf(hinting, matching(suspectNames), not(matching(openNames)), not(matching(noSuspects)))
)

// namedRule is a shape of values that is a secret under some names.
type namedRule struct{ value, name textRule }

func buildToken() []namedRule {
	open := not(matching(openNames))
	mixed := allOf(matching(mixedOne), matching(mixedAlphabet), matching(mixedCases), anyOf(
		allOf(matching(mixedThree), matching(mixedShort), not(matching(mixedRun))),
		matching(mixedLong),
		allOf(anyOf(matching(mixedTwo), least(20)), not(matching(mixedWord)))))
	random := anyOf(mixed, allOf(matching(singleDigits), matching(single)))
	marked := allOf(matching(markMark), matching(markAlphabet), matching(mixedCases), not(matching(notMarked)))
	written := anyOf(matching(notRandom), allOf(matching(beyondHex), anyOf(matching(notRandomWords), matching(encodedText))))
	return []namedRule{
		{allOf(anyOf(random, matching(laravel)), not(written)), allOf(matching(tokenNames), open)},
		{allOf(marked, not(written)), allOf(matching(markNames), open)},
		{allOf(matching(uuid), not(written)), allOf(matching(uuidNames), open)},
		{matching(privateHex), matching(privateNames)},
	}
}

func buildKnown() textRule {
	families := make([]textRule, 0, len(knownFamilies))
	for _, f := range knownFamilies {
		hints := containing(f.strings...)
		if f.hint != "" {
			hints = append(hints, matching(f.hint))
		}
		families = append(families, allOf(anyOf(hints...), matching(f.pattern)))
	}
	introduced := allOf(matching(singleDigits), matching(introducedHint), matching(introducedLong), matching(introducedBody))
	tokens := allOf(matching(knownRun), anyOf(append(families, introduced)...))
	url := allOf(having("@"), anyOf(
		allOf(having("://"), matching(credentialURL)),
		allOf(anyOf(containing("@tcp(", "@unix(", ":oracle:thin:")...), matching(credentialDSN))), not(matching(urlSample)))
	setting := allOf(anyOf(containing("assword=", "ASSWORD=", "wd=", "WD=")...), matching(settingUser), matching(credentialSetting), not(matching(settingSample)))
	return anyOf(
		allOf(sized(anyOf(tokens, url, setting), knownMax), not(matching(knownSample))),
		allOf(sized(having("PRIVATE KEY"), armourMax), matching(armour), not(matching(knownSample))),
	)
}

// literalSecret says whether a variable's, or a flag's, value is a secret by its name and shape, or by its shape alone.
func literalSecret(name, value string) bool {
	if !candidate(value) {
		return false
	}
	if knownRule.holds(value) {
		return true
	}
	return worthNaming.holds(value) && hinting.holds(name) && slices.ContainsFunc(tokenRules, func(r namedRule) bool {
		return r.value.holds(value) && r.name.holds(name)
	})
}

// secretName says whether a name is one of a secret, whatever its value.
func secretName(name string) bool { return suspectRule.holds(name) }

// bound gives an expression that computes its operand once: CEL in Kubernetes has no other way to name a value inside an
// expression. The names must not be those of a caller's variables.
func bound(operand, as, expression string) string {
	return fmt.Sprintf("[%s].exists(%s, %s)", operand, as, expression)
}

func literalSecretCEL(name, value string) string {
	const v, n = "literalValue", "literalName"
	parts := make([]string, 0, len(tokenRules))
	for _, r := range tokenRules {
		parts = append(parts, r.value.cel(v)+" && "+r.name.cel(n))
	}
	named := bound(name, n, hinting.cel(n)+" && ("+strings.Join(parts, " || ")+")")
	return fmt.Sprintf("(%s && %s)", candidateCEL(value), bound(value, v, knownRule.cel(v)+" || "+worthNaming.cel(v)+" && "+named))
}

func secretNameCEL(name string) string {
	const n = "literalName"
	return bound(name, n, suspectRule.cel(n))
}

// matching holds for a text in which the regular expression matches somewhere. Patterns have no single quote.
func matching(pattern string) textRule {
	re := regexp.MustCompile(pattern)
	return textRule{re.MatchString, func(o string) string { return o + ".matches(r'" + pattern + "')" }}
}

// containing gives rules that hold for a text with one of the parts. Parts with a separator in common are only looked for in a text that
// has it: most values have few of them.
func containing(parts ...string) []textRule {
	var rules []textRule
	for _, separator := range []string{"_", "-", ".", ""} {
		var group []textRule
		parts = slices.DeleteFunc(slices.Clone(parts), func(p string) bool {
			mine := strings.Contains(p, separator)
			if mine {
				group = append(group, having(p))
			}
			return mine
		})
		switch {
		case len(group) > 2 && separator != "":
			rules = append(rules, allOf(having(separator), anyOf(group...)))
		default:
			rules = append(rules, group...)
		}
	}
	return rules
}

func having(part string) textRule {
	return textRule{
		func(text string) bool { return strings.Contains(text, part) },
		func(o string) string { return o + ".contains('" + part + "')" },
	}
}

func least(n int) textRule {
	return textRule{
		func(text string) bool { return utf8.RuneCountInString(text) >= n },
		func(o string) string { return fmt.Sprintf("%s.size() >= %d", o, n) },
	}
}

// sized holds for a text of at most so many code points for which the rule holds.
func sized(r textRule, most int) textRule {
	return allOf(textRule{
		func(text string) bool { return utf8.RuneCountInString(text) <= most },
		func(o string) string { return fmt.Sprintf("%s.size() <= %d", o, most) },
	}, r)
}

func not(r textRule) textRule {
	return textRule{func(text string) bool { return !r.holds(text) }, func(o string) string { return "!" + r.cel(o) }}
}

func allOf(rules ...textRule) textRule {
	return textRule{func(text string) bool {
		for _, r := range rules {
			if !r.holds(text) {
				return false
			}
		}
		return true
	}, joined(" && ", rules)}
}

func anyOf(rules ...textRule) textRule {
	return textRule{func(text string) bool {
		for _, r := range rules {
			if r.holds(text) {
				return true
			}
		}
		return false
	}, joined(" || ", rules)}
}

func joined(operator string, rules []textRule) func(string) string {
	return func(o string) string {
		parts := make([]string, len(rules))
		for i, r := range rules {
			parts[i] = r.cel(o)
		}
		if len(parts) == 1 {
			return parts[0]
		}
		return "(" + strings.Join(parts, operator) + ")"
	}
}
