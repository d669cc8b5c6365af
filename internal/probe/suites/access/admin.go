// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
)

const (
	// enough is the share of what the administrator alone was shown that convicts a reply to somebody else.
	enough = 0.6
	// leastText is how many characters those words must have together, so that a chance can't convict.
	leastText = 12
)

// usualAdminPaths are where administration usually is: the counter-check of absent: [Admin].
var usualAdminPaths = []string{"/admin", "/admin/", "/api/admin", "/api/admin/users", "/api/v1/admin", "/administrator", "/wp-admin/", "/manage", "/management", "/actuator", "/dashboard/admin", "/internal", "/_admin"}

// baseline is what the app answers where there is nothing: a shell, neither leak nor guard.
type baseline struct {
	words []set
	exact [][]byte
}

type set map[string]bool

// measureBaseline asks for two paths that can't exist, and for the front page.
func (r *run) measureBaseline(ctx context.Context) baseline {
	var b baseline
	for _, path := range []string{"/" + marker.New().Secret, "/api/" + marker.New().Secret, "/"} {
		resp, err := r.get(ctx, session{}, path)
		if err != nil {
			continue
		}
		b.words = append(b.words, words(resp))
		b.exact = append(b.exact, bytes.ReplaceAll(resp.Body, []byte(path), nil))
	}
	return b
}

// shell says whether a reply is what is answered where there is nothing.
func (b baseline) shell(path string, resp *httpstep.Response) bool {
	body := bytes.ReplaceAll(resp.Body, []byte(path), nil)
	return slices.ContainsFunc(b.exact, func(e []byte) bool { return bytes.Equal(e, body) })
}

func (r *run) get(ctx context.Context, s session, path string) (*httpstep.Response, error) {
	return r.send(ctx, s, httpstep.Request{Method: http.MethodGet, Path: path, Header: http.Header{}})
}

// adminPage is an administrative path, and what the administrator alone is shown there.
type adminPage struct {
	path   string
	admin  *person
	secret set
}

// attackAdmin asks for every administrative path as everybody but the administrators.
func (r *run) attackAdmin(ctx context.Context) {
	if slices.Contains(r.App.Absent, v1alpha1.FeatureAdmin) {
		r.counterCheckAdmin(ctx)
		return
	}
	if len(r.App.AdminPaths) == 0 {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured,
			"Nobody said which paths only administrators may use. Set spec.app.adminPaths, such as [/admin, /api/admin/users], or spec.app.absent: [Admin].", v1alpha1.RowAuthEnforced)
		return
	}
	i := slices.IndexFunc(r.people, (*person).admin)
	if i < 0 {
		return // that its login failed has been said
	}
	admin := r.people[i]
	for _, path := range r.App.AdminPaths {
		// The others ask first, before a cache can know what the administrator is shown.
		var others []outsider
		for _, p := range append([]*person{nil}, r.people...) {
			if p == nil || !p.admin() {
				resp, err := r.get(ctx, r.carried(attempt{}, p), string(path))
				others = append(others, outsider{p, reply{resp, err}})
			}
		}
		page, ok := r.controlAdmin(ctx, admin, string(path))
		if !ok {
			continue
		}
		for i, o := range others {
			// The tricks are tried by nobody and by one user: another user is the same to them.
			r.adminAs(ctx, page, o, i < 2)
		}
	}
}

// outsider is somebody who must not be shown an administrative path, and what came when it asked before the administrator.
type outsider struct {
	*person
	first reply
}

// controlAdmin asks for the path as the administrator. Only what nobody is shown elsewhere can convict.
func (r *run) controlAdmin(ctx context.Context, admin *person, path string) (adminPage, bool) {
	resp, err := r.get(ctx, admin.session, path)
	if err == nil && (resp.Status == http.StatusUnauthorized || resp.Status == http.StatusForbidden) && admin.login(ctx) == nil {
		resp, err = r.get(ctx, admin.session, path)
	}
	if err != nil || resp.Status != http.StatusOK {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("The administrator %s was not shown %s, so that a denial to others proves nothing: correct spec.app.adminPaths or the identity's role.", admin.Name, path), v1alpha1.RowAuthEnforced)
		return adminPage{}, false
	}
	page := adminPage{path: path, admin: admin, secret: words(resp)}
	for _, known := range r.baseline.words {
		page.secret.remove(known)
	}
	if r.baseline.shell(path, resp) || page.secret.text() < leastText || onlyScripts(resp) {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("What %s shows the administrator holds nothing that others could be seen to get: describe the API behind it in spec.app.adminPaths.", path), v1alpha1.RowAuthEnforced)
		return adminPage{}, false
	}
	r.control(v1alpha1.RowAuthEnforced, "%s was shown %s.", admin.Name, path)
	return page, true
}

