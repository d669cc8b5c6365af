// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// maxNameWords bounds the words of a name that are looked at; a longer name is
// judged by its last words, where its head noun is.
const maxNameWords = 24

// maxNameLength bounds the bytes of a name that are looked at, from its end.
const maxNameLength = 256

// claim is what a name says about its value.
type claim struct {
	noun wordRole // one of the credential nouns, or 0 if the name claims nothing
	// strong: the name leaves no doubt (DB_PASSWORD, OPENAI_API_KEY), so that even
	// a value a person made up counts. Weak: only a random-looking value does.
	strong bool
	plural bool // a list of credentials may follow
	// exact: a variable of an environment, whose value is nothing but its value.
	exact bool
}

// word is one lower-case word of a name.
type word struct {
	text string
	role wordRole
}

// nameWords holds the words of one name, on the stack.
type nameWords struct {
	words [maxNameWords]word
	n     int
}

// split cuts a name into lower-case words, at separators and at changes of case:
// spring.datasource.dbPassword gives spring, datasource, db, password.
func (w *nameWords) split(name string) []word {
	if len(name) > maxNameLength {
		name = name[len(name)-maxNameLength:]
	}
	lowered := lowerASCII(name)
	w.n = 0
	start := -1
	for i := range len(name) {
		if !alnum.has(name[i]) {
			w.push(lowered, start, i)
			start = -1
			continue
		}
		if start >= 0 && startsWord(name, i) {
			w.push(lowered, start, i)
			start = i
		}
		if start < 0 {
			start = i
		}
	}
	w.push(lowered, start, len(name))
	return w.words[:w.n]
}

// startsWord tells whether a new camelCase word begins at i: aB, or the last
// capital of a run before a small letter (HTTPServer).
func startsWord(name string, i int) bool {
	if !upper.has(name[i]) {
		return false
	}
	if !upper.has(name[i-1]) {
		return true
	}
	// "APIs", "IDs": a plural s does not make the capital before it a word.
	return i+1 < len(name) && lower.has(name[i+1]) && (name[i+1] != 's' || (i+2 < len(name) && lower.has(name[i+2])))
}

func (w *nameWords) push(lowered string, start, end int) {
	if start < 0 || start >= end {
		return
	}
	if w.n == maxNameWords {
		copy(w.words[:], w.words[1:])
		w.n--
	}
	text := lowered[start:end]
	w.words[w.n] = word{text: text, role: roleOf(text)}
	w.n++
}

// readName tells what a name claims. The head noun decides, as in English: the
// last word that is more than a qualifier. TOKEN_URL is a URL, URL_TOKEN a token.
func readName(name string) claim {
	var store nameWords
	words := store.split(name)
	if len(words) == 0 || clientSide(name) || digestName(words) || selector(name) {
		return claim{}
	}
	if strings.HasPrefix(name, "BUNDLE_") && strings.Contains(name, "__") {
		return claim{noun: isCredential} // Bundler's credentials of a gem server
	}
	if c := byWholeName(words); c.noun != 0 {
		return c
	}
	head, unknown := headOf(words)
	if head < 0 {
		return claim{}
	}
	c := qualify(words[:head], words[head])
	if c.noun == 0 || c.otherwise(words, head, unknown) {
		return claim{}
	}
	c.exact = len(words) > 1 && (upper | digit | dash).all(lastPart(name))
	if c.noun == isPassword && precededBy(words[head+1:], isStore, 3) {
		c.strong = false // PASSWORD_DB may be a database of passwords
	}
	if unknown {
		c.strong = c.strong && c.noun&(isPassword|isStrongKey) != 0
	}
	if annotationStyle(name) && c.noun&(isSecret|isAuth|isCredential) != 0 {
		c.strong = false
	}
	return c
}

// otherwise tells names that mean something else by the words around their head.
func (c claim) otherwise(words []word, head int, unknown bool) bool {
	switch {
	case c.noun == isPassword:
		return translation(words) // a label; the key of a translation service is a key all the same
	case c.noun == isKey && unknown && !c.strong:
		return true // KEY_DERIVATION
	case c.noun&(isKey|isStrongKey|isToken) != 0:
		return precededBy(words[head:], isPublic, 2) // KEY_PUBLIC
	}
	return false
}

