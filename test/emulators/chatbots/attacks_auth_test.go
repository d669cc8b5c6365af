// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/golang-jwt/jwt/v5"

	"github.com/launchready/launchready/test/emulators/chatbots"
)

// nobodyGets makes an attack by one GET without credentials.
func nobodyGets(weakness string, path func(x *rig) string) attack {
	return attack{weakness: weakness, run: func(x *rig) bool { return x.get("", path(x)).has("badger") }}
}

func at(path string) func(*rig) string { return func(*rig) string { return path } }

// forges makes an attack that reads bob's account with a token that forge made of alice's; and then it is bob's, else
// it would be no more than a token of alice's.
func forges(weakness string, cfg chatbots.Config, forge func(x *rig, token string) string) attack {
	return attack{weakness: weakness, cfg: cfg, run: func(x *rig) bool {
		forged := forge(x, x.token("alice"))
		return x.get("", "/api/me", header("Authorization: Bearer "+forged)).has("bob@globex.example")
	}}
}

// asBob is a token's claims with bob in the place of alice.
func asBob(x *rig, token string) jwt.MapClaims {
	x.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		x.Fatal(err)
	}
	claims["sub"] = x.userID("bob")
	return claims
}

func segment(x *rig, value any) string {
	x.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		x.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// signed makes a token for bob with a key of the attacker's choice.
func signed(x *rig, token string, method jwt.SigningMethod, key any, head map[string]any) string {
	x.Helper()
	t := jwt.NewWithClaims(method, asBob(x, token))
	maps.Copy(t.Header, head)
	text, err := t.SignedString(key)
	if err != nil {
		x.Fatal(err)
	}
	return text
}

func signedBy(key string) func(*rig, string) string {
	return func(x *rig, token string) string {
		return signed(x, token, jwt.SigningMethodHS256, []byte(key), map[string]any{"kid": "main"})
	}
}

func withAlg(alg string) func(*rig, string) string {
	return func(x *rig, token string) string {
		return segment(x, map[string]string{"alg": alg, "typ": "JWT"}) + "." + segment(x, asBob(x, token)) + "."
	}
}

// publicPEM is what anybody can make of the key set.
func publicPEM(x *rig) []byte {
	x.Helper()
	var set struct{ Keys []struct{ N, E string } }
	if err := json.Unmarshal([]byte(x.get("", "/.well-known/jwks.json").text), &set); err != nil || len(set.Keys) != 1 {
		x.Fatal(err, set)
	}
	n, _ := base64.RawURLEncoding.DecodeString(set.Keys[0].N)
	e, _ := base64.RawURLEncoding.DecodeString(set.Keys[0].E)
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		x.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func withOwnKey(x *rig, token string) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		x.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		x.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	return signed(x, token, jwt.SigningMethodES256, key, map[string]any{
		"jwk": map[string]string{"kty": "EC", "crv": "P-256", "x": text(point[1:33]), "y": text(point[33:])},
	})
}

func withOwnPair(x *rig, token string) string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		x.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	return signed(x, token, jwt.SigningMethodRS256, key, map[string]any{"jwk": map[string]string{
		"kty": "RSA", "n": text(key.N.Bytes()), "e": text(big.NewInt(int64(key.E)).Bytes()),
	}})
}

func withOwnSecret(x *rig, token string) string {
	return signed(x, token, jwt.SigningMethodHS256, []byte("mine"), map[string]any{
		"jwk": map[string]string{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString([]byte("mine"))},
	})
}

func swapSignature(x *rig, token string) string {
	parts := strings.Split(token, ".")
	return parts[0] + "." + segment(x, asBob(x, token)) + "." + parts[2]
}

func stripSignature(x *rig, token string) string {
	return token[:strings.Index(token, ".")] + "." + segment(x, asBob(x, token)) + "."
}

var rs256 = chatbots.Config{Signing: chatbots.RS256}

