// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
)

// jwtIO is the example of jwt.io, signed with its key; rs256 is that of RFC 7515, Appendix A.2.
const (
	jwtIO = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
	rs256 = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)

func TestTokensAreTakenApart(t *testing.T) {
	found := parseTokens("Bearer " + jwtIO)
	if len(found) != 1 || found[0].alg() != "HS256" || found[0].claims["name"] != "John Doe" {
		t.Fatalf("found %+v", found)
	}
	key, weak := found[0].weakKeyOf()
	if !weak || string(key) != "your-256-bit-secret" {
		t.Errorf("the key of jwt.io was not found: %q, %v", key, weak)
	}
	if again := found[0].signed(found[0].header, key); !strings.HasSuffix(again, "."+found[0].by) {
		t.Errorf("signed anew with the same key it is another token: %s", again)
	}
	rsa := parseTokens(rs256)
	if len(rsa) != 1 || rsa[0].alg() != "RS256" || rsa[0].expires().Unix() != 1300819380 {
		t.Fatalf("found %+v", rsa)
	}
	if _, weak := rsa[0].weakKeyOf(); weak {
		t.Error("a token signed by RSA has no HMAC key")
	}
	for _, text := range []string{"", "Bearer abc.def.ghi", "eyJhbGciOiJIUzI1NiJ9.e30", "Basic dXNlcjpwYXNz"} {
		if got := parseTokens(text); len(got) != 0 {
			t.Errorf("%q was taken for a token", text)
		}
	}
}

func TestNoForgeryIsTheTokenItself(t *testing.T) {
	for _, raw := range []string{jwtIO, rs256} {
		token := parseTokens(raw)[0]
		forged := slices.Concat(token.broken(nil), token.forged(nil))
		if len(forged) < 15 {
			t.Fatalf("only %d forgeries", len(forged))
		}
		for _, f := range forged {
			if f.raw == raw {
				t.Errorf("%s is the token as it was", f.trick)
			}
		}
	}
}

func TestAPublicKeyIsTriedInAllItsForms(t *testing.T) {
	// RFC 7517, Appendix A.1.
	keys := parseKeys([]byte(`{"keys":[{"kty":"EC"},{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}]}`))
	if len(keys) != 1 || keys[0].key.E != 65537 || len(keys[0].forms()) != 7 {
		t.Fatalf("found %d keys", len(keys))
	}
	for _, broken := range []string{"", "[]", `{"keys":[{"kty":"RSA","n":"!","e":"AQAB"}]}`, `{"keys":[1]}`} {
		if got := parseKeys([]byte(broken)); len(got) != 0 {
			t.Errorf("%q has %d keys", broken, len(got))
		}
	}
}

func TestGuessable(t *testing.T) {
	for _, c := range []struct {
		values []string
		want   bool
	}{
		{[]string{"10000001", "10000002", "10000007"}, true},
		{[]string{"00000000000003e9", "00000000000003ea"}, true},
		{[]string{"abc", "xyz"}, true},
		{[]string{"9f86d081884c7d659a2feaa0c55ad015", "a3bf4f1b2b0b822cd15d6c15b0f00a08"}, false},
		{[]string{"8371629384756192", "1029384756564738"}, false},
		{[]string{"s%3AqK3jd8fJ29dkWm", "s%3AzP0xMw71nVbTqL"}, false},
		{[]string{"1"}, false},
		{nil, false},
	} {
		if got := guessable(c.values); got != c.want {
			t.Errorf("%v: %v", c.values, got)
		}
	}
}

func reply200(kind, body string) *httpstep.Response {
	return &httpstep.Response{Status: 200, Header: http.Header{"Content-Type": {kind}}, Body: []byte(body)}
}

func TestPlacesOf(t *testing.T) {
	for _, c := range []struct {
		body, value string
		want        []string
	}{
		{`{"items":[{"id":"a"},{"id":"b"}],"next":"b"}`, "a", []string{".items[].id"}},
		{`[{"id":7},{"id":17}]`, "7", []string{"[].id"}},
		{`{"id":7.5}`, "7", nil},
		{`<p>a</p>`, "a", nil},
	} {
		if got := placesOf(reply200("application/json", c.body), c.value); !cmp.Equal(got, c.want) {
			t.Errorf("%s: %q at %v, want %v", c.body, c.value, got, c.want)
		}
	}
}

