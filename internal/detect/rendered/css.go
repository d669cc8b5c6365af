// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"strings"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/css"
)

// css loads what style sheets name: url(), and the strings of @import and image-set. CSS Values 4 §4.5.
func (p *page) css(source string) {
	lexer := css.NewLexer(parse.NewInputString(source))
	address := false // whether a string that follows is an address
	for {
		kind, data := lexer.Next()
		token := string(data)
		switch kind {
		case css.ErrorToken:
			return
		case css.URLToken:
			p.load(inURL(token), "url()")
			address = false
		case css.AtKeywordToken:
			address = strings.EqualFold(token, "@import")
		case css.FunctionToken:
			name := strings.ToLower(token)
			address = name == "url(" || name == "src(" || strings.HasSuffix(name, "image-set(") || name == "image("
		case css.StringToken:
			if address {
				p.load(unescaped(strings.Trim(token, `"'`)), "url()")
			}
		case css.SemicolonToken, css.RightParenthesisToken:
			address = false
		}
	}
}

// inURL takes the address out of url(...).
func inURL(token string) string {
	_, inner, _ := strings.Cut(token, "(")
	inner = strings.TrimSpace(strings.TrimSuffix(inner, ")"))
	return unescaped(strings.Trim(inner, `"'`))
}

// unescaped resolves escapes: a backslash and up to six hexadecimal digits with one space after them, or any character. CSS Syntax 3
// §4.3.7.
func unescaped(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		var code rune
		digits := 0
		for digits < 6 && i < len(s) && hexValue(s[i]) >= 0 {
			code = code<<4 | hexValue(s[i])
			i++
			digits++
		}
		if digits == 0 {
			b.WriteByte(s[i])
			continue
		}
		b.WriteRune(code)
		if i >= len(s) || s[i] != ' ' {
			i--
		}
	}
	return b.String()
}

func hexValue(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}
