// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/launchready/launchready/internal/httpstep"
)

// variant is a request changed by a trick.
type variant struct {
	trick   string
	request httpstep.Request
}

// on gives the request with another path; the query stays.
func on(request httpstep.Request, trick, path string) variant {
	changed := request.Clone()
	_, query, hasQuery := strings.Cut(request.Path, "?")
	changed.Path = path
	if hasQuery {
		changed.Path += "?" + query
	}
	return variant{trick: trick, request: changed}
}

// withHeader gives the request with one more header.
func withHeader(request httpstep.Request, name, value string) httpstep.Request {
	changed := request.Clone()
	changed.Header.Set(name, value)
	return changed
}

// withQuery gives the request with more of a query, which is encoded already.
func withQuery(request httpstep.Request, query string) httpstep.Request {
	changed := request.Clone()
	separator := "?"
	if strings.Contains(changed.Path, "?") {
		separator = "&"
	}
	changed.Path += separator + query
	return changed
}

// pathVariants write the same path in other ways, by which a guard in front and the router behind have disagreed: OWASP Web
// Security Testing Guide 4.2, WSTG-ATHZ-02; Spring Security CVE-2022-22978, CVE-2016-5007; nginx "off-by-slash".
func pathVariants(request httpstep.Request, id string) []variant {
	path, query, _ := strings.Cut(request.Path, "?")
	slash := strings.LastIndex(strings.TrimSuffix(path, "/"), "/")
	dir, last := path[:slash+1], path[slash+1:]
	variants := []variant{
		on(request, "with a slash at the end", path+"/"),
		on(request, "with two slashes", dir+"/"+last),
		on(request, "with two slashes in front", "/"+path),
		on(request, "with ;", path+";"),
		on(request, "with ;a=b", path+";a=b"),
		on(request, "with ;/ in between", dir+";/"+last),
		on(request, "with /. at the end", path+"/."),
		on(request, "with /./ in between", dir+"./"+last),
		on(request, "with /x/.. in between", dir+"x/../"+last),
		on(request, "with %2e%2e in between", dir+"x/%2e%2e/"+last),
		on(request, "with ..; in between", dir+"x/..;/"+last),
		on(request, "with an encoded slash", strings.TrimSuffix(dir, "/")+"%2f"+last),
		on(request, "with an encoded slash at the end", path+"%2f"),
		on(request, "with .json", path+".json"),
		on(request, "with .css", path+".css"),
		on(request, "with a style sheet's name behind it", path+"/x.css"),
		on(request, "with an encoded space", path+"%20"),
		on(request, "with an encoded null", path+"%00"),
		on(request, "with an encoded tab", path+"%09"),
		on(request, "with an encoded letter", dir+encodedFirst(last)),
		on(request, "with a letter encoded twice", dir+strings.Replace(encodedFirst(last), "%", "%25", 1)),
		on(request, "in capitals", strings.ToUpper(path)),
		on(request, "with a question mark encoded", path+"%3f"),
		on(request, "with a number sign encoded", path+"%23"),
	}
	variants = append(variants, versionVariants(request, path)...)
	for _, accept := range []string{"text/csv", "application/xml", "text/html", "text/plain", "application/x-ndjson"} {
		variants = append(variants, variant{trick: "asking for " + accept, request: withHeader(request, "Accept", accept)})
	}
	for _, name := range overrideHeaders {
		// An override to what the method is anyway changes nothing but what a guard makes of it.
		variants = append(variants, variant{trick: "with " + request.Method + " in " + name, request: withHeader(request, name, request.Method)})
	}
	if upper := strings.ToUpper(id); upper != id {
		variants = append(variants, on(request, "with the identifier in capitals", strings.Replace(path, id, upper, 1)))
	}
	full := path
	if query != "" {
		full += "?" + query
	}
	for _, name := range []string{"X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Original-URI"} {
		root := request.Clone()
		root.Path = "/"
		variants = append(variants, variant{trick: "with the path in " + name, request: withHeader(root, name, full)})
	}
	for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "Client-IP", "True-Client-IP", "X-Client-IP", "X-Originating-IP", "Forwarded"} {
		value := "127.0.0.1"
		if name == "Forwarded" {
			value = "for=127.0.0.1"
		}
		variants = append(variants, variant{trick: "with a loopback address in " + name, request: withHeader(request, name, value)})
	}
	return variants
}

// overrideHeaders name another method than that of the request.
var overrideHeaders = []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"}

var versionPattern = regexp.MustCompile(`^(.*/)v(\d+)(/.*)$`)