func TestShellsAndWords(t *testing.T) {
	page := reply200("text/html", `<!doctype html><title>Hidden</title><style>p{}</style><h1>Accounts</h1><p>alice@acme.example</p><script>const secretWord = 1</script>`)
	if got := words(page); !got["Accounts"] || !got["alice@acme.example"] || got["secretWord"] || got["Hidden"] {
		t.Errorf("words are %v", got)
	}
	doc := reply200("application/json", `{"a":{"b":["x",3,true,null]}}`)
	if want := (set{".a.b[]=x": true, ".a.b[]=3": true, ".a.b[]=true": true}); !cmp.Equal(words(doc), want) {
		t.Errorf("words are %v", words(doc))
	}
	if !onlyScripts(page) || onlyScripts(doc) || !looksLikePage(page) || looksLikePage(doc) {
		t.Error("a page of scripts and a document are not told apart")
	}
	b := baseline{exact: [][]byte{[]byte("nothing at ")}}
	if !b.shell("/admin", reply200("text/plain", "nothing at /admin")) || b.shell("/admin", reply200("text/plain", "all at /admin")) {
		t.Error("a reply that repeats the path is a shell, and no other is")
	}
	secret := adminPage{secret: set{".a=alice@acme.example": true, ".b=bob@globex.example": true, ".c=17": true}}
	for body, want := range map[string]bool{
		`{"a":"alice@acme.example","b":"bob@globex.example"}`: true,
		`{"a":"alice@acme.example"}`:                          false,
		`{"c":17}`:                                            false,
		`{"x":"alice@acme.example","y":"bob@globex.example"}`: false,
	} {
		if got := secret.shownIn(reply200("application/json", body)); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}

func TestEveryVariantDiffersAndKeepsItsOrigin(t *testing.T) {
	request := httpstep.Request{Method: "GET", Path: "/api/v1/notes/abc?x=1", Header: http.Header{}}
	all := slices.Concat(pathVariants(request, "abc"), chosenByHeader(request, []string{"acme"}, "app.example.com"), chosenByQuery(request, []string{"acme"}),
		movedVariants(request, "abc", "def", "notes"), roleVariants(request), filterVariants(request, "abc", "notes", []string{"acme"}))
	if len(all) < 100 {
		t.Fatalf("only %d variants", len(all))
	}
	for _, v := range all {
		if cmp.Equal(v.request, request) {
			t.Errorf("%s is the request as it was", v.trick)
		}
		if v.trick == "" || v.request.Method != "GET" {
			t.Errorf("%q has no name or another method: %s", v.trick, v.request.Method)
		}
	}
	if request.Path != "/api/v1/notes/abc?x=1" || len(request.Header) != 0 {
		t.Errorf("a variant changed what it was made of: %+v", request)
	}
	double := inJSON(httpstep.Request{Body: []byte(`{"ids":["abc"]}`)}, "abc", "def")
	var bodies []string
	for _, v := range double {
		bodies = append(bodies, string(v.request.Body))
	}
	for _, want := range []string{`{"ids":["abc","def"]}`, `{"ids":["abc"],"ids":["def"]}`, `{"ids":["def"],"ids":["abc"]}`} {
		if !slices.Contains(bodies, want) {
			t.Errorf("%s is missing in %v", want, bodies)
		}
	}
}

func TestBrokenCredentialsAreBroken(t *testing.T) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:S3cret"))
	for _, value := range []string{"Bearer " + jwtIO, "Bearer 0123456789abcdef", "0123456789abcdef", basic} {
		for _, f := range brokenValues(value) {
			if strings.EqualFold(f.raw, value) {
				t.Errorf("%s leaves %q as it was", f.trick, value)
			}
			if rest, ok := strings.CutPrefix(f.raw, "Basic "); ok && value == basic {
				plain, err := base64.StdEncoding.DecodeString(rest)
				if err != nil || strings.EqualFold(string(plain), "alice:S3cret") {
					t.Errorf("%s gives %q", f.trick, plain)
				}
			}
		}
	}
	for _, text := range []string{"a", "xAx", "xax", "xBx"} {
		if strings.EqualFold(flipped(text), text) {
			t.Errorf("%q is the same but for its case", flipped(text))
		}
	}
}

func TestWhatAFindingShowsHoldsNoCredential(t *testing.T) {
	r := &run{Options: Options{
		App:         &v1alpha1.App{Authenticate: &v1alpha1.Authenticate{Headers: map[string]v1alpha1.HeaderValue{"X-Key": "$(token)"}}},
		Target:      &httpstep.Target{Base: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}},
		Credentials: map[string]map[string]string{"alice": {"email": "alice@acme.example", "password": `p"a s&s/9`, "pin": "314"}},
	}}
	alice := &person{Identity: v1alpha1.Identity{Name: "alice", Tenant: "acme"}, at: r}
	alice.vars = alice.credentials().With(httpstep.Vars{"token": "tok-0123456789", "tenant": "acme"})
	m := marker.New()
	r.people = []*person{alice}
	r.things = []*thing{{owner: alice, id: "7", marker: m, resource: &resource{}}}
	request := httpstep.Request{Method: "POST", Path: "/x/7/17?p=" + url.QueryEscape(`p"a s&s/9`) + "&q=" + url.PathEscape(`p"a s&s/9`), Header: http.Header{
		"X-Key": {"tok-0123456789"}, "Authorization": {"Bearer tok-0123456789"}, "Cookie": {"s=tok-0123456789"}, "X-Other": {"alice@acme.example"}, extraCookie: {"role=admin"},
	}, Body: []byte(`{"password":"p\"a s&s/9","pin":"314","amount":93145,"tenant":"acme","t":"` + m.Text() + `"}`)}
	shown := r.curl(attempt{request: request}, "alice")
	for _, secret := range []string{"tok-0123456789", "s&s", "s%26s", "alice@acme.example", `"314`, m.Secret, extraCookie} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q stands in %s", secret, shown)
		}
	}
	for _, want := range []string{`-H "$AUTH_ALICE"`, `/x/$ID_ALICE/17`, `-b "role=admin"`, "93145", "acme", "⟨canary:alice⟩"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is missing in %s", want, shown)
		}
	}
}