// adminAs asks for an administrative path as somebody else.
func (r *run) adminAs(ctx context.Context, page adminPage, o outsider, tricks bool) {
	p := o.person
	plainRule := adminForUsers
	if p == nil {
		plainRule = adminOpen
	} else {
		page = page.unknownTo(ctx, r, p)
	}
	if page.secret.text() < leastText {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("What %s shows the administrator holds nothing that %s is not shown elsewhere: describe the API behind it in spec.app.adminPaths.", page.path, called(p)), v1alpha1.RowAuthEnforced)
		return
	}
	request := httpstep.Request{Method: http.MethodGet, Path: page.path, Header: http.Header{}}
	shown := "GET " + page.path
	r.tried(v1alpha1.RowAuthEnforced, 1)
	plain := attempt{rule: plainRule, request: request, shown: shown}
	if o.first.err == nil && page.shownIn(o.first.Response) {
		r.find(plain.rule.row, r.finding(plain, called(p), fmt.Sprintf("%s got what only an administrator may see", called(p))))
		return
	}
	plain.rule = cachedReply
	if r.showsAdmin(ctx, page, p, []attempt{plain}) || !tricks {
		return
	}
	variants := slices.Concat(pathVariants(request, ""), roleVariants(request))
	if r.App.Writes == v1alpha1.WritesSandbox {
		variants = append(variants, methodVariants(request)...)
	}
	var attempts []attempt
	for _, v := range variants {
		attempts = append(attempts, attempt{rule: adminTrick, request: v.request, shown: shown, trick: v.trick})
	}
	if r.showsAdmin(ctx, page, p, attempts) || r.headShowsAdmin(ctx, page, p, attempts[0]) {
		return
	}
	if still, err := r.get(ctx, page.admin.session, page.path); err != nil || !page.shownIn(still) {
		if page.admin.login(ctx) != nil {
			r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
				fmt.Sprintf("The administrator %s lost access to %s during the attacks, so that denials prove nothing.", page.admin.Name, page.path), v1alpha1.RowAuthEnforced)
		}
	}
}

// unknownTo leaves out what a person is shown on the front page and where there is nothing: the frame of every page.
func (page adminPage) unknownTo(ctx context.Context, r *run, p *person) adminPage {
	secret := set{}
	for word := range page.secret {
		secret[word] = true
	}
	for _, path := range []string{"/", "/" + marker.New().Secret} {
		if resp, err := r.get(ctx, p.session, path); err == nil {
			secret.remove(words(resp))
		}
	}
	page.secret = secret
	return page
}

// showsAdmin says whether one of the attempts got what the administrator alone is shown: the first is enough.
func (r *run) showsAdmin(ctx context.Context, page adminPage, p *person, attempts []attempt) bool {
	for i, reply := range r.sendAll(ctx, p, attempts) {
		if reply.err == nil && page.shownIn(reply.Response) {
			a := attempts[i]
			r.find(a.rule.row, r.finding(a, called(p), fmt.Sprintf("%s got what only an administrator may see", called(p))))
			return true
		}
	}
	return false
}

// headShowsAdmin says whether HEAD is let through where GET is not: the guard goes by the method. What tells it from a server that
// says 200 to every HEAD is a path that can't exist.
func (r *run) headShowsAdmin(ctx context.Context, page adminPage, p *person, a attempt) bool {
	head := func(path string) (*httpstep.Response, error) {
		return r.send(ctx, r.carried(a, p), httpstep.Request{Method: http.MethodHead, Path: path, Header: http.Header{}})
	}
	r.tried(v1alpha1.RowAuthEnforced, 1)
	resp, err := head(page.path)
	get, errGet := r.send(ctx, r.carried(a, p), httpstep.Request{Method: http.MethodGet, Path: page.path, Header: http.Header{}})
	nothing, errNothing := head("/" + marker.New().Secret)
	if err != nil || errGet != nil || errNothing != nil || resp.Status != http.StatusOK || nothing.Status == http.StatusOK || get.Status < 400 {
		return false
	}
	a = attempt{rule: adminTrick, request: httpstep.Request{Method: http.MethodHead, Path: page.path}, shown: "HEAD " + page.path}
	r.find(a.rule.row, r.finding(a, called(p), fmt.Sprintf("%s was let through with HEAD and refused with GET: the guard goes by the method", called(p))))
	return true
}

// shownIn says whether a reply shows what the administrator alone is shown.
func (page adminPage) shownIn(resp *httpstep.Response) bool {
	if resp.Status >= 300 {
		return false
	}
	found := set{}
	got := words(resp)
	for word := range page.secret {
		if got[word] {
			found[word] = true
		}
	}
	return found.text() >= leastText && float64(len(found)) >= enough*float64(len(page.secret))
}

