// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// place is where a named value stands, which changes what its form may mean.
type place uint8

const (
	// inSetting: a setting of its own (an environment variable): the value is exact.
	inSetting place = iota
	// inQuotes: a quoted string of a file.
	inQuotes
	// bareInFile: an unquoted value of a file, which may be code or a type.
	bareInFile
	// inComment, or behind a name with only a space between: prose is likely, so only
	// a value that no word can be counts.
	inComment
)

// maxCredential is the longest value that a name convicts. Beyond it are documents,
// which known shapes and the names inside them judge.
const maxCredential = 4096

// credential tells whether v is a credential, given what its name claims: the value
// must have a credential's shape. It returns the part that is the secret.
func credential(c claim, v string, where place) (string, bool) {
	v = strings.TrimSpace(v)
	if c.noun == 0 || len(v) < 3 || len(v) > maxCredential {
		return "", false
	}
	if c.noun == isPin {
		return v, digit.all(v) && len(v) >= 4 && len(v) <= 12 && !filler(v)
	}
	if (c.plural || c.noun == isAuth) && v[0] != '{' {
		if s, ok := credentialInList(c, v, where); ok {
			return s, true
		}
	}
	if t := parseTemplate(v); t.found {
		return credentialInTemplate(c, t, where)
	}
	if s, ok := credentialOfPair(c, v); ok {
		return s, true
	}
	if c.noun != isPassword && holdsPair(v) {
		return "", false // etcd's --auth-token: jwt,priv-key=path
	}
	if weakPassword(c, v, where) {
		return v, true
	}
	if Placeholder(v) || innocent(v) && !slashedPassword(c, v, where) {
		return "", false
	}
	return v, shaped(c, v, where)
}

// credentialOfPair judges user:password, which a token may be as well.
func credentialOfPair(c claim, v string) (string, bool) {
	pw, ok := pairPassword(v)
	switch {
	case !ok:
	case c.noun == isAuth, c.noun == isCredential:
		return pw, true
	case c.strong && c.noun == isToken && (mixed(pw) || caseChanges(pw) > 0):
		return pw, !innocent(v) && !Placeholder(v)
	}
	return "", false
}

// holdsPair tells name=value, alone or in a list: what is inside is judged by its own names. Base64 has its equals signs
// at the end.
func holdsPair(v string) bool {
	i := strings.IndexByte(v, '=')
	return i > 0 && i+2 < len(v) && v[i+1] != '=' && identifier(v[:i]) || listOfPairs(v)
}

// variable tells that the value is one of an environment: it is in force as it stands.
func (c claim) variable(where place) bool { return where == inSetting || c.exact && where != inComment }

// slashedPassword tells a password with a slash in it from a path: it has capitals, and does not begin or end as paths do.
func slashedPassword(c claim, v string, where place) bool {
	left, right, ok := strings.Cut(v, "/")
	return ok && c.noun == isPassword && c.strong && c.variable(where) && (alnum | dash).all(left) && (alnum | dash).all(right) &&
		has(left, upper) && has(left, lower) && has(right, upper) && has(right, lower)
}

// weakPasswords are words that say what they are, and are what many a database is really opened with.
var weakPasswords = wordSet("password passwd pass passwort secret test guest admin root")

// weakPassword tells such a word where it is in force: as the value of a variable that is a password by its name, or
// a secret to sign with. Under "key" it would rather be the name of a key of an object.
func weakPassword(c claim, v string, where place) bool {
	if !c.strong || !c.variable(where) {
		return false
	}
	if !inSet(weakPasswords, v) {
		return c.noun == isPassword && c.exact && digit.all(v) && len(v) >= 4 && !filler(v)
	}
	return c.noun == isPassword || c.exact && c.noun == isSecret && !inSet(providers, v)
}

// credentialInTemplate judges a value with references in it: a typed default, or a
// long random piece between the references.
func credentialInTemplate(c claim, t template, where place) (string, bool) {
	for _, def := range t.defaults {
		if !parseTemplate(def).found && len(t.literals) == 0 {
			if s, ok := credential(claim{noun: c.noun, strong: c.strong}, def, where); ok {
				return s, true
			}
		}
	}
	return t.literalSecret()
}

// credentialInList judges a,b,c under a plural name.
func credentialInList(c claim, v string, where place) (string, bool) {
	if strings.IndexByte(v, ',') < 0 {
		return "", false
	}
	single := claim{noun: c.noun, strong: c.strong}
	for item := range strings.SplitSeq(v, ",") {
		if s, ok := credential(single, strings.Trim(item, ` "'[]`), where); ok {
			return s, true
		}
	}
	return "", false
}