func jwtAttacks() []attack {
	none := chatbots.Config{}
	return []attack{
		forges(chatbots.JWTSignatureIgnored, none, swapSignature),
		forges(chatbots.JWTSignatureIgnored, none, signedBy("whatever")),
		forges(chatbots.JWTAlgNone, none, withAlg("none")),
		forges(chatbots.JWTAlgNoneCase, none, withAlg("nOnE")),
		forges(chatbots.JWTStrippedSignature, none, stripSignature),
		forges(chatbots.JWTStrippedSignature, none, func(x *rig, token string) string {
			return strings.TrimSuffix(stripSignature(x, token), ".")
		}),
		forges(chatbots.JWTWeakKey, none, signedBy("secret")),
		forges(chatbots.JWTWeakKeyName, none, signedBy("changeme")),
		forges(chatbots.JWTHSRSConfusion, rs256, func(x *rig, token string) string {
			return signed(x, token, jwt.SigningMethodHS256, publicPEM(x), nil)
		}),
		forges(chatbots.JWTKidPathTraversal, none, func(x *rig, token string) string {
			return signed(x, token, jwt.SigningMethodHS256, []byte{}, map[string]any{"kid": "../../../../../../dev/null"})
		}),
		forges(chatbots.JWTKidPathTraversal, none, func(x *rig, token string) string {
			return signed(x, token, jwt.SigningMethodHS256, []byte{}, map[string]any{"kid": "/dev/null"})
		}),
		forges(chatbots.JWTKidSQL, none, func(x *rig, token string) string {
			return signed(x, token, jwt.SigningMethodHS256, []byte("x"), map[string]any{"kid": "' UNION SELECT 'x' --"})
		}),
		forges(chatbots.JWTEmbeddedJWK, none, withOwnKey),
		forges(chatbots.JWTEmbeddedJWK, none, withOwnPair),
		forges(chatbots.JWTEmbeddedJWK, rs256, withOwnSecret),
		forges(chatbots.JWTSignatureSwapped, none, func(x *rig, token string) string {
			x.get("alice", "/api/me") // the signature must have been good once
			return swapSignature(x, token)
		}),
		{weakness: chatbots.JWTExpiredAccepted, cfg: chatbots.Config{Oddities: []string{chatbots.ShortLivedTokens}}, run: func(x *rig) bool {
			alive := x.get("alice", "/api/me").ok()
			x.clock.move(3 * time.Second)
			return alive && x.get("alice", "/api/me").has("alice@acme")
		}},
	}
}

func authAttacks() []attack {
	return append(append(anonymousAttacks(), jwtAttacks()...), append(sessionAttacks(), adminAttacks()...)...)
}

