// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
)

const (
	// enough is the share of what the administrator alone was shown that convicts a reply to somebody else.
	enough = 0.6
	// leastText is how many characters those words must have together, so that a chance can't convict.
	leastText = 12
	// leastTrait is how long a name must be by which somebody is recognised on a page.
	leastTrait = 4
)

// usualAdminPaths are where administration usually is: the counter-check of absent: [Admin].
var usualAdminPaths = []string{"/admin", "/admin/", "/api/admin", "/api/admin/users", "/api/v1/admin", "/administrator", "/wp-admin/", "/manage", "/management", "/actuator", "/dashboard/admin", "/internal", "/_admin"}

func (r *run) get(ctx context.Context, s session, path string) (*httpstep.Response, error) {
	return r.send(ctx, s, httpstep.Request{Method: http.MethodGet, Path: path, Header: http.Header{}})
}

// adminPage is an administrative path, and what the administrator alone is shown there.
type adminPage struct {
	path   string
	admin  *person
	secret set
	// body is what the administrator was shown, and telling says whether there is anything in it that comes out of the app's
	// data: text that is the same for everybody may be the frame into which a script fills them.
	body    []byte
	telling bool
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
	judged := map[string]int{}
	var outsiders []*person
	for _, p := range append([]*person{nil}, r.people...) {
		if p == nil || !p.admin() {
			outsiders = append(outsiders, p)
		}
	}
	for _, path := range r.App.AdminPaths {
		r.attackPage(ctx, r.people[i], string(path), outsiders, judged)
	}
	if r.unmeasuredAdmin {
		return // it has been said why
	}
	for _, p := range outsiders {
		if judged[called(p)] == 0 {
			r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
				fmt.Sprintf("What %s shows the administrator holds nothing that others could be seen to get: describe the API behind it in spec.app.adminPaths.", r.App.AdminPaths[0]), v1alpha1.RowAuthEnforced)
			return
		}
	}
}

// attackPage asks for one path as every outsider, and counts for each in how many it could be judged.
func (r *run) attackPage(ctx context.Context, admin *person, path string, outsiders []*person, judged map[string]int) {
	// The others ask first, before a cache can know what the administrator is shown.
	first := make([]reply, len(outsiders))
	for i, p := range outsiders {
		resp, err := r.get(ctx, r.carried(attempt{}, p), path)
		first[i] = reply{resp, err}
	}
	page, ok := r.controlAdmin(ctx, admin, path)
	if !ok {
		return
	}
	shown := false
	for i, p := range outsiders {
		// The tricks are tried by nobody and by one user: another user is the same to them.
		if r.adminAs(ctx, page, outsider{p, first[i]}, i < 2) {
			judged[called(p)]++
			shown = true
		}
	}
	if shown {
		r.pages = append(r.pages, page)
		r.control(v1alpha1.RowAuthEnforced, "%s was shown %s.", admin.Name, path)
		return
	}
	r.sayShell(path)
}

// sayShell notes that a path tells nothing, beside others that do.
func (r *run) sayShell(path string) {
	r.control(v1alpha1.RowAuthEnforced, "%s shows the administrator a shell alone, and was left out.", path)
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
		r.unmeasuredAdmin = true
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("The administrator %s was not shown %s, so that a denial to others proves nothing: correct spec.app.adminPaths or the identity's role.", admin.Name, path), v1alpha1.RowAuthEnforced)
		return adminPage{}, false
	}
	page := adminPage{path: path, admin: admin, secret: words(resp), body: resp.Body, telling: r.tells(resp)}
	// What differs from one look to the next, such as a time or a counter, is not recognised again.
	if again, err := r.get(ctx, admin.session, path); err == nil {
		page.secret.keep(words(again))
	}
	for _, known := range r.baseline.words {
		page.secret.remove(known)
	}
	if r.baseline.shell(path, resp) || page.secret.text() < leastText || onlyScripts(resp) {
		r.sayShell(path)
		return adminPage{}, false
	}
	return page, true
}

// tells says whether a reply holds data: JSON or any other format for machines does, and a page in which somebody is named whom
// we know.
func (r *run) tells(resp *httpstep.Response) bool {
	if !looksLikePage(resp) {
		return true
	}
	for _, p := range r.people {
		for _, trait := range p.traits {
			if len(trait) >= leastTrait && bytes.Contains(resp.Body, []byte(trait)) {
				return true
			}
		}
	}
	return false
}

// adminAs asks for an administrative path as somebody else. It says whether the path tells anything of that.
func (r *run) adminAs(ctx context.Context, page adminPage, o outsider, tricks bool) bool {
	p := o.person
	plainRule := adminOpen
	if p != nil {
		plainRule = adminForUsers
		page = page.unknownTo(ctx, r, p)
	}
	if page.secret.text() < leastText {
		return false
	}
	request := httpstep.Request{Method: http.MethodGet, Path: page.path, Header: http.Header{}}
	plain := attempt{rule: plainRule, request: request, shown: "GET " + page.path}
	if o.first.err == nil && page.shownIn(o.first.Response) {
		if !page.telling && bytes.Equal(page.body, o.first.Body) {
			return false
		}
		r.tried(v1alpha1.RowAuthEnforced, plain.shown)
		r.find(plain.rule.row, r.finding(plain, called(p), fmt.Sprintf("%s got what only an administrator may see", called(p))))
		return true
	}
	plain.rule = cachedReply
	if r.adminBatch(ctx, page, p, []attempt{plain}) || !tricks {
		return true
	}
	attempts := r.adminAttempts(request, plain.shown)
	for batch := range slices.Chunk(attempts, batchSize) {
		if r.adminBatch(ctx, page, p, batch) {
			return true
		}
	}
	r.headShowsAdmin(ctx, page, p, attempts[0])
	return true
}

