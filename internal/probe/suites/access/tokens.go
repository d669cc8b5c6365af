// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"hash"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// token is a JSON Web Token in compact form (RFC 7519, RFC 7515 §3.1), taken apart.
type token struct {
	raw                        string
	header                     map[string]any
	claims                     map[string]any
	headerPart, claimsPart, by string
}

var tokenPattern = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)

// parseTokens finds the tokens in a text.
func parseTokens(text string) []token {
	var found []token
	for _, raw := range tokenPattern.FindAllString(text, -1) {
		parts := strings.Split(raw, ".")
		t := token{raw: raw, headerPart: parts[0], claimsPart: parts[1], by: parts[2]}
		if decodePart(parts[0], &t.header) && decodePart(parts[1], &t.claims) {
			found = append(found, t)
		}
	}
	return found
}

func decodePart(part string, into any) bool {
	data, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(data, into) == nil
}

func encodePart(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// tokens are those that the person's session carries.
func (p *person) tokens() []token {
	var found []token
	for _, values := range p.headers {
		found = append(found, parseTokens(strings.Join(values, " "))...)
	}
	for _, value := range p.cookies(p.at.Target) {
		found = append(found, parseTokens(value)...)
	}
	return found
}

func (t token) alg() string {
	alg, _ := t.header["alg"].(string)
	return alg
}

// expires gives when the token expires; zero where it does not say.
func (t token) expires() time.Time {
	exp, ok := t.claims["exp"].(float64)
	if !ok {
		return time.Time{}
	}
	return time.Unix(int64(exp), 0)
}

// with gives the header with other entries.
func (t token) with(entries map[string]any) map[string]any {
	header := maps.Clone(t.header)
	for name, value := range entries {
		if value == nil {
			delete(header, name)
		} else {
			header[name] = value
		}
	}
	return header
}

// hashes of the HMAC algorithms. RFC 7518 §3.2.
var hashes = map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}

