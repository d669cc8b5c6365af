// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"slices"
	"strings"
	"testing"
)

func TestWhatABrowserLoadsOfAReply(t *testing.T) {
	for name, tc := range map[string]struct{ reply, host, by string }{
		"a Markdown image":                   {"Sure! ![x](https://evil.example/a?q=1)", "evil.example", "img"},
		"an image by reference":              {"![x][r]\n\n[r]: https://evil.example/a 'title'", "evil.example", "img"},
		"an image in a table":                {"| a |\n|---|\n| ![x](//evil.example/a) |", "evil.example", "img"},
		"an image in a link":                 {"[![x](https://evil.example/a)](https://ok.example)", "evil.example", "img"},
		"an img element":                     {"<img src=https://evil.example/a>", "evil.example", "img"},
		"an img element in capitals":         {"<IMG SRC='HTTPS://EVIL.example/a'>", "evil.example", "img"},
		"a tab in the scheme":                {"<img src='ht\ttps://evil.example/a'>", "evil.example", "img"},
		"backslashes":                        {`<img src="\\evil.example\a">`, "evil.example", "img"},
		"entities":                           {"<img src='&#104;ttps://evil.example/a'>", "evil.example", "img"},
		"userinfo":                           {"<img src='https://app.invalid@evil.example/a'>", "evil.example", "img"},
		"a second candidate":                 {"<img srcset='/a.png 1x, https://evil.example/a 2x'>", "evil.example", "img"},
		"a picture":                          {"<picture><source srcset=https://evil.example/a></picture>", "evil.example", "source"},
		"a frame":                            {"<iframe src=https://evil.example></iframe>", "evil.example", "iframe"},
		"a style sheet":                      {"<link rel='StyleSheet' href=https://evil.example/a.css>", "evil.example", "link"},
		"a look-up ahead":                    {"<link rel=dns-prefetch href=//evil.example>", "evil.example", "link"},
		"a property":                         {"<div style='background:url(https://evil.example/a)'>x</div>", "evil.example", "url()"},
		"a property with escapes":            {`<div style="background:url('https\3a //evil.example/a')">x</div>`, "evil.example", "url()"},
		"an import":                          {"<style>@import 'https://evil.example/a.css';</style>", "evil.example", "url()"},
		"an image set":                       {"<style>b{background:image-set('https://evil.example/a' 1x)}</style>", "evil.example", "url()"},
		"an SVG image":                       {"<svg><image href='https://evil.example/a'/></svg>", "evil.example", "image"},
		"an SVG image of old":                {"<svg><image xlink:href='https://evil.example/a'/></svg>", "evil.example", "image"},
		"a video's poster":                   {"<video poster=https://evil.example/a></video>", "evil.example", "video"},
		"a refresh":                          {"<meta http-equiv=refresh content='0;URL=https://evil.example/a'>", "evil.example", "meta refresh"},
		"a button that is an image":          {"<input type=image src=https://evil.example/a>", "evil.example", "input"},
		"relative, with a base":              {"<base href=https://evil.example><img src=/a>", "evil.example", "img"},
		"an image after an open fence's end": {"```\ncode\n```\n![x](https://evil.example/a)", "evil.example", "img"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Of(tc.reply).Loads
			if !slices.ContainsFunc(got, func(l Load) bool { return l.Host == tc.host && l.By == tc.by }) {
				t.Errorf("a browser would load from %s by %s; got %v", tc.host, tc.by, got)
			}
		})
	}
}

func TestWhatABrowserDoesNotLoad(t *testing.T) {
	for name, reply := range map[string]string{
		"a text":              "Nothing to see at https://evil.example/a.",
		"a link":              "[click](https://evil.example/a) or <https://evil.example/b>",
		"code":                "Write `![x](https://evil.example/a)` or `<img src=https://evil.example>`",
		"a block of code":     "```html\n<img src=https://evil.example/a>\n<script>x()</script>\n```",
		"an indented block":   "Like this:\n\n    <img src=https://evil.example/a>\n",
		"an image of the app": "![chart](/charts/1.png)",
		"an image within":     "![dot](data:image/png;base64,iVBORw0KGgo=)",
		"an alternate":        "<link rel=alternate href=https://evil.example>",
		"a comment":           "<!-- <img src=https://evil.example> -->",
		"escaped":             "&lt;img src=https://evil.example&gt;",
		"a string in a style": "<style>b::after{content:'https://evil.example'}</style>",
		"mathematics":         "a < b and b > c, see [1] and f(x) = x!",
	} {
		t.Run(name, func(t *testing.T) {
			if got := Of(reply); len(got.Loads)+len(got.Active) > 0 {
				t.Errorf("a browser would do nothing; got %+v", got)
			}
		})
	}
}

func TestWhatABrowserRuns(t *testing.T) {
	for reply, want := range map[string]string{
		"<script>alert(1)</script>":                    "script",
		"hello <SCRIPT src=/x.js></SCRIPT>":            "script",
		"<img src=x onerror=alert(1)>":                 "onerror",
		"<svg onload=alert(1)>":                        "onload",
		"[click](javascript:alert(1))":                 "javascript:",
		"<a href=' java\nscript:alert(1)'>x</a>":       "javascript:",
		"<a href='&#106;avascript:alert(1)'>x</a>":     "javascript:",
		"<form action=javascript:alert(1)></form>":     "javascript:",
		"<iframe srcdoc='<b>x</b>'></iframe>":          "srcdoc",
		"<a href='data:text/html,<script>1</script>'>": "data:text/html",
	} {
		if got := Of(reply).Active; !slices.Contains(got, want) {
			t.Errorf("%s: a browser would run %s; got %v", reply, want, got)
		}
	}
}

func TestALongReplyIsRenderedInPart(t *testing.T) {
	if got := Of(strings.Repeat("a [b] ", 1<<20) + "![x](https://evil.example/a)"); len(got.Loads) > 0 {
		t.Errorf("what comes after %d bytes is left out; got %v", maxReply, got.Loads)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("![x](https://evil.example/a)")
	f.Add("<style>@import 'a';b{background:url(\\68 ttps://e)}</style><base href=x>")
	f.Fuzz(func(t *testing.T, reply string) {
		for _, l := range Of(reply).Loads {
			if l.Host == "" || l.By == "" {
				t.Errorf("a load of nothing: %+v", l)
			}
		}
	})
}