// byWholeName knows names of credentials that say nothing by their grammar: Honeycomb's header x-honeycomb-team
// (https://docs.honeycomb.io/send-data/opentelemetry/), and the access code that chat front ends ask for.
func byWholeName(words []word) claim {
	for len(words) > 2 && words[len(words)-1].role&isNeutral != 0 {
		words = words[:len(words)-1]
	}
	if len(words) < 2 {
		return claim{}
	}
	switch before, last := words[len(words)-2].text, words[len(words)-1].text; {
	case before == "honeycomb" && last == "team":
		return claim{noun: isKey, strong: true}
	case before == "access" && last == "code":
		return claim{noun: isPassword}
	}
	return claim{}
}

// translation tells names of texts that are shown to people.
func translation(words []word) bool {
	for _, w := range words {
		switch w.text {
		case "i18n", "l10n", "i18", "l10", "translation", "translations", "locale", "locales":
			return true
		}
	}
	return false
}

// selector tells the key of a reference to a Secret object, as custom resources have it: clientSecret.key beside
// clientSecret.name.
func selector(name string) bool {
	leaf := lastPart(name)
	if leaf == name || leaf != "key" && leaf != "name" {
		return false
	}
	parent := lastPart(strings.TrimSuffix(name, "."+leaf))
	return len(parent) > len("Secret") && strings.HasSuffix(strings.TrimSuffix(parent, "Ref"), "Secret")
}

// digestName tells names of checksums: checksum/secret is the hash of a manifest.
func digestName(words []word) bool {
	for _, w := range words {
		switch w.text {
		case "checksum", "checksums", "digest", "fingerprint", "sha1", "sha256", "sha512", "md5", "integrity":
			return true
		}
	}
	return false
}

// headOf finds the head noun: behind it only neutral words, names of vendors, or
// at most one word that is not known, which is reported.
func headOf(words []word) (head int, unknown bool) {
	for i := len(words) - 1; i >= 0; i-- {
		role := words[i].role
		switch {
		case role&credentialNoun != 0:
			if !usedAsQualifier(words, i) {
				return i, unknown
			}
			return -1, false
		case role&isAttribute != 0 && role&isNeutral == 0 && role&isVendor == 0:
			return secretID(words, i), false
		case role&(isNeutral|isVendor) != 0:
		case unknown:
			return -1, false
		default:
			unknown = true
		}
	}
	return -1, false
}

// usedAsQualifier tells nouns that, although last, are no head: "session", "cookie"
// and "auth" before a neutral word are mostly adjectives (AUTH_SERVICE, SESSION_DB).
func usedAsQualifier(words []word, i int) bool {
	if i+1 < len(words) && words[i+1].text == "users" {
		return false // BASIC_AUTH_USERS: a list of user:password
	}
	return i < len(words)-1 && words[i].role&(isAuth|isCookie|isSeed) != 0 && words[i].role&isPassword == 0
}

// secretID recognises Vault AppRole's secret id, the one credential that is called
// an id (https://developer.hashicorp.com/vault/docs/auth/approle).
func secretID(words []word, i int) int {
	if i < 1 || words[i].text != "id" {
		return -1
	}
	// Vault's own VAULT_DEV_ROOT_TOKEN_ID is the token as well.
	if words[i-1].text == "token" && i > 1 && words[i-2].text == "root" {
		return i - 1
	}
	if words[i-1].text != "secret" {
		return -1
	}
	for _, w := range words[:i-1] {
		switch w.text {
		case "vault", "approle", "role", "bao", "openbao":
			return i - 1
		}
	}
	return -1
}

// qualify judges a head noun by the words before it, the nearest first.
func qualify(before []word, head word) claim {
	noun := head.role & credentialNoun
	c := claim{noun: noun, plural: len(head.text) > 3 && head.text[len(head.text)-1] == 's'}
	switch {
	case noun&isPassword != 0:
		c.noun = isPassword
		c.strong = !precededBy(before, isVerb, 1) || len(before) == 0
		if ambiguousPassword(before, head) {
			c.noun, c.strong = 0, false
		}
	case noun&isStrongKey != 0:
		c.noun = isStrongKey
		c.strong = true
		if precededBy(before, isPublic, 3) {
			return claim{}
		}
	case noun&isSecret != 0:
		c.noun = isSecret
		c.strong = secretIsStrong(before, head)
	case noun&isToken != 0:
		c = qualifyToken(c, before, head)
	case noun&isKey != 0:
		c = qualifyKey(c, before)
	case noun&isSeed != 0:
		c.noun = isSeed
		c.strong = head.text != "seed" || seedOfCredential(before)
	case noun&isCookie != 0:
		if head.text == "sid" && len(before) > 0 && before[len(before)-1].text != "connect" {
			return claim{} // TWILIO_ACCOUNT_SID: an identifier
		}
		c.noun = isCookie
		c.strong = len(before) > 0 && before[len(before)-1].text == "erlang"
	case noun&isAuth != 0:
		c.noun = isAuth
		c.strong = len(before) > 0 && before[len(before)-1].text == "rediscli"
	}
	return c
}

