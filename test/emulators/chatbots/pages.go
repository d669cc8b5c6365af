// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
)

const head = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Chatbot</title></head><body>`

// The pages are few and small; html/template escapes what comes from users.
var (
	homePage = page(`<h1>Chatbot</h1>{{with .User}}<p>Hello {{.Name}}</p>{{else}}<p><a href="/login">Log in</a></p>{{end}}` + bundleTag)

	loginPage = page(`<h1>Log in</h1>{{with .Message}}<p>{{.}}</p>{{end}}<form method="post" action="/login">
<input type="hidden" name="csrf" value="{{.CSRF}}">
<input name="email" type="email"><input name="password" type="password"><button>Log in</button></form>`)

	adminHTML = page(`<h1>Administration of {{.Tenant}}</h1><table>{{range .Users}}
<tr><td>{{.ID}}</td><td>{{.Email}}</td><td>{{.Role}}</td></tr>{{end}}</table>`)

	talkPage = page(`<h1>{{.Title}}</h1>{{range .Messages}}<p class="{{.Author}}">{{.Shown}}</p>{{end}}`)

	errorPage = page(`<h1>{{.Status}} {{.Title}}</h1><p>{{.Message}}</p>`)

	shellPage = page(`<div id="app"></div><noscript>This app needs JavaScript.</noscript>` + bundleTag)
)

// bundleTag is where a page loads the script, if there is one.
const bundleTag = `{{if .Bundle}}<script type="module" src="/assets/app.js"></script>{{end}}`

func page(body string) *template.Template {
	return template.Must(template.New("").Parse(head + body + "</body></html>\n"))
}

func (a *App) html(c *call, status int, page *template.Template, data any) error {
	var out bytes.Buffer
	if err := page.Execute(&out, data); err != nil {
		return fmt.Errorf("write a page: %w", err)
	}
	return a.write(c, status, "text/html; charset=utf-8", out.Bytes())
}

// talk is a conversation as a page. Messages are text there, but under the weakness page-unescaped.
func (a *App) talk(c *call) error {
	o, err := a.find(c, opRead, conversations, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	said, err := a.store.messages(c.ctx(), o.ID)
	if err != nil {
		return err
	}
	type shown struct {
		Author string
		Shown  any
	}
	var list []shown
	for _, m := range said {
		if m.Author == byBot && a.weak(PageUnescaped) {
			list = append(list, shown{m.Author, template.HTML(m.Text)}) //nolint:gosec // a weakness
		} else {
			list = append(list, shown{m.Author, m.Text})
		}
	}
	return a.html(c, http.StatusOK, talkPage, fields{"Title": o.Title, "Messages": list})
}

func (a *App) home(c *call) error {
	if a.odd(SPAShell) {
		return a.shell(c)
	}
	return a.html(c, http.StatusOK, homePage, fields{"User": c.user, "Bundle": a.cfg.Bundle != ""})
}

// shell is the page of an app that runs in the browser.
func (a *App) shell(c *call) error {
	return a.html(c, http.StatusOK, shellPage, fields{"Bundle": a.cfg.Bundle != ""})
}

// bundle is the script that the pages load.
func (a *App) bundle(c *call) error {
	return a.write(c, http.StatusOK, "text/javascript; charset=utf-8", []byte(a.cfg.Bundle))
}
