// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/launchready/launchready/api/v1alpha1"
)

// account is what profile.read says of somebody: the texts by JSON path.
type account map[string][]string

// accountOf reads a profile. It says whether there is anything in it.
func accountOf(body []byte) (account, bool) {
	var doc any
	if json.Unmarshal(body, &doc) != nil {
		return nil, false
	}
	found := account{}
	walkJSON(doc, "", func(path string, v any) {
		text := scalar(v)
		if b, ok := v.(bool); ok {
			text = fmt.Sprint(b)
		}
		if text != "" {
			found[path] = append(found[path], text)
		}
	})
	return found, len(found) > 0
}

// claims are fields that a request adds to say who its sender wants to be: name and value.
type claims map[string]any

// proof is a place of the profile, and what it must not say of a new account.
type proof struct {
	path, field string
	values      []string
}

// shows says whether the profile says what was claimed.
func (p proof) shows(a account) bool {
	return slices.ContainsFunc(p.values, func(v string) bool { return slices.Contains(a[p.path], v) })
}

var (
	roleName = regexp.MustCompile(`(?i)role|admin|staff|superuser|permission|privilege|authorit|^(scopes?|groups?|user_?type|access_?level)$`)
	// tenantName has neither org nor company alone: that is a text about oneself in many profiles.
	tenantName   = regexp.MustCompile(`(?i)^(tenant|(tenant|org|organi[sz]ation|workspace|account|team|company|customer)_?id)$`)
	tenantObject = regexp.MustCompile(`(?i)^(tenant|org|organi[sz]ation|workspace|account|team|company|customer)$`)
	innerName    = regexp.MustCompile(`(?i)^(id|name|key|slug|value|code)$`)
	innerID      = regexp.MustCompile(`(?i)^id$`)
)

// roleClaims are what makes an administrator of somebody in some app; what this app's own profile calls it is put in their place.
func roleClaims() claims {
	return claims{
		"role": "admin", "roles": []any{"admin"}, "user_role": "admin", "userType": "admin",
		"admin": true, "is_admin": true, "isAdmin": true, "is_staff": true, "is_superuser": true,
	}
}

// tenantClaims name a tenant to belong to.
func tenantClaims(tenant string) claims {
	all := claims{}
	for _, name := range []string{"tenant", "tenant_id", "tenantId", "org_id", "orgId", "organization_id", "organizationId", "workspace_id", "workspaceId", "account_id", "team_id", "company_id"} {
		all[name] = tenant
	}
	return all
}

// learn compares what the profile says of a new account with what it says of the one to be like. At the same place both must say
// something of their own: then to say the other's is proof. What it calls the field goes into the claims.
func (c claims) learn(fresh, wanted account, name, outer, inner *regexp.Regexp) []proof {
	var proofs []proof
	for _, path := range slices.Sorted(maps.Keys(wanted)) {
		segments := strings.Split(strings.Trim(strings.ReplaceAll(path, "[]", ""), "."), ".")
		last := segments[len(segments)-1]
		field, within := last, ""
		if !name.MatchString(last) {
			if len(segments) < 2 || !outer.MatchString(segments[len(segments)-2]) || !inner.MatchString(last) {
				continue
			}
			field, within = segments[len(segments)-2], last
		}
		others := slices.DeleteFunc(slices.Clone(wanted[path]), func(v string) bool { return slices.Contains(fresh[path], v) })
		if len(fresh[path]) == 0 || len(others) == 0 {
			continue
		}
		proofs = append(proofs, proof{path: path, field: field, values: others})
		c[field] = claimed(others, within, strings.HasSuffix(path, "[]"))
	}
	return proofs
}

// claimed gives the value of a field as the profile has it: a text or a boolean, a list, or an object.
func claimed(values []string, within string, list bool) any {
	var all []any
	for _, v := range values {
		if v == "true" || v == "false" {
			all = append(all, v == "true")
		} else {
			all = append(all, v)
		}
	}
	switch {
	case list:
		return all
	case within != "":
		return map[string]any{within: all[0]}
	default:
		return all[0]
	}
}

// added gives a described request with the claims in its body: in every object of a JSON document, for many an app has the account
// below a name of its own; the brackets of a form likewise. It says whether there is such a body.
func (c claims) added(request v1alpha1.HTTPRequest) (v1alpha1.HTTPRequest, bool) {
	switch {
	case request.JSON != nil:
		decoder := json.NewDecoder(bytes.NewReader(request.JSON.Raw))
		decoder.UseNumber()
		var doc map[string]any
		if decoder.Decode(&doc) != nil {
			return request, false
		}
		c.into(doc)
		raw, err := json.Marshal(doc)
		if err != nil {
			return request, false
		}
		request.JSON = &apiextensionsv1.JSON{Raw: raw}
	case request.Form != nil:
		form := maps.Clone(request.Form)
		for name := range request.Form {
			prefix, _, bracketed := strings.Cut(name, "[")
			for field, value := range c {
				if text, ok := inForm(value); ok && bracketed {
					form[prefix+"["+field+"]"] = text
				} else if ok {
					form[field] = text
				}
			}
		}
		request.Form = form
	default:
		return request, false
	}
	return request, true
}

func inForm(value any) (v1alpha1.HeaderValue, bool) {
	switch v := value.(type) {
	case []any:
		if len(v) == 0 {
			return "", false
		}
		return inForm(v[0])
	case map[string]any:
		return "", false
	default:
		return v1alpha1.HeaderValue(literal(fmt.Sprint(v))), true
	}
}

// into puts the claims into an object and those within it.
func (c claims) into(doc map[string]any) {
	for _, value := range doc {
		if inner, ok := value.(map[string]any); ok {
			c.into(inner)
		}
	}
	for field, value := range c {
		doc[field] = literally(value)
	}
}

// literal writes a text so that nothing in it is taken for a $(name).
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }

func literally(value any) any {
	switch v := value.(type) {
	case string:
		return literal(v)
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = literally(v[i])
		}
		return all
	case map[string]any:
		all := map[string]any{}
		for name, inner := range v {
			all[name] = literally(inner)
		}
		return all
	default:
		return v
	}
}

// names gives the fields that a described body has: what it asks for is the client's to say.
func fieldsOf(request v1alpha1.HTTPRequest) []string {
	var names []string
	for name := range request.Form {
		names = append(names, strings.FieldsFunc(name, func(c rune) bool { return c == '[' || c == ']' })...)
	}
	if request.JSON == nil {
		return names
	}
	var doc any
	if json.Unmarshal(request.JSON.Raw, &doc) == nil {
		walkJSON(doc, "", func(path string, _ any) {
			names = append(names, strings.Split(strings.ReplaceAll(path, "[]", ""), ".")...)
		})
	}
	return names
}
