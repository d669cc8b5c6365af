// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/launchready/launchready/api/v1alpha1"
)

func told(t *testing.T, body string) account {
	t.Helper()
	a, ok := accountOf([]byte(body))
	if !ok {
		t.Fatalf("nothing in %s", body)
	}
	return a
}

func TestAProfileProvesOnlyWhereBothSaySomething(t *testing.T) {
	for name, c := range map[string]struct {
		fresh, admin string
		field        string
		claim        any
	}{
		"a role":                      {`{"role":"user"}`, `{"role":"OWNER"}`, "role", "OWNER"},
		"roles":                       {`{"roles":["user"]}`, `{"roles":["user","ops"]}`, "roles", []any{"ops"}},
		"a flag":                      {`{"a":{"is_admin":false}}`, `{"a":{"is_admin":true}}`, "is_admin", true},
		"an object":                   {`{"role":{"name":"user"}}`, `{"role":{"name":"admin"}}`, "role", map[string]any{"name": "admin"}},
		"a job title not yet given":   {`{"role":null,"id":1}`, `{"role":"CTO"}`, "", nil},
		"a job title left empty":      {`{"role":"","id":1}`, `{"role":"CTO"}`, "", nil},
		"the same role":               {`{"role":"user"}`, `{"role":"user"}`, "", nil},
		"something else that differs": {`{"name":"x"}`, `{"name":"y"}`, "", nil},
	} {
		with := claims{}
		proofs := with.learn(told(t, c.fresh+" "), told(t, c.admin), roleName, roleName, innerName)
		if c.field == "" {
			if len(proofs) != 0 || len(with) != 0 {
				t.Errorf("%s: %v, %v", name, proofs, with)
			}
			continue
		}
		if len(proofs) != 1 || proofs[0].field != c.field || !cmp.Equal(with[c.field], c.claim) {
			t.Errorf("%s: %v, %v", name, proofs, with)
			continue
		}
		if proofs[0].shows(told(t, c.fresh)) || !proofs[0].shows(told(t, c.admin)) {
			t.Errorf("%s: the one is not told from the other", name)
		}
	}
}

func TestACompanysNameIsNoTenant(t *testing.T) {
	with := claims{}
	if proofs := with.learn(told(t, `{"company":"A","organization":"B"}`), told(t, `{"company":"C","organization":"D"}`), tenantName, tenantObject, innerID); len(proofs) != 0 {
		t.Errorf("proofs are %v", proofs)
	}
	proofs := with.learn(told(t, `{"tenant":"a","org":{"id":7,"name":"A"}}`), told(t, `{"tenant":"b","org":{"id":8,"name":"B"}}`), tenantName, tenantObject, innerID)
	if len(proofs) != 2 || !cmp.Equal(with["org"], any(map[string]any{"id": "8"})) || with["tenant"] != "b" {
		t.Errorf("proofs are %v, claims %v", proofs, with)
	}
}

func TestClaimsAreAddedWhereverTheAccountStands(t *testing.T) {
	with := claims{"role": "a$(b)"}
	for body, want := range map[string]string{
		`{"email":"x"}`:          `{"email":"x","role":"a$$(b)"}`,
		`{"user":{"email":"x"}}`: `{"role":"a$$(b)","user":{"email":"x","role":"a$$(b)"}}`,
	} {
		changed, ok := with.added(v1alpha1.HTTPRequest{JSON: &apiextensionsv1.JSON{Raw: []byte(body)}})
		if !ok || string(changed.JSON.Raw) != want {
			t.Errorf("%s became %s", body, changed.JSON.Raw)
		}
	}
	form, ok := claims{"roles": []any{"admin"}}.added(v1alpha1.HTTPRequest{Form: map[string]v1alpha1.HeaderValue{"user[email]": "x"}})
	if !ok || form.Form["user[roles]"] != "admin" || len(form.Form) != 2 {
		t.Errorf("the form became %v", form.Form)
	}
	if _, ok := with.added(v1alpha1.HTTPRequest{Path: "/x"}); ok {
		t.Error("a request without a body took claims")
	}
	if got := strings.Join(fieldsOf(v1alpha1.HTTPRequest{Form: map[string]v1alpha1.HeaderValue{"user[role]": "x"}}), " "); got != "user role" {
		t.Errorf("the form has %s", got)
	}
}