// signed gives a token of these claims, signed by HMAC.
func (t token) signed(header map[string]any, key []byte) string {
	alg, _ := header["alg"].(string)
	newHash, ok := hashes[alg]
	if !ok {
		newHash, header = sha256.New, t.with(map[string]any{"alg": "HS256"})
	}
	input := encodePart(header) + "." + t.claimsPart
	mac := hmac.New(newHash, key)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// weakKeys are keys that examples, frameworks and tutorials ship, and what people type; the app's host and the like are added.
var weakKeys = strings.Fields(`secret secretkey secret_key secret-key mysecret my_secret my-secret mysecretkey my_secret_key my-secret-key
	supersecret super_secret super-secret super-secret-key supersecretkey topsecret top-secret verysecret very-secret shhhhh shhh s3cr3t secret123 secret1 secrets
	changeme change_me change-me changeit change-this changethis change-in-production please-change-me replace-me replaceme
	key jwt jwtkey jwt_key jwt-key jwtsecret jwt_secret jwt-secret jwt-secret-key JWT_SECRET JWTSECRET jwtSecret token tokensecret token_secret signing-key signingkey
	password passw0rd password1 password123 pass admin admin123 root toor test test123 testing tests example demo dev development local localhost staging prod production
	123456 12345678 123456789 1234567890 0123456789 111111 000000 qwerty qwerty123 abc123 abcdef abcd1234 letmein iloveyou monkey dragon
	default none null undefined empty string private privatekey private_key public app application api apikey api_key api-key server backend session sessionsecret session_secret session-secret
	keyboard-cat keyboardcat flask django django-insecure express nest nestjs next nextjs laravel spring rails node fastapi supabase firebase hasura strapi chat chatbot chatgpt openai bot
	your-256-bit-secret your-384-bit-secret your-512-bit-secret your_secret your-secret your_secret_key your-secret-key your-jwt-secret your_jwt_secret yoursecret
	a-string-secret-at-least-256-bits-long AllYourBase foo bar foobar baz hello hello-world helloworld world x xxx k`)

// otherWeakKeys hold a space.
var otherWeakKeys = []string{"", "keyboard cat", "my secret", "super secret", "change me", "secret key"}

// weakKeyOf gives the key of the list that a token is signed with. It is found without a single request.
func (t token) weakKeyOf(more ...string) ([]byte, bool) {
	newHash, ok := hashes[t.alg()]
	if !ok {
		return nil, false
	}
	by, err := base64.RawURLEncoding.DecodeString(t.by)
	if err != nil {
		return nil, false
	}
	input := []byte(t.headerPart + "." + t.claimsPart)
	for _, candidate := range slices.Concat(weakKeys, otherWeakKeys, more) {
		keys := [][]byte{[]byte(candidate), []byte(strings.ToUpper(candidate)), []byte(base64.StdEncoding.EncodeToString([]byte(candidate)))}
		if candidate != "" {
			keys = append(keys, []byte(strings.ToUpper(candidate[:1])+candidate[1:]), []byte(candidate+"!"))
		}
		for _, key := range keys {
			mac := hmac.New(newHash, key)
			mac.Write(input)
			if hmac.Equal(mac.Sum(nil), by) {
				return key, true
			}
		}
	}
	return nil, false
}

// forgery is a token that its verifier must not take.
type forgery struct{ trick, raw string }

// broken are tokens without a valid signature. RFC 8725 §2.1.
func (t token) broken(other *token) []forgery {
	all := []forgery{
		{"with another signature", t.headerPart + "." + t.claimsPart + "." + flipped(t.by)},
		{"with an empty signature", t.headerPart + "." + t.claimsPart + "."},
		{"without its signature", t.headerPart + "." + t.claimsPart},
		{"with a changed claim", t.headerPart + "." + encodePart(withClaim(t.claims)) + "." + t.by},
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
		header := encodePart(t.with(map[string]any{"alg": none}))
		all = append(all, forgery{"with alg " + quoted(none), header + "." + t.claimsPart + "."})
		if none == "none" {
			all = append(all, forgery{"with alg none and a signature", header + "." + t.claimsPart + "." + t.by})
		}
	}
	all = append(all, forgery{"without alg", encodePart(t.with(map[string]any{"alg": nil})) + "." + t.claimsPart + "." + t.by})
	if other != nil {
		all = append(all, forgery{"with the signature of another's token", t.headerPart + "." + t.claimsPart + "." + other.by})
	}
	return all
}

// withClaim gives the claims with one more, so that the signature is none of theirs.
func withClaim(claims map[string]any) map[string]any {
	changed := maps.Clone(claims)
	changed["lr"] = 1
	return changed
}

// flipped changes a character in the middle, where every bit counts.
func flipped(text string) string {
	if text == "" {
		return "AAAA"
	}
	b := []byte(text)
	i := len(b) / 2
	if b[i]|0x20 == 'a' { // another letter, not the same one in capitals
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

// forged are tokens signed with a key that the forger knows.
func (t token) forged(public []publicKey) []forgery {
	var all []forgery
	for _, kid := range []struct {
		name, value string
		keys        [][]byte
	}{
		{"with a kid that leads to an empty file", "../../../../../../../../dev/null", [][]byte{{}, {0}}},
		{"with a kid that leads to an empty file, absolute", "/dev/null", [][]byte{{}, {0}}},
		{"with an empty kid", "", [][]byte{{}}},
		{"with a kid that closes a query", "lr' UNION SELECT 'lr", [][]byte{[]byte("lr")}},
		{"with a kid that closes a query and comments the rest out", "lr' UNION SELECT 'lr' -- ", [][]byte{[]byte("lr")}},
		{"with a kid that closes a query in double quotes", `lr" UNION SELECT "lr" -- `, [][]byte{[]byte("lr")}},
	} {
		for _, key := range kid.keys {
			all = append(all, forgery{kid.name, t.signed(t.with(map[string]any{"alg": "HS256", "kid": kid.value}), key)})
		}
	}
	for _, key := range public {
		for _, form := range key.forms() {
			all = append(all, forgery{"with the public key as HMAC key", t.signed(t.with(map[string]any{"alg": "HS256"}), form)})
		}
	}
	if raw, err := t.embedded(); err == nil {
		all = append(all, forgery{"with a key of its own in jwk", raw})
	}
	return all
}

// forgingKey is a key that no app knows. It is made once: that takes a tenth of a second.
var forgingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// embedded signs with that key, and puts it into the header. RFC 7515 §4.1.3.
func (t token) embedded() (string, error) {
	key, err := forgingKey()
	if err != nil {
		return "", err
	}
	jwk := map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "lr",
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}
	input := encodePart(t.with(map[string]any{"alg": "RS256", "kid": "lr", "jwk": jwk})) + "." + t.claimsPart
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// publicKey is an RSA key of a JSON Web Key Set.
type publicKey struct {
	key *rsa.PublicKey
	raw json.RawMessage
}

// parseKeys reads a JSON Web Key Set. RFC 7517 §5.
func parseKeys(body []byte) []publicKey {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return nil
	}
	var found []publicKey
	for _, raw := range doc.Keys {
		var jwk struct{ Kty, N, E string }
		if json.Unmarshal(raw, &jwk) != nil || jwk.Kty != "RSA" {
			continue
		}
		n, errN := base64.RawURLEncoding.DecodeString(jwk.N)
		e, errE := base64.RawURLEncoding.DecodeString(jwk.E)
		if errN != nil || errE != nil || len(e) > 4 {
			continue
		}
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		found = append(found, publicKey{key: key, raw: raw})
	}
	return found
}

// forms are the byte strings that a library may take for the key: PEM of both kinds, with and without a line's end, and DER.
func (k publicKey) forms() [][]byte {
	pkix, err := x509.MarshalPKIXPublicKey(k.key)
	if err != nil {
		return nil
	}
	pkcs1 := x509.MarshalPKCS1PublicKey(k.key)
	var forms [][]byte
	for _, block := range []*pem.Block{{Type: "PUBLIC KEY", Bytes: pkix}, {Type: "RSA PUBLIC KEY", Bytes: pkcs1}} {
		text := pem.EncodeToMemory(block)
		forms = append(forms, text, []byte(strings.TrimSpace(string(text))))
	}
	return append(forms, pkix, pkcs1, k.raw)
}

// keySetPaths are where key sets are published. RFC 8414 §3, OpenID Connect Discovery 1.0 §4.
var keySetPaths = []string{"/.well-known/jwks.json", "/jwks.json", "/.well-known/openid-configuration/jwks", "/oauth/jwks", "/oauth2/jwks", "/api/jwks", "/api/auth/jwks", "/auth/jwks"}