// precededBy tells whether one of the nearest n words has the role.
func precededBy(before []word, role wordRole, n int) bool {
	for i := len(before) - 1; i >= 0 && n > 0; i, n = i-1, n-1 {
		if before[i].role&role != 0 {
			return true
		}
	}
	return false
}

// ambiguousPassword tells uses of "pass" and "passkey" that are no password:
// nginx' proxy_pass, a build's first pass.
func ambiguousPassword(before []word, head word) bool {
	switch head.text {
	case "pass", "passkey":
	default:
		return false
	}
	if len(before) == 0 {
		return head.text == "passkey"
	}
	switch before[len(before)-1].text {
	case "proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached", "first", "second", "third", "last", "boarding",
		"single", "multi", "two", "one", "num", "by", "render", "season", "day", "hall", "low", "high", "band":
		return true
	}
	return false
}

func secretIsStrong(before []word, head word) bool {
	if head.text == "secrets" || head.text == "hmac" {
		return false
	}
	if precededBy(before, isSecretInnocent, 2) {
		return false
	}
	return precededBy(before, isSecretQualifier|isVendor, 2)
}

func qualifyToken(c claim, before []word, head word) claim {
	c.noun = isToken
	if precededBy(before, isTokenInnocent, 2) || precededBy(before, isPublic, 2) {
		return claim{}
	}
	switch head.text {
	case "pat", "jwt":
		c.strong = precededBy(before, isVendor, 2)
	case "tokens":
		c.strong = false
	default:
		c.strong = precededBy(before, isKeyQualifier|isSecretQualifier|isVendor, 2) || len(before) == 0
	}
	return c
}

func qualifyKey(c claim, before []word) claim {
	c.noun = isKey
	if len(before) == 0 || precededBy(before, isPublic, 3) {
		return claim{}
	}
	nearest := before[len(before)-1]
	if precededBy(before, isStrongKey, 2) || nearest.text == "routing" && len(before) > 1 && before[len(before)-2].text == "pagerduty" {
		return c // APIKEY_ALLOWED_KEYS, PAGERDUTY_ROUTING_KEY
	}
	if nearest.role&isKeyQualifier == 0 && nearest.role&(isKeyInnocent|isPassword|isPin) != 0 {
		return claim{}
	}
	if searchOnly(before) {
		return claim{}
	}
	c.strong = nearest.role&(isKeyQualifier|isVendor) != 0
	return c
}

// searchOnly tells Algolia's and its kin's keys that are made to be public:
// SEARCH_API_KEY, SEARCH_ONLY_KEY (https://www.algolia.com/doc/guides/security/api-keys/).
func searchOnly(before []word) bool {
	for i := len(before) - 1; i >= 0 && i >= len(before)-3; i-- {
		if before[i].text == "search" && (i+2 >= len(before) || before[i+1].text == "only") {
			return i > 0 || i+1 < len(before)
		}
	}
	return false
}

func seedOfCredential(before []word) bool {
	for _, w := range before {
		switch w.text {
		case "otp", "totp", "mfa", "wallet", "hd", "bip39", "2fa", "key", "nats", "nkey":
			return true
		}
	}
	return false
}

// clientSide tells names that a framework's build copies into every page, so that
// their value is public by design. A known shape under such a name still counts.
// Sources: Next.js, Vite, Create React App, Nuxt, Expo, Gatsby, SvelteKit, Vue CLI.
func clientSide(name string) bool {
	name = lastPart(name)
	for _, prefix := range []string{
		"NEXT_PUBLIC_", "VITE_", "REACT_APP_", "NUXT_PUBLIC_", "EXPO_PUBLIC_", "GATSBY_", "PUBLIC_", "VUE_APP_",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// annotationStyle tells Kubernetes' qualified names (example.com/auth-secret), whose
// "secret" is most often the name of a Secret object.
func annotationStyle(name string) bool {
	domain, _, found := strings.Cut(name, "/")
	return found && strings.Contains(domain, ".")
}
