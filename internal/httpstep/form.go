// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"bytes"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// form is a form of a page, as a browser would send it if nobody filled anything in.
type form struct {
	action string
	// fields are the values of its inputs, by name.
	fields map[string]string
	// password says that it asks for one.
	password bool
}

// Form gives the values of the page's form, by the names of its fields: of the first form that asks for a password, or else of the
// first. It is empty where there is none.
func (r *Response) Form() map[string]string {
	r.readForm()
	return r.form.fields
}

// FormAction gives the path, with its query, that this form is sent to; "" where there is none.
func (r *Response) FormAction() string {
	r.readForm()
	return r.form.action
}

func (r *Response) readForm() {
	r.parseForm.Do(func() {
		r.form = form{fields: map[string]string{}}
		forms := formsOf(r.Body)
		if len(forms) == 0 {
			return
		}
		r.form = forms[0]
		for _, f := range forms {
			if f.password {
				r.form = f
				break
			}
		}
		r.form.action = pathOn(r.URL, r.form.action)
	})
}

// pathOn gives path and query of a form's action, which is relative to the page's URL; without an action it is the page itself.
// WHATWG HTML, form submission.
func pathOn(page, action string) string {
	base, err := url.Parse(page)
	if err != nil {
		return ""
	}
	to := base
	if action = strings.TrimSpace(action); action != "" {
		if to, err = base.Parse(action); err != nil {
			return ""
		}
	}
	path := to.EscapedPath()
	if path == "" {
		path = "/"
	}
	if to.RawQuery != "" {
		path += "?" + to.RawQuery
	}
	return path
}

// formsOf reads the forms of a page. It looks at one token after another and builds no tree, so that no page is expensive.
func formsOf(page []byte) []form {
	var all []form
	within := false
	tokens := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return all
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			switch {
			case token.DataAtom == atom.Form && !within: // a form within a form is none
				within = true
				all = append(all, form{action: attributesOf(token)["action"], fields: map[string]string{}})
			case token.DataAtom == atom.Input && within:
				all[len(all)-1].add(attributesOf(token))
			}
		case html.EndTagToken:
			if tokens.Token().DataAtom == atom.Form {
				within = false
			}
		case html.TextToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

// add adds an input, if a browser would send it.
func (f *form) add(input map[string]string) {
	value := input["value"]
	kind := strings.ToLower(input["type"])
	_, checked := input["checked"]
	_, disabled := input["disabled"]
	switch kind {
	case "submit", "button", "image", "reset", "file":
		return
	case "checkbox", "radio":
		if !checked {
			return
		}
		if _, given := input["value"]; !given {
			value = "on"
		}
	case "password":
		f.password = true
	}
	if name := input["name"]; name != "" && !disabled {
		f.fields[name] = value
	}
}

// attributesOf gives the attributes of a tag; of several with one name the first counts.
func attributesOf(token html.Token) map[string]string {
	all := map[string]string{}
	for _, a := range token.Attr {
		if _, had := all[a.Key]; !had {
			all[a.Key] = a.Val
		}
	}
	return all
}