// adminAttempts are the tricks to get at an administrative path.
func (r *run) adminAttempts(request httpstep.Request, shown string) []attempt {
	variants := slices.Concat(pathVariants(request, ""), roleVariants(request))
	if r.App.Writes == v1alpha1.WritesSandbox {
		variants = append(variants, methodVariants(request)...)
	}
	var attempts []attempt
	for _, v := range variants {
		attempts = append(attempts, attempt{rule: adminTrick, request: v.request, shown: shown, trick: v.trick})
	}
	return attempts
}

// adminBatch sends attempts, and says whether there is no need to go on: one got what the administrator alone is shown, or the
// denials mean nothing, for the administrator or the attacker was shut out.
func (r *run) adminBatch(ctx context.Context, page adminPage, p *person, batch []attempt) bool {
	for try := range 2 {
		if try > 0 {
			// It may have been too much at once, or the sessions have ended.
			r.workers.Store(1)
			if page.admin.login(ctx) != nil || (p != nil && p.login(ctx) != nil) {
				break
			}
		}
		if r.showsAdmin(ctx, page, p, batch) {
			return true
		}
		if r.adminAlive(ctx, page, p) {
			return false
		}
		if ctx.Err() != nil {
			return true
		}
	}
	r.unmeasuredAdmin = true
	r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
		fmt.Sprintf("%s or %s lost access to its own during the attacks on %s, so that denials prove nothing. Look for a lockout, or a rate limit that says something else than spec.app.rateLimited.", page.admin.Name, called(p), page.path), v1alpha1.RowAuthEnforced)
	return true
}

// adminAlive says whether the administrator is still shown the path, and the attacker its own.
func (r *run) adminAlive(ctx context.Context, page adminPage, p *person) bool {
	if still, err := r.get(ctx, page.admin.session, page.path); err != nil || !page.shownIn(still) {
		return false
	}
	if p == nil {
		return true
	}
	own := r.thingOf(p)
	if own == nil {
		return true
	}
	_, ok := r.readsBack(ctx, own, own.ways[0])
	return ok
}

// thingOf gives something that the person planted and gets back.
func (r *run) thingOf(p *person) *thing {
	for _, t := range r.things {
		if t.owner == p && len(t.ways) > 0 && !t.gone {
			return t
		}
	}
	return nil
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

// headShowsAdmin says whether HEAD is let through where GET is not: the guard goes by the method. The length of the body that GET
// would have (RFC 9110 §9.3.2) has to be that of what the administrator is shown, for a server may say 200 to every HEAD.
func (r *run) headShowsAdmin(ctx context.Context, page adminPage, p *person, a attempt) {
	ask := func(method string, s session) *httpstep.Response {
		resp, err := r.send(ctx, s, httpstep.Request{Method: method, Path: page.path, Header: http.Header{}})
		if err != nil {
			return &httpstep.Response{Status: http.StatusBadGateway, Header: http.Header{}}
		}
		return resp
	}
	r.tried(v1alpha1.RowAuthEnforced, "HEAD "+page.path)
	head, get, admins := ask(http.MethodHead, r.carried(a, p)), ask(http.MethodGet, r.carried(a, p)), ask(http.MethodHead, page.admin.session)
	length := head.Header.Get("Content-Length")
	if head.Status != http.StatusOK || get.Status < 400 || length == "" || length == "0" || length != admins.Header.Get("Content-Length") {
		return
	}
	a = attempt{rule: adminTrick, request: httpstep.Request{Method: http.MethodHead, Path: page.path}, shown: "HEAD " + page.path}
	r.find(a.rule.row, r.finding(a, called(p), fmt.Sprintf("%s was let through with HEAD and refused with GET: the guard goes by the method", called(p))))
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
		r.tried(v1alpha1.RowAuthEnforced)
		resp, err := r.get(ctx, session{}, path)
		if err != nil || resp.Status == http.StatusNotFound || resp.Status == http.StatusMethodNotAllowed || r.baseline.shell(path, resp) {
			continue
		}
		if resp.Status == http.StatusUnauthorized || resp.Status == http.StatusForbidden || resp.Status == http.StatusOK || sendsToLogin(resp) {
			random, err := r.get(ctx, session{}, "/"+marker.New().Secret)
			if err == nil && random.Status == resp.Status {
				continue // everything is answered so
			}
			r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured,
				fmt.Sprintf("spec.app.absent says Admin, but %s is answered %d: add it to spec.app.adminPaths.", path, resp.Status), v1alpha1.RowAuthEnforced)
		}
	}
}

// loginPath is where those are sent who have to log in.
var loginPath = regexp.MustCompile(`(?i)log-?in|sign-?in|auth|sso|oauth`)

func sendsToLogin(resp *httpstep.Response) bool {
	return resp.Status >= 300 && resp.Status < 400 && loginPath.MatchString(resp.Header.Get("Location"))
}