// shaped tells whether a value that is neither innocent nor a placeholder has the
// shape of the credential that its name claims.
func shaped(c claim, v string, where place) bool {
	if strings.ContainsAny(v, " \t\n") {
		return c.strong && (passphrase(v, where) || c.noun == isPassword && (appPassword(v) || spacedPassword(v) && (c.variable(where) || where == inQuotes && mixedWord(strings.Fields(v)))))
	}
	if nonASCII(v) {
		return c.noun == isPassword && c.strong && where != inComment && mixed(v)
	}
	if where == inComment {
		v = strings.TrimRight(v, ".,:;!?")
		return len(v) >= 6 && mixed(v) && !wordPath(v) && (c.strong || randomToken(v, 16))
	}
	if where == bareInFile && codeLike(v) {
		return false
	}
	if c.strong {
		return shapedForSure(c, v, where)
	}
	return shapedPerhaps(c, v, where)
}

// shapedForSure asks little of the value, since its name leaves no doubt.
func shapedForSure(c claim, v string, where place) bool {
	switch c.noun {
	case isPassword:
		return passwordShape(v, where)
	case isSecret, isToken, isStrongKey, isKey:
		return strongShape(c, v, where)
	case isSeed:
		return randomToken(v, 12) || mixed(v) && len(v) >= 8
	}
	return looseShape(v)
}

// shapedPerhaps asks more, since the name may mean something else: SECRET the name of
// an object, KEY a key of a map, AUTH a method.
func shapedPerhaps(c claim, v string, where place) bool {
	switch c.noun {
	case isPassword:
		return passwordShape(v, where) && mixed(v)
	case isSecret:
		return looseShape(v) || len(v) >= 8 && mixed(v) && noObjectName(v)
	case isToken, isStrongKey:
		return looseShape(v)
	case isKey:
		return randomToken(v, 20)
	case isAuth, isCookie, isCredential:
		return randomToken(v, 16) || where != bareInFile && len(v) >= 8 && mixed(v) && !wordy(v)
	}
	return false
}

// passwordShape: people choose anything for a password, so whatever is left counts,
// save small numbers and words that are labels.
func passwordShape(v string, where place) bool {
	if len(v) < 4 {
		return false
	}
	if digit.all(v) {
		return len(v) >= 6
	}
	if where != inSetting && inSet(labels, v) {
		return false
	}
	return true
}

// labels are what translations and forms show beside a field for a password.
var labels = wordSet(`passwort kennwort contraseña contrasena senha wachtwoord parola lösenord adgangskode salasana
	heslo hasło jelszó sifre şifre pincode username user email login submit cancel confirm current new old forgot
	reset password passcode token jeton secret geheim segreto secreto key`)

// strongShape: the name leaves no doubt that it is a secret, token or key; the value
// must still not read as a mode, a provider or the name of an object.
func strongShape(c claim, v string, where place) bool {
	if inSet(providers, v) {
		return false
	}
	if digit.all(v) {
		return len(v) >= 8
	}
	if looseShape(v) {
		return true
	}
	if len(v) < 8 || !wordy(v) {
		return len(v) >= 8
	}
	if c.exact && c.variable(where) && c.noun&(isKey|isStrongKey) != 0 && twoWords(v) {
		return true // no object is called by an API key
	}
	if where == bareInFile && c.noun == isSecret && objectName(v) {
		return false
	}
	return madeOfWords(v)
}

// twoWords tells two words of which neither says what they are: dify-sandbox, as against signing-key and user-id.
func twoWords(v string) bool {
	var store nameWords
	words := store.split(v)
	if len(words) != 2 {
		return false
	}
	for _, w := range words {
		if len(w.text) < 4 || w.role != 0 && w.role != isVendor {
			return false
		}
	}
	return true
}

// madeOfWords judges secrets that a person wrote in words: supersecret,
// my-super-secret-jwt-key, correct-horse-battery. The name of an object, a header or
// a key (csrf-token, chat-tls, user_id) must not be one: it has at most two words, or
// ends in what it is.
func madeOfWords(v string) bool {
	var store nameWords
	words := store.split(v)
	if len(words) == 0 {
		return false // marks and nothing else
	}
	if len(words) == 1 {
		return len(v) >= 8 && !strings.ContainsAny(v, "-_.")
	}
	boast := false
	for _, w := range words {
		switch w.text {
		case "super", "very", "secret", "secure", "top", "ultra", "mega", "shh", "private", "dont", "nobody":
			boast = true
		}
	}
	last := words[len(words)-1].role
	if last&(credentialNoun|isAttribute) != 0 || objectName(v) {
		return boast && len(words) >= 3
	}
	return boast || len(words) >= 3
}

// objectName tells the name of a Kubernetes Secret: a DNS label of words that ends in
// what it holds.
func objectName(v string) bool {
	if strings.Count(v, "-") > 5 {
		return false // a phrase
	}
	for i := range len(v) {
		if !lower.has(v[i]) && !digit.has(v[i]) && v[i] != '-' && v[i] != '.' {
			return false
		}
	}
	i := strings.LastIndexAny(v, "-.")
	if i < 0 {
		return false
	}
	switch v[i+1:] {
	case "secret", "secrets", "tls", "cert", "certs", "creds", "credentials", "auth", "token", "tokens", "key", "keys",
		"password", "passwords", "config", "env", "registry", "pull", "ca":
		return true
	}
	return false
}