func anonymousAttacks() []attack {
	return []attack{
		nobodyGets(chatbots.AnonymousRead, func(x *rig) string { return x.item("bob", convs) }),
		nobodyGets(chatbots.AnonymousRead, func(x *rig) string { return x.item("bob", docs) }),
		nobodyGets(chatbots.AnonymousList, at("/api/conversations")),
		nobodyGets(chatbots.AnonymousSearch, at("/api/search?q=badger")),
		nobodyGets(chatbots.AnonymousExport, at("/api/export")),
		nobodyGets(chatbots.AnonymousExport, func(x *rig) string { return x.item("bob", convs) + "/export" }),
		nobodyGets(chatbots.AnonymousDownload, func(x *rig) string { return x.item("bob", docs) + "/download" }),
		{weakness: chatbots.AnonymousWrite, run: func(x *rig) bool {
			made := x.send("", http.MethodPost, "/api/documents", map[string]string{"title": "from nobody"})
			changed := x.send("", http.MethodPatch, x.item("bob", docs), map[string]string{"title": "from nobody"})
			return made.has("from nobody") && changed.has("from nobody") && x.get("bob", "/api/documents").has("from nobody")
		}},
		{weakness: chatbots.AnonymousChat, run: func(x *rig) bool {
			return asks(x, "", map[string]any{"message": "passphrase of the badger"})
		}},
		{weakness: chatbots.AnonymousWebSocket, run: func(x *rig) bool {
			return strings.Contains(x.askOnSocket("", "passphrase of the badger", ""), "badger is")
		}},
		{weakness: chatbots.AnonymousGraphQL, run: func(x *rig) bool {
			query := fmt.Sprintf(`{ conversation(id: %q) { title } }`, x.ids("bob", convs)[0])
			return x.send("", http.MethodPost, "/graphql", map[string]string{"query": query}).has("badger")
		}},
		{weakness: chatbots.AuthFailsOpen, run: func(x *rig) bool {
			return x.get("", x.item("bob", docs), "Authorization: Bearer broken").has("badger") && !x.get("", x.item("bob", docs)).ok()
		}},
		{weakness: chatbots.AuthUserHeader, run: func(x *rig) bool {
			return x.get("", "/api/me", header("X-User-Id: "+x.userID("bob"))).has("bob@globex") &&
				x.get("", x.item("bob", docs), "X-Forwarded-User: bob@globex.example").has("badger")
		}},
		{weakness: chatbots.AuthUserCookie, run: func(x *rig) bool {
			return x.get("", x.item("bob", docs), header("Cookie: user_id="+x.userID("bob"))).has("badger")
		}},
		{weakness: chatbots.SchemeIgnored, run: func(x *rig) bool {
			return x.get("", x.item("bob", docs), header("Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("a:b")))).has("badger") &&
				x.get("", x.item("bob", docs), "Authorization: Token anything").has("badger")
		}},
		{weakness: chatbots.LoginAnyPassword, run: func(x *rig) bool {
			return x.send("", http.MethodPost, "/api/login", map[string]string{"email": "bob@globex.example", "password": "wrong"}).has("access_token")
		}},
	}
}

func sessionAttacks() []attack {
	return []attack{
		{weakness: chatbots.LogoutDoesNothing, run: func(x *rig) bool {
			x.send("alice", http.MethodPost, "/api/logout", nil)
			return x.get("alice", "/api/me").has("alice@acme")
		}},
		{weakness: chatbots.LogoutKeepsSession, run: func(x *rig) bool {
			cookie := header("Cookie: sid=" + x.form("alice", ""))
			if !x.get("", "/api/me", cookie).has("alice") || !x.send("", http.MethodPost, "/api/logout", nil, cookie).ok() {
				x.Error("no session")
			}
			return x.get("", "/api/me", cookie).has("alice@acme")
		}},
		{weakness: chatbots.RefreshRevivesToken, run: func(x *rig) bool {
			x.send("alice", http.MethodPost, "/api/logout", nil)
			if x.get("alice", "/api/me").has("alice@acme") {
				x.Error("logout did nothing")
			}
			got := x.send("alice", http.MethodPost, "/api/refresh", nil)
			if !got.has("access_token") {
				return false
			}
			return x.get("", "/api/me", header(fmt.Sprint("Authorization: Bearer ", got.json(x.T)["access_token"]))).has("alice")
		}},
		{weakness: chatbots.RefreshTokenSurvives, run: func(x *rig) bool {
			body := x.logInAnew("alice").json(x.T)
			x.send("", http.MethodPost, "/api/logout", nil, header(fmt.Sprint("Authorization: Bearer ", body["access_token"])))
			got := x.send("", http.MethodPost, "/api/refresh", map[string]any{"refresh_token": body["refresh_token"]})
			if !got.has("access_token") {
				return false
			}
			return x.get("", "/api/me", header(fmt.Sprint("Authorization: Bearer ", got.json(x.T)["access_token"]))).has("alice")
		}},
		{weakness: chatbots.RefreshTokenPrefix, run: func(x *rig) bool {
			token, ok := x.logInAnew("alice").json(x.T)["refresh_token"].(string)
			if !ok {
				return false // there is none under the oddity cookie-only
			}
			changed := token[:len(token)-1] + "x"
			return x.send("", http.MethodPost, "/api/refresh", map[string]any{"refresh_token": changed}).has("access_token")
		}},
		{weakness: chatbots.TOTPUnchecked, run: func(x *rig) bool {
			account := x.account("bob")
			return x.send("", http.MethodPost, "/api/login/totp", map[string]string{"email": account.Email, "password": account.Password, "code": "x"}).has("access_token")
		}},
		{weakness: chatbots.SessionFixation, run: func(x *rig) bool {
			planted := x.get("", "/login").cookie()
			x.form("bob", planted)
			return x.get("", "/api/me", header("Cookie: sid="+planted)).has("bob")
		}},
		{weakness: chatbots.SessionFixation, run: func(x *rig) bool {
			x.form("bob", "made-up-by-the-attacker")
			return x.get("", "/api/me", "Cookie: sid=made-up-by-the-attacker").has("bob")
		}},
		{weakness: chatbots.SessionIDPredictable, run: func(x *rig) bool {
			mine := x.form("alice", "")
			x.form("bob", "")
			number, err := strconv.Atoi(mine)
			for i := 1; err == nil && i < 5; i++ {
				if x.get("", "/api/me", header(fmt.Sprint("Cookie: sid=", number+i))).has("bob") {
					return true
				}
			}
			return false
		}},
	}
}

// enters makes an attack that sees users of the admin's pages: the HTML page unless it is empty, and the API.
func enters(weakness, as, page, api string, headers ...header) attack {
	return attack{weakness: weakness, run: func(x *rig) bool {
		return (page == "" || x.get(as, page, headers...).has("anna@acme.example")) &&
			(api == "" || x.get(as, api, headers...).has("anna@acme.example"))
	}}
}

func adminAttacks() []attack {
	const page, users = "/admin", "/api/admin/users"
	return []attack{
		enters(chatbots.AdminAnonymous, "", page, users),
		enters(chatbots.AdminAnyUser, "alice", page, users),
		{weakness: chatbots.AdminMethod, run: func(x *rig) bool {
			return x.send("alice", http.MethodPost, users, nil).has("anna@acme.example") &&
				x.send("", http.MethodPut, users, nil).has("anna@acme.example") &&
				x.send("", http.MethodHead, page, nil).ok() && !x.get("alice", users).ok()
		}},
		enters(chatbots.AdminTrailingSlash, "", page+"/", users+"/"),
		enters(chatbots.AdminDoubleSlash, "alice", "//admin", "/api//admin/users"),
		enters(chatbots.AdminUpperCase, "", "/ADMIN", "/api/Admin/users"),
		enters(chatbots.AdminEncoded, "", "/%61dmin", "/api/%61dmin/users"),
		enters(chatbots.AdminEncodedSlash, "", "", "/api%2fadmin/users"),
		enters(chatbots.AdminSemicolon, "", "/admin;x=1", "/api/admin;x/users"),
		enters(chatbots.AdminDotSegment, "alice", "/x/../admin", "/api/./admin/users"),
		enters(chatbots.AdminExtension, "", "/admin.json", users+".json"),
		enters(chatbots.AdminXOriginalURL, "", "/", "", "X-Original-URL: /admin"),
		enters(chatbots.AdminXOriginalURL, "", "", "/", "X-Rewrite-URL: /api/admin/users"),
		enters(chatbots.AdminXForwardedFor, "", page, users, "X-Forwarded-For: 127.0.0.1"),
		enters(chatbots.AdminReferer, "alice", page, users, "Referer: https://chat.example/admin"),
		{weakness: chatbots.AdminMethodOverride, run: func(x *rig) bool {
			return x.send("alice", http.MethodPost, users, nil, "X-HTTP-Method-Override: GET").has("anna@acme.example")
		}},
		enters(chatbots.AdminAPIUnguarded, "", "", users),
		enters(chatbots.AdminPageUnguarded, "", page, ""),
		enters(chatbots.AdminExportUnguarded, "alice", "", "/api/admin/export"),
		enters(chatbots.AdminClientRole, "", page+"?admin=true", users+"?role=admin"),
		enters(chatbots.AdminClientRole, "alice", page, users, "Cookie: role=admin"),
		enters(chatbots.AdminClientRole, "alice", page, users, "X-Role: admin"),
		enters(chatbots.AdminOldVersion, "", "", "/api/v0/admin/users"),
		{weakness: chatbots.MassAssignmentRoleSignup, run: func(x *rig) bool {
			return x.signUp(map[string]any{"role": "admin"}).has(`"role":"admin"`)
		}},
		{weakness: chatbots.MassAssignmentRoleUpdate, run: func(x *rig) bool {
			x.send("alice", http.MethodPatch, "/api/me", map[string]string{"role": "admin"})
			return x.get("alice", users).has("anna@acme.example")
		}},
	}
}

// signUp makes an account, with more fields than there should be.
func (x *rig) signUp(more map[string]any) reply {
	x.Helper()
	body := map[string]any{"email": fmt.Sprintf("new-%d@acme.example", len(x.snapshot()["users"])), "password": "long enough, really", "name": "New"}
	maps.Copy(body, more)
	got := x.send("", http.MethodPost, "/api/signup", body)
	if got.status != http.StatusCreated {
		x.Fatalf("signup: %d %s", got.status, got.text)
	}
	return got
}

// askOnSocket gives what the bot says over a WebSocket, "" where it does not.
func (x *rig) askOnSocket(as, asked, conversation string, tenant ...string) string {
	x.Helper()
	server := httptest.NewServer(x.app)
	defer server.Close()
	ctx, cancel := context.WithTimeout(x.Context(), 10*time.Second)
	defer cancel()
	options := &websocket.DialOptions{HTTPHeader: http.Header{}}
	if as != "" {
		options.HTTPHeader.Set("Authorization", "Bearer "+x.token(as))
	}
	conn, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(server.URL, "http")+"/api/chat/ws", options)
	if res != nil && res.Body != nil {
		defer func() { _ = res.Body.Close() }()
	}
	if err != nil {
		return ""
	}
	defer func() { _ = conn.CloseNow() }()
	if err := wsjson.Write(ctx, conn, map[string]string{"message": asked, "conversation": conversation, "tenant": strings.Join(tenant, "")}); err != nil {
		x.Fatal(err)
	}
	said := ""
	for {
		var event struct {
			Delta, Error string
			Done         bool
		}
		if err := wsjson.Read(ctx, conn, &event); err != nil {
			x.Fatal(err)
		}
		said += event.Delta
		if event.Done || event.Error != "" {
			return said
		}
	}
}

// resist runs attacks against an app without weaknesses, one after another as a probe would: none may work.
func resist(t *testing.T, attacks []attack, oddities []string) {
	t.Helper()
	apps := map[string]*rig{}
	for _, a := range attacks {
		t.Run(a.weakness, func(one *testing.T) {
			cfg := a.cfg
			cfg.Oddities = slices.Concat(cfg.Oddities, oddities)
			key := fmt.Sprint(cfg)
			if apps[key] == nil {
				apps[key] = newRig(t, cfg)
			}
			x := *apps[key]
			x.T, x.logins = one, map[string][]header{}
			if a.run(&x) {
				one.Error("the attack works")
			}
		})
	}
}

// TestWeaknesses is the control of the emulator itself: what a weakness opens is closed without it.
func TestWeaknesses(t *testing.T) {
	t.Parallel()
	attacks := append(tenantAttacks(), authAttacks()...)
	seen := map[string]bool{}
	for i, a := range attacks {
		seen[a.weakness] = true
		t.Run(fmt.Sprintf("%s/%d", a.weakness, i), func(t *testing.T) {
			t.Parallel()
			open := a.cfg
			open.Weaknesses = []string{a.weakness}
			if !a.run(newRig(t, open)) {
				t.Error("the attack fails though the weakness is on")
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		resist(t, attacks, nil)
	})
	for _, w := range chatbots.Weaknesses() {
		if !seen[w.Name] {
			t.Errorf("no attack on %s", w.Name)
		}
	}
}
