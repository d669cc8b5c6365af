// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
)

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

// keep leaves only what is in the other as well.
func (s set) keep(other set) {
	for word := range s {
		if !other[word] {
			delete(s, word)
		}
	}
}

// remove leaves out what is in the other.
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

// looksLikePage says whether a reply is for people: HTML, by its kind or by its beginning.
func looksLikePage(resp *httpstep.Response) bool {
	body := bytes.ToLower(bytes.TrimSpace(resp.Body))
	return strings.Contains(resp.Header.Get("Content-Type"), "html") || bytes.HasPrefix(body, []byte("<!doctype html")) || bytes.HasPrefix(body, []byte("<html"))
}