// noObjectName tells values that no Kubernetes object can be called by: they have
// capitals or symbols.
func noObjectName(v string) bool {
	return has(v, upper) || strings.ContainsAny(v, "!@#$%^&*+=~")
}

// looseShape: letters and digits together as no word, number or version has them, or
// a random token.
func looseShape(v string) bool {
	if randomToken(v, 16) {
		return true
	}
	return len(v) >= 6 && mixed(v) && !wordy(v) || humanMix(v)
}

// humanMix tells words with digits or symbols put in as people do: hunter2-correct,
// Summer2024!, s3cr3t, P@ssw0rd.
func humanMix(v string) bool {
	if len(v) < 6 {
		return false
	}
	if strings.ContainsAny(v, "!@#$%^&*") && letterIn(v) {
		return true
	}
	// A word with digits behind it, beside another word: hunter2-correct. Names of
	// versions and regions have short numbers too, so a region or version is left out.
	return wordWithDigits(v) && !objectName(v)
}

// wordWithDigits tells hunter2: five letters or more, then digits, in a value of at
// most three parts that is no version, region or host.
func wordWithDigits(v string) bool {
	found := false
	parts := 0
	for i := 0; i < len(v); {
		if !alnum.has(v[i]) {
			i++
			continue
		}
		j := alnum.run(v, i)
		part := v[i:j]
		parts++
		n := letter.run(part, 0)
		if n >= 5 && n < len(part) && digit.all(part[n:]) && !inSet(modes, part) {
			found = true
		}
		i = j
	}
	return found && parts <= 3
}

func letterIn(v string) bool {
	return has(v, letter)
}

// has tells whether a character of the set is in v.
func has(v string, set charset) bool {
	for i := range len(v) {
		if set.has(v[i]) {
			return true
		}
	}
	return false
}

// mixed tells letters together with digits or symbols.
func mixed(v string) bool {
	hasLetter, hasOther := false, false
	for i := range len(v) {
		switch {
		case letter.has(v[i]):
			hasLetter = true
		case digit.has(v[i]) || strings.IndexByte("!@#$%^&*+=?~", v[i]) >= 0:
			hasOther = true
		}
	}
	return hasLetter && hasOther
}

func nonASCII(v string) bool {
	for i := range len(v) {
		if v[i] >= 0x80 {
			return true
		}
	}
	return false
}

// codeLike tells unquoted code: self.token, user.password, DefaultToken{}, a type with
// a mark of null (String!, string?), a union of types.
func codeLike(v string) bool {
	v = strings.TrimRight(v, ",;")
	i := 0
	for i < len(v) && (alnum.has(v[i]) || strings.IndexByte("_.$:?", v[i]) >= 0) {
		i++
	}
	if i > 1 && i < len(v) && (v[i] == '(' && (i+1 == len(v) || v[i+1] != '!') || v[i] == '<' && i+1 < len(v) && letter.has(v[i+1])) && (letter.has(v[0]) || v[0] == '_') {
		return true // a call or a generic type
	}
	if strings.HasSuffix(v, "()") || strings.HasSuffix(v, "{") || strings.HasSuffix(v, "(") || strings.HasSuffix(v, "[]") {
		return true
	}
	if strings.Contains(v, "|") || strings.Contains(v, "->") || strings.Contains(v, "&&") {
		return !strings.ContainsAny(v, "0123456789")
	}
	if bare := strings.TrimRight(v, "!?"); inSet(modes, bare) || typeNames[bare] {
		return true
	}
	left, right, dotted := strings.Cut(v, ".")
	return dotted && letter.all(left) && identifier(right) && !strings.ContainsAny(v, "0123456789")
}

// typeNames are types for credentials in the languages that configuration is written in.
var typeNames = wordSet(`SecretStr SecretBytes SecretString Option Optional Secret String Buffer Uint8Array CharSequence
	ByteString Password PasswordField CharField TextField StringField Maybe Sensitive Token Key Bytes StringVar
	EncryptedField SecureString`)

// pairPassword returns the password of user:password.
func pairPassword(v string) (string, bool) {
	user, pw, ok := strings.Cut(v, ":")
	if !ok || user == "" || len(pw) < 3 || strings.HasPrefix(pw, "//") || pw[0] == ':' || strings.ContainsAny(user, " \t/\"'{}[]") ||
		strings.ContainsAny(pw, " \t") {
		return "", false
	}
	if digit.all(pw) && len(pw) <= 5 || measure(pw) || Placeholder(pw) || parseTemplate(pw).found || innocent(v) || scope(v) {
		return "", false
	}
	if digit.all(user) && digit.all(pw) || pathLike(pw) && strings.HasPrefix(pw, "/") {
		return "", false
	}
	return pw, true
}