// roleVariants claim the role in the request.
func roleVariants(request httpstep.Request) []variant {
	var variants []variant
	for _, query := range []string{"admin=true", "admin=1", "role=admin", "is_admin=true", "debug=true"} {
		variants = append(variants, variant{"with " + query, withQuery(request, query)})
	}
	for _, header := range [][2]string{{"X-Role", "admin"}, {"X-User-Role", "admin"}, {"X-Roles", "admin"}, {"X-Admin", "true"}, {"X-Is-Admin", "true"}, {"X-Forwarded-Groups", "admin"}, {"X-Forwarded-Host", "localhost"}, {"Referer", request.Path}} {
		variants = append(variants, variant{"with " + header[1] + " in " + header[0], withHeader(request, header[0], header[1])})
	}
	for _, cookie := range [][2]string{{"role", "admin"}, {"admin", "true"}, {"admin", "1"}, {"is_admin", "true"}, {"isAdmin", "true"}} {
		variants = append(variants, variant{"with the cookie " + cookie[0] + "=" + cookie[1], withCookie(request, cookie[0], cookie[1])})
	}
	return variants
}

// methodVariants ask with other methods. They may change something, so that they need a sandbox.
func methodVariants(request httpstep.Request) []variant {
	var variants []variant
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodOptions} {
		changed := request.Clone()
		changed.Method = method
		variants = append(variants, variant{"with the method " + method, changed})
	}
	for _, name := range overrideHeaders {
		changed := withHeader(request, name, http.MethodGet)
		changed.Method = http.MethodPost
		variants = append(variants, variant{"with the method POST and GET in " + name, changed})
	}
	return variants
}

// counterCheckAdmin looks whether there is an administration where usually one is.
func (r *run) counterCheckAdmin(ctx context.Context) {
	for _, path := range usualAdminPaths {
		r.tried(v1alpha1.RowAuthEnforced, 1)
		resp, err := r.get(ctx, session{}, path)
		if err != nil || resp.Status == http.StatusNotFound || resp.Status == http.StatusMethodNotAllowed || r.baseline.shell(path, resp) {
			continue
		}
		if resp.Status == http.StatusUnauthorized || resp.Status == http.StatusForbidden || resp.Status == http.StatusOK {
			random, err := r.get(ctx, session{}, "/"+marker.New().Secret)
			if err == nil && random.Status == resp.Status {
				continue // everything is answered so
			}
			r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured,
				fmt.Sprintf("spec.app.absent says Admin, but %s is answered %d: add it to spec.app.adminPaths.", path, resp.Status), v1alpha1.RowAuthEnforced)
		}
	}
}

func (s set) remove(other set) {
	for word := range other {
		delete(s, word)
	}
}

// text counts the characters of the words, without the names in front of them.
func (s set) text() int {
	n := 0
	for word := range s {
		_, value, named := strings.Cut(word, "=")
		if !named {
			value = word
		}
		n += utf8.RuneCountInString(value)
	}
	return n
}

var wordPattern = regexp.MustCompile(`[\p{L}\p{N}_@.+-]{3,}`)

// words gives what a reply says: the scalars of JSON with their names in front, else the words of the visible text.
func words(resp *httpstep.Response) set {
	found := set{}
	var doc any
	if json.Unmarshal(resp.Body, &doc) == nil {
		walkJSON(doc, "", func(path string, v any) {
			if text := scalar(v); text != "" {
				found[path+"="+text] = true
			} else if b, ok := v.(bool); ok {
				found[fmt.Sprintf("%s=%v", path, b)] = true
			}
		})
		return found
	}
	for _, word := range wordPattern.FindAllString(visibleText(resp.Body), -1) {
		found[word] = true
	}
	return found
}

// visibleText gives the text of a page without scripts and styles.
func visibleText(body []byte) string {
	var b strings.Builder
	z := html.NewTokenizer(bytes.NewReader(body))
	hidden := 0
	for {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.StartTagToken:
			if name, _ := z.TagName(); hides(name) {
				hidden++
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); hides(name) && hidden > 0 {
				hidden--
			}
		case html.TextToken:
			if hidden == 0 {
				b.Write(z.Text())
				b.WriteByte(' ')
			}
		}
	}
}

func hides(tag []byte) bool {
	return string(tag) == "script" || string(tag) == "style" || string(tag) == "title" || string(tag) == "noscript"
}

// shellText is below how many characters of visible text a page with scripts is a shell that shows nothing by itself.
const shellText = 200

func onlyScripts(resp *httpstep.Response) bool {
	lower := bytes.ToLower(resp.Body)
	return bytes.Contains(lower, []byte("<script")) && len(strings.TrimSpace(visibleText(resp.Body))) < shellText
}
