// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	issuer   = "chatbot"
	audience = "chatbot-api"
	mainKey  = "main" // the kid
	// keyFolder is where a kid would be a file, under the weakness jwt-kid-path-traversal.
	keyFolder = "/var/lib/chatbot/keys"
)

// errMalformed says that a token cannot be read at all.
var errMalformed = errors.New("not a token")

// claims are what a token says. Everything that came from one login carries its id.
type claims struct {
	jwt.RegisteredClaims
	Login string `json:"sid"`
}

// keys sign tokens: one text for HS256, or a pair for RS256.
type keys struct {
	method string
	text   string
	pair   *rsa.PrivateKey
	public string // PEM
	// seen are the signatures that were good once, for the weakness JWTSignatureSwapped.
	mu   sync.Mutex
	seen map[string]bool
}

func (a *App) makeKeys() (*keys, error) {
	k := &keys{method: cmp.Or(a.cfg.Signing, HS256), text: randomText(), seen: map[string]bool{}}
	switch {
	case a.weak(JWTHSRSConfusion):
		k.method = RS256
	case a.weak(JWTWeakKey):
		k.method, k.text = HS256, "secret"
	case a.weak(JWTWeakKeyName):
		k.method, k.text = HS256, "changeme"
	case a.anyWeak(JWTKidPathTraversal, JWTKidSQL):
		k.method = HS256
	}
	if k.method != HS256 && k.method != RS256 {
		return nil, fmt.Errorf("unknown signing %q; known are: %s, %s", k.method, HS256, RS256)
	}
	if k.method == HS256 {
		return k, nil
	}
	var err error
	if k.pair, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(&k.pair.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("write the public key: %w", err)
	}
	k.public = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	return k, nil
}

func (a *App) tokenLife() time.Duration {
	if a.odd(ShortLivedTokens) || a.weak(JWTExpiredAccepted) {
		return 2 * time.Second
	}
	return time.Hour
}

// issue makes a token for a user.
func (a *App) issue(u user, login string) (string, error) {
	now := a.now()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(a.keys.method), claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: u.ID, ID: newUUID(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(a.tokenLife())),
		},
		Login: login,
	})
	token.Header["kid"] = mainKey
	var key any = []byte(a.keys.text)
	if a.keys.method == RS256 {
		key = a.keys.pair
	}
	signed, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed, nil
}

// verify reads a token and tells whether to believe it.
func (a *App) verify(ctx context.Context, raw string) (claims, error) {
	head, payload, signature, err := split(raw)
	if err != nil {
		return claims{}, err
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(a.methods()),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(a.now),
	}
	if a.weak(JWTExpiredAccepted) {
		options = []jwt.ParserOption{jwt.WithValidMethods(a.methods()), jwt.WithoutClaimsValidation()}
	}
	if a.unsigned(head.Alg, signature) {
		return payload, jwt.NewValidator(options...).Validate(payload)
	}
	var believed claims
	if _, err := jwt.ParseWithClaims(raw, &believed, func(t *jwt.Token) (any, error) { return a.key(ctx, t) }, options...); err != nil {
		return claims{}, fmt.Errorf("verify a token: %w", err)
	}
	a.keys.mu.Lock()
	defer a.keys.mu.Unlock()
	if a.weak(JWTSignatureSwapped) {
		a.keys.seen[signature] = true
	}
	return believed, nil
}

// split reads a token without believing it.
func split(raw string) (head struct{ Alg string }, payload claims, signature string, err error) {
	parts := strings.Split(raw, ".")
	if len(parts) == 2 {
		parts = append(parts, "")
	}
	if len(parts) != 3 {
		return head, payload, "", errMalformed
	}
	for i, into := range []any{&head, &payload} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			return head, payload, "", errors.Join(errMalformed, err)
		}
	}
	return head, payload, parts[2], nil
}

// unsigned tells whether a weakness does without the signature.
func (a *App) unsigned(alg, signature string) bool {
	a.keys.mu.Lock()
	defer a.keys.mu.Unlock()
	return a.weak(JWTSignatureIgnored) ||
		a.weak(JWTAlgNone) && alg == "none" ||
		a.weak(JWTAlgNoneCase) && alg != "none" && strings.EqualFold(alg, "none") ||
		a.weak(JWTStrippedSignature) && signature == "" && !strings.EqualFold(alg, "none") ||
		a.weak(JWTSignatureSwapped) && a.keys.seen[signature]
}

// methods are the algorithms that tokens may have.
func (a *App) methods() []string {
	switch {
	case a.weak(JWTHSRSConfusion):
		return []string{RS256, HS256}
	case a.weak(JWTEmbeddedJWK):
		return []string{RS256, HS256, "ES256"}
	}
	return []string{a.keys.method}
}

// key finds the key that a token must be signed with.
func (a *App) key(ctx context.Context, t *jwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	if embedded, ok := t.Header["jwk"].(map[string]any); ok && a.weak(JWTEmbeddedJWK) {
		return embeddedKey(embedded)
	}
	if a.weak(JWTKidPathTraversal) && kid != mainKey {
		return keyFile(kid)
	}
	if a.weak(JWTKidSQL) {
		text, err := one(ctx, a.store, scanText, "SELECT key FROM signing_keys WHERE kid = '"+kid+"'")
		return []byte(text), err
	}
	if kid != mainKey && kid != "" {
		return nil, fmt.Errorf("unknown key %q", kid)
	}
	switch {
	case a.keys.method == HS256 && t.Method.Alg() == HS256:
		return []byte(a.keys.text), nil
	case t.Method.Alg() == HS256 && a.weak(JWTHSRSConfusion):
		return jwt.VerificationKeySet{Keys: []jwt.VerificationKey{
			[]byte(a.keys.public), []byte(strings.TrimSpace(a.keys.public)),
		}}, nil
	case a.keys.pair != nil && t.Method.Alg() == RS256:
		return &a.keys.pair.PublicKey, nil
	}
	return nil, errors.New("no key for this algorithm")
}

// keyFile reads the file that a kid names. What is read is used as a key, and told to nobody.
func keyFile(kid string) ([]byte, error) {
	name := path.Join(keyFolder, kid)
	if path.IsAbs(kid) {
		name = kid
	}
	file, err := os.Open(name) //nolint:gosec // a weakness
	if err != nil {
		return nil, fmt.Errorf("open a key: %w", err)
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, 4096)) // some files have no end
}

// embeddedKey reads a key that came in a token's header (RFC 7515 §4.1.3).
func embeddedKey(jwk map[string]any) (any, error) {
	part := func(name string) []byte {
		text, _ := jwk[name].(string)
		data, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			return nil
		}
		return data
	}
	number := func(name string) *big.Int { return new(big.Int).SetBytes(part(name)) }
	switch jwk["kty"] {
	case "oct":
		return part("k"), nil
	case "RSA":
		return &rsa.PublicKey{N: number("n"), E: int(number("e").Int64())}, nil
	case "EC":
		point := slices.Concat([]byte{4}, part("x"), part("y"))
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	}
	return nil, errors.New("unknown kind of key")
}

// jwks gives the public key; with HS256 there is none.
func (a *App) jwks(c *call) error {
	list := []any{}
	if a.keys.pair != nil {
		public := a.keys.pair.PublicKey
		list = append(list, fields{
			"kty": "RSA", "use": "sig", "alg": RS256, "kid": mainKey,
			"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
		})
	}
	return a.json(c, http.StatusOK, fields{"keys": list})
}