// versionVariants ask another version of the API, which may still be there and less well guarded (OWASP API9:2023).
func versionVariants(request httpstep.Request, path string) []variant {
	var variants []variant
	if parts := versionPattern.FindStringSubmatch(path); parts != nil {
		for _, version := range []string{"0", "1", "2", "3"} {
			if version != parts[2] {
				variants = append(variants, on(request, "of the API's version "+version, parts[1]+"v"+version+parts[3]))
			}
		}
		return append(variants, on(request, "without the API's version", parts[1]+strings.TrimPrefix(parts[3], "/")))
	}
	if rest, ok := strings.CutPrefix(path, "/api/"); ok {
		for _, version := range []string{"v0", "v1", "v2", "internal", "old", "beta"} {
			variants = append(variants, on(request, "below /api/"+version, "/api/"+version+"/"+rest))
		}
	}
	return variants
}

// encodedFirst encodes the first letter or digit.
func encodedFirst(segment string) string {
	if segment == "" {
		return segment
	}
	return fmt.Sprintf("%%%02x", segment[0]) + segment[1:]
}

// chosenByHeader name the victim in headers and cookies that gateways set, and that some apps believe from anybody.
func chosenByHeader(request httpstep.Request, traits []string, host string) []variant {
	var variants []variant
	for _, trait := range traits {
		for _, name := range []string{
			"X-Tenant-Id", "X-Tenant", "X-TenantId", "X-Org-Id", "X-Organization-Id", "X-Account-Id", "X-Workspace-Id", "X-Team-Id",
			"X-User-Id", "X-User", "X-User-Email", "X-Forwarded-User", "X-Forwarded-Email", "X-Remote-User", "Remote-User", "X-Auth-User", "X-Authenticated-User", "X-Impersonate-User",
		} {
			variants = append(variants, variant{trick: "with the other's name in " + name, request: withHeader(request, name, trait)})
		}
		for _, name := range []string{"user_id", "user", "uid", "username", "email", "tenant", "tenant_id"} {
			variants = append(variants, variant{trick: "with the other's name in the cookie " + name, request: withCookie(request, name, trait)})
		}
		if label := strings.ToLower(trait); dnsLabel.MatchString(label) && host != "" {
			variants = append(variants, variant{trick: "with the other's host in X-Forwarded-Host", request: withHeader(request, "X-Forwarded-Host", label+"."+host)})
		}
	}
	return variants
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// whose are the names under which a request may say whose the thing is.
var whose = []string{"tenant", "tenant_id", "tenantId", "org_id", "workspace_id", "account_id", "user_id", "userId", "owner", "owner_id"}

// chosenByBody name the victim in a JSON body.
func chosenByBody(request httpstep.Request, traits []string) []variant {
	var doc map[string]any
	if len(request.Body) > 0 && json.Unmarshal(request.Body, &doc) != nil {
		return nil
	}
	var variants []variant
	for _, trait := range traits {
		for _, name := range whose {
			if _, had := doc[name]; had {
				continue
			}
			with := map[string]any{name: trait}
			maps.Copy(with, doc)
			changed := withHeader(request, "Content-Type", "application/json")
			changed.Body, _ = json.Marshal(with) //nolint:errchkjson // it was JSON
			variants = append(variants, variant{"with the other's name in the body's " + name, changed})
		}
	}
	return variants
}

// chosenByQuery name the victim in the query.
func chosenByQuery(request httpstep.Request, traits []string) []variant {
	var variants []variant
	for _, trait := range traits {
		for _, name := range slices.Concat(whose, []string{"org", "workspace", "user", "as"}) {
			variants = append(variants, variant{trick: "with the other's name in the query's " + name, request: withQuery(request, name+"="+url.QueryEscape(trait))})
		}
	}
	return variants
}

// movedVariants ask for one's own thing, and name the other's at a second place that the app may read instead.
func movedVariants(own httpstep.Request, ownID, foreignID, resource string) []variant {
	singular := strings.TrimSuffix(resource, "s")
	var variants []variant
	add := func(trick string, request httpstep.Request) { variants = append(variants, variant{trick, request}) }
	id := url.QueryEscape(foreignID)
	for _, name := range []string{"id", singular + "_id", singular + "Id", singular} {
		add("with the identifier moved to the query's "+name, withQuery(own, name+"="+id))
		add("with the identifier moved to the cookie "+name, withCookie(own, name, foreignID))
	}
	for _, name := range []string{"X-" + singular + "-Id", "X-Resource-Id", "X-Object-Id", "X-Id"} {
		add("with the identifier moved to the header "+name, withHeader(own, name, foreignID))
	}
	path, _, _ := strings.Cut(own.Path, "?")
	if strings.Contains(path, ownID) {
		add("with ../ from one's own", on(own, "", strings.Replace(path, ownID, ownID+"/../"+foreignID, 1)).request)
		add("with an encoded ../ from one's own", on(own, "", strings.Replace(path, ownID, ownID+"%2f..%2f"+foreignID, 1)).request)
		add("with both identifiers", on(own, "", strings.Replace(path, ownID, ownID+","+foreignID, 1)).request)
	}
	variants = append(variants, inQuery(own, ownID, foreignID)...)
	variants = append(variants, inJSON(own, ownID, foreignID)...)
	return variants
}

func withCookie(request httpstep.Request, name, value string) httpstep.Request {
	changed := request.Clone()
	changed.Header.Set(extraCookie, name+"="+url.QueryEscape(value))
	return changed
}

// extraCookie is a header of ours, never sent: the session adds what stands in it to its own cookies.
const extraCookie = "X-Launchready-Cookie"

// inQuery doubles the parameter in which the identifier stands: checked by its first value and used by its last, or the other way round.
func inQuery(own httpstep.Request, ownID, foreignID string) []variant {
	path, query, _ := strings.Cut(own.Path, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil
	}
	var variants []variant
	for name, all := range values {
		for _, value := range all {
			if value != ownID {
				continue
			}
			rest := url.Values{}
			for other, v := range values {
				if other != name {
					rest[other] = v
				}
			}
			a, b := name+"="+url.QueryEscape(ownID), name+"="+url.QueryEscape(foreignID)
			for trick, q := range map[string]string{
				"with the parameter twice, the other's last":  a + "&" + b,
				"with the parameter twice, the other's first": b + "&" + a,
				"with the parameter as an array":              name + "[]=" + url.QueryEscape(ownID) + "&" + name + "[]=" + url.QueryEscape(foreignID),
				"with both identifiers in the parameter":      name + "=" + url.QueryEscape(ownID+","+foreignID),
				"with the parameter in capitals besides":      a + "&" + strings.ToUpper(name) + "=" + url.QueryEscape(foreignID),
			} {
				changed := own.Clone()
				changed.Path = strings.TrimSuffix(path+"?"+q+"&"+rest.Encode(), "&")
				variants = append(variants, variant{trick, changed})
			}
		}
	}
	return variants
}

// inJSON doubles the identifier in a JSON body: as an array of both, and as a name that stands twice (RFC 8259 §4: what
// becomes of it differs).
func inJSON(own httpstep.Request, ownID, foreignID string) []variant {
	if !json.Valid(own.Body) {
		return nil
	}
	quotedOwn, _ := json.Marshal(ownID)         //nolint:errchkjson // a string
	quotedForeign, _ := json.Marshal(foreignID) //nolint:errchkjson // a string
	var variants []variant
	with := func(trick string, old, replacement []byte) {
		if bytes.Contains(own.Body, old) {
			changed := own.Clone()
			changed.Body = bytes.Replace(own.Body, old, replacement, 1)
			if json.Valid(changed.Body) {
				variants = append(variants, variant{trick, changed})
			}
		}
	}
	both := bytes.Join([][]byte{quotedOwn, quotedForeign}, []byte(","))
	with("with both identifiers in the array", quotedOwn, both)
	with("with an array of both identifiers", quotedOwn, append(append([]byte("["), both...), ']'))
	var doc map[string]json.RawMessage
	if json.Unmarshal(own.Body, &doc) != nil {
		return variants
	}
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		if !bytes.Contains(doc[name], quotedOwn) {
			continue
		}
		key, _ := json.Marshal(name) //nolint:errchkjson // a string
		field := string(key) + ":" + string(bytes.ReplaceAll(doc[name], quotedOwn, quotedForeign))
		body := bytes.TrimSpace(own.Body)
		last, first := own.Clone(), own.Clone()
		last.Body = append(bytes.TrimSuffix(slices.Clone(body), []byte("}")), []byte(","+field+"}")...)
		first.Body = append([]byte("{"+field+","), body[1:]...)
		variants = append(variants, variant{"with the name twice, the other's last", last}, variant{"with the name twice, the other's first", first})
	}
	return variants
}

// filterVariants ask a list for what is not one's own.
func filterVariants(request httpstep.Request, id, resource string, traits []string) []variant {
	singular := strings.TrimSuffix(resource, "s")
	var variants []variant
	add := func(trick, query string) {
		variants = append(variants, variant{trick, withQuery(request, query)})
	}
	for _, name := range []string{"id", "ids", singular + "_id"} {
		add("with the identifier in the query's "+name, name+"="+url.QueryEscape(id))
	}
	for _, query := range []string{"all=true", "all=1", "scope=all", "filter=", "limit=1000&offset=0", "include_deleted=true", "admin=true"} {
		add("with "+query, query)
	}
	for _, trait := range traits {
		path, _, _ := strings.Cut(request.Path, "?")
		if slash := strings.LastIndex(path, "/"); slash >= 0 {
			for _, kind := range []string{"tenants", "users", "orgs", "workspaces"} {
				moved := path[:slash] + "/" + kind + "/" + url.PathEscape(trait) + path[slash:]
				variants = append(variants, on(request, "below /"+kind+"/ of the other", moved))
			}
		}
	}
	return variants
}
