// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

const (
	// maxDepth is how deep brackets of a script may nest. Bundles of 4 MiB were seen to go to a hundred.
	maxDepth = 1000
	// maxErrorWork is how many bytes are gone through for parts that are no JavaScript, as in TypeScript with markup in it: for each, the
	// lexer counts the lines from the beginning. It is 64 parts in 1 MiB, and takes a tenth of a second.
	maxErrorWork = 64 << 20
	// maxStuck is how many parts of a script in a row may have no length: an error is one.
	maxStuck = 10
	// maxTexts is how many texts of one script are kept that may be paths.
	maxTexts = 4000
)

// text is a phrase that may be a path, with what is known of how it is asked for.
type text struct {
	phrase
	// method is empty where nothing tells it.
	method string
	// called says that it is what a call asks for, so that a base may stand in front of it; fetched, that it was given to fetch, which
	// knows no base but the page.
	called, fetched bool
}

// frame is a pair of brackets that is open.
type frame struct {
	open js.TokenType
	// call is what was called with it, operand that something stands in front of it, join that its values go on the text there.
	call          string
	operand, join bool
	// now is the value that is being read, plus that the last sign was one, dot that it was a dot, name the last name.
	now       phrase
	plus, dot bool
	name      string
	// mixed says that there is more than one value in it, and ternary how many question marks wait for a colon.
	mixed   bool
	ternary int
	// assign is the name that the value gets.
	assign string
	// args are the first values of a call, and arg is which one comes.
	args [4]phrase
	arg  int
	// url and method are what an object says of a request: its own, or one that was given to the call.
	url    phrase
	method string
}

// script reads a script.
type script struct {
	lexer  *js.Lexer
	stack  []*frame
	prev   js.TokenType
	closed *frame
	texts  []text
	// values are the texts that names were given.
	values map[string][]string
	// files are scripts that it names, and mapping is where its source map is.
	files   []string
	mapping string
}

// readScript reads a script as far as it is one.
func readScript(data []byte) (s *script) {
	data = bytes.ToValidUTF8(data, []byte("?")) // the lexer would go beyond the end by what begins a character
	input := parse.NewInputBytes(slices.Clip(data))
	s = &script{lexer: js.NewLexer(input), values: map[string][]string{}}
	s.stack = []*frame{{open: js.OpenBraceToken}}
	defer func() {
		// A panic of the lexer is one more way in which a script is none: what was read of it stands.
		_ = recover()
	}()
	s.read(input)
	for _, f := range s.stack {
		s.end(f)
	}
	return s
}

// read goes through a script, within bounds.
func (s *script) read(input *parse.Input) {
	stuck, last := 0, -1
	failures := 0
	for len(s.stack) <= maxDepth && failures*input.Len() < maxErrorWork && len(s.texts) < maxTexts {
		tt, lexeme := s.lexer.Next()
		if stuck++; input.Offset() > last {
			stuck, last = 0, input.Offset()
		}
		if stuck > maxStuck {
			return // the lexer goes on no more
		}
		if tt == js.ErrorToken {
			if errors.Is(s.lexer.Err(), io.EOF) {
				break
			}
			failures++
			continue
		}
		if (tt == js.DivToken || tt == js.DivEqToken) && !s.afterValue() {
			if tt, lexeme = s.lexer.RegExp(); tt == js.ErrorToken {
				failures++
				continue
			}
		}
		s.token(tt, lexeme)
	}
}

func (s *script) top() *frame { return s.stack[len(s.stack)-1] }

// afterValue says whether a slash divides, rather than begins a regular expression.
func (s *script) afterValue() bool {
	switch s.prev {
	case js.CloseParenToken:
		// What follows a condition is a statement.
		return s.closed == nil || !slices.Contains([]string{"if", "while", "for", "with"}, s.closed.call)
	case js.CloseBracketToken, js.StringToken, js.TemplateToken, js.TemplateEndToken, js.RegExpToken,
		js.ThisToken, js.SuperToken, js.NullToken, js.TrueToken, js.FalseToken:
		return true
	default:
		return js.IsIdentifier(s.prev) || js.IsNumeric(s.prev) || s.top().dot
	}
}

func (s *script) token(tt js.TokenType, data []byte) {
	switch tt {
	case js.WhitespaceToken, js.LineTerminatorToken:
		return
	case js.CommentToken, js.CommentLineTerminatorToken:
		s.comment(data)
		return
	case js.StringToken:
		s.literal(string(data[1 : len(data)-1]))
	case js.TemplateToken:
		s.literal(string(data[1 : len(data)-1]))
	case js.TemplateStartToken:
		s.beginTemplate(data)
	case js.TemplateMiddleToken, js.TemplateEndToken:
		s.goOnTemplate(tt, data)
	case js.OpenParenToken, js.OpenBracketToken, js.OpenBraceToken:
		s.openBracket(tt)
	case js.CloseParenToken:
		s.closeBracket(js.OpenParenToken)
	case js.CloseBracketToken:
		s.closeBracket(js.OpenBracketToken)
	case js.CloseBraceToken:
		s.closeBracket(js.OpenBraceToken)
	default:
		if f := s.top(); js.IsIdentifier(tt) || f.dot && js.IsIdentifierName(tt) {
			s.ident(f, string(data))
			tt = js.IdentifierToken // a keyword behind a dot is a name
			break
		}
		s.sign(tt, data)
	}
	s.prev = tt
}

// sign takes signs, keywords and numbers.
func (s *script) sign(tt js.TokenType, data []byte) {
	f := s.top()
	switch {
	case tt == js.AddToken:
		f.plus, f.dot = true, false
		return
	case tt == js.DotToken || tt == js.OptChainToken:
		f.dot = true
		return
	case js.IsNumeric(tt) || tt == js.RegExpToken || tt == js.ThisToken || tt == js.TrueToken || tt == js.FalseToken || tt == js.NullToken:
		s.value(f, piece{hole: true})
		return
	case tt == js.CommaToken:
		s.end(f)
		f.assign, f.mixed = "", true
		f.arg++
		return
	case tt == js.EqToken:
		f.assign, f.now = f.name, f.now[:0]
	case tt == js.ColonToken:
		s.colon(f)
	case tt == js.QuestionToken:
		s.end(f)
		f.ternary++
	case tt == js.OrToken || tt == js.NullishToken || tt == js.ImportToken || tt == js.NewToken || tt == js.AwaitToken:
		s.end(f) // what is assigned may be either, or is yet to come
	default:
		s.end(f)
		f.assign = ""
	}
	f.plus, f.dot, f.mixed = false, false, true
	f.name = ""
	if js.IsReservedWord(tt) {
		f.name = string(data)
	}
}

// colon ends the first half of a choice, or a property's name.
func (s *script) colon(f *frame) {
	key := f.name
	if text, ok := f.now.whole(); ok {
		key = text
	}
	s.end(f)
	if f.ternary > 0 {
		f.ternary--
		return
	}
	f.assign = key
}

func (s *script) ident(f *frame, name string) {
	if f.dot {
		f.dot, f.name = false, name
		if n := len(f.now); n > 0 && f.now[n-1].hole {
			f.now[n-1].text = name
		}
		return
	}
	s.value(f, piece{text: name, hole: true})
	f.name = name
}

func (s *script) literal(quoted string) {
	f := s.top()
	value, ok := unquoted(quoted)
	if !ok {
		s.value(f, piece{hole: true})
		return
	}
	if isScript(value) {
		s.files = append(s.files, value)
	}
	s.value(f, piece{text: value})
}

// value takes one more value: it goes on the text in front of it after a plus, and else begins another.
func (s *script) value(f *frame, parts ...piece) {
	if !f.plus {
		s.end(f)
	} else if len(f.now) == 0 {
		f.now = append(f.now, piece{hole: true}) // something that was not understood
	}
	f.plus, f.dot, f.name = false, false, ""
	if len(f.now)+len(parts) <= maxPieces {
		f.now = append(f.now, parts...)
	}
}

// end takes what was read as a value of the brackets, and begins another.
func (s *script) end(f *frame) {
	if len(f.now) == 0 {
		return
	}
	now := f.now
	f.now = f.now[:0]
	f.plus = false
	if f.open == js.OpenParenToken && f.call != "" && f.arg < len(f.args) && !f.args[f.arg].said() {
		f.args[f.arg] = slices.Clone(now) // said when the call ends
		s.assign(f, now)
		return
	}
	if now.said() {
		s.assign(f, now)
		s.say(text{phrase: now})
	}
}

// assign notes what a name stands for, and what an object says of a request.
func (s *script) assign(f *frame, now phrase) {
	if f.assign == "" || !now.said() {
		return
	}
	value, whole := now.whole()
	if whole && len(value) <= maxPath && len(s.values) < maxTexts && !slices.Contains(s.values[f.assign], value) {
		s.values[f.assign] = append(s.values[f.assign], value)
	}
	if f.open != js.OpenBraceToken {
		return
	}
	switch strings.ToLower(f.assign) {
	case "url", "path", "uri", "endpoint":
		f.url = slices.Clone(now)
	case "method", "type":
		if whole && isMethod(value) {
			f.method = strings.ToUpper(value)
		}
	}
}

// say keeps a text that may be a path.
func (s *script) say(t text) {
	if !t.looksLikePath() && !(t.called && t.relative()) || len(s.texts) >= maxTexts {
		return
	}
	t.phrase = slices.Clone(t.phrase)
	s.texts = append(s.texts, t)
}

func (s *script) push(f *frame) { s.stack = append(s.stack, f) }

func (s *script) openBracket(tt js.TokenType) {
	f := s.top()
	operand := s.afterValue() || s.prev == js.CloseParenToken || s.prev == js.ImportToken
	inner := &frame{open: tt, operand: operand}
	switch {
	case tt == js.OpenBraceToken:
		s.end(f)
	case tt == js.OpenParenToken && operand:
		inner.call = f.name
		n := len(f.now)
		inner.join = f.name == "concat" && n > 0 && !f.now[n-1].hole
		if inner.call == "" {
			inner.call = "?"
		}
	case tt == js.OpenParenToken && f.name != "":
		inner.call = f.name // a keyword: the condition of a statement
	}
	f.dot = false
	s.push(inner)
}

// closeBracket closes the innermost brackets of a kind, within the same template.
func (s *script) closeBracket(open js.TokenType) {
	at := len(s.stack) - 1
	for at > 0 && s.stack[at].open != open && s.stack[at].open != js.TemplateStartToken {
		at--
	}
	if at == 0 || s.stack[at].open != open {
		return
	}
	for _, f := range s.stack[at+1:] {
		s.end(f)
	}
	c, f := s.stack[at], s.stack[at-1]
	s.stack = s.stack[:at]
	s.closed = c
	alone := slices.Clone(c.now)
	grouped := open == js.OpenParenToken && c.call == "" && !c.mixed && len(alone) > 0
	if grouped {
		s.value(f, alone...)
		return
	}
	s.end(c)
	switch {
	case open == js.OpenBraceToken:
		s.object(f, c)
	case c.join:
		for _, arg := range c.args {
			if len(f.now)+len(arg) <= maxPieces {
				f.now = append(f.now, arg...)
			}
		}
		f.name = ""
	case open == js.OpenParenToken && c.call != "":
		s.call(c)
		if n := len(f.now); n > 0 && f.now[n-1].hole {
			f.now[n-1].text = namedBy(c)
		}
		f.name = ""
	case !c.operand:
		s.value(f, piece{hole: true})
	}
}

// namedBy names what a call gives: after what it was given, where that has a name, as with encodeURIComponent(id).
func namedBy(c *frame) string {
	if first := c.args[0]; len(first) > 0 && first[0].hole {
		return first[0].text
	}
	return c.call
}

// object ends an object, or a block.
func (s *script) object(f, c *frame) {
	if c.url != nil {
		s.say(text{phrase: c.url, method: c.method, called: c.method != ""})
	}
	if f.open == js.OpenParenToken && c.method != "" {
		f.method = c.method
	}
	f.plus, f.dot, f.name = false, false, ""
}

// call ends a call: what it asks for, if it is one that asks.
func (s *script) call(c *frame) {
	first, second := c.args[0], c.args[1]
	for _, arg := range c.args[1:] {
		s.say(text{phrase: arg})
	}
	switch name := strings.ToLower(c.call); name {
	case "get", "post", "put", "patch", "delete", "del", "head":
		method := strings.ToUpper(name)
		if name == "del" {
			method = "DELETE"
		}
		s.say(text{phrase: first, method: method, called: true})
	case "open":
		if method, ok := first.whole(); ok && isMethod(method) {
			s.say(text{phrase: second, method: strings.ToUpper(method), called: true, fetched: true})
		}
	case "sendbeacon":
		s.say(text{phrase: first, method: "POST", called: true, fetched: true})
	case "websocket", "require", "import":
	default:
		method := c.method
		if name == "eventsource" || name == "fetch" && c.arg == 0 {
			method = "GET"
		}
		asks := name == "fetch" || name == "eventsource" || name == "request" || c.method != ""
		s.say(text{phrase: first, method: method, called: asks, fetched: name == "fetch" || name == "eventsource"})
	}
}

func (s *script) beginTemplate(data []byte) {
	t := &frame{open: js.TemplateStartToken}
	if value, ok := unquoted(string(data[1 : len(data)-2])); ok && value != "" {
		t.now = append(t.now, piece{text: value})
	}
	s.push(t)
	s.push(&frame{open: js.TemplateMiddleToken})
}

// goOnTemplate ends a value in a template, and reads the text behind it.
func (s *script) goOnTemplate(tt js.TokenType, data []byte) {
	at := len(s.stack) - 1
	for at > 0 && s.stack[at].open != js.TemplateStartToken {
		at--
	}
	if at == 0 {
		return
	}
	t := s.stack[at]
	if at+1 < len(s.stack) {
		t.fill(s, s.stack[at+1])
	}
	for _, f := range s.stack[min(at+2, len(s.stack)):] {
		s.end(f)
	}
	end := len(data) - 2
	if tt == js.TemplateEndToken {
		end = len(data) - 1
	}
	if value, ok := unquoted(string(data[1:max(end, 1)])); ok && value != "" && len(t.now) < maxPieces {
		t.now = append(t.now, piece{text: value})
	}
	if tt == js.TemplateMiddleToken {
		s.stack = append(s.stack[:at+1], &frame{open: js.TemplateMiddleToken})
		return
	}
	s.stack = s.stack[:at]
	s.value(s.top(), t.now...)
}

// fill puts a value into a template: its own text, or a hole named after it.
func (f *frame) fill(s *script, inner *frame) {
	if len(f.now)+len(inner.now) > maxPieces {
		return
	}
	if !inner.mixed && len(inner.now) > 0 {
		f.now = append(f.now, inner.now...)
		return
	}
	name := inner.name
	if n := len(inner.now); n > 0 && inner.now[n-1].hole {
		name = inner.now[n-1].text
	}
	s.end(inner)
	f.now = append(f.now, piece{text: name, hole: true})
}

// mapComment is where a script says that its source map is. ECMA-426 §11.1.2.1.
var mapComment = regexp.MustCompile(`^(?://|/\*)[#@]\s*sourceMappingURL=([^\s*]+)`)

func (s *script) comment(data []byte) {
	if !bytes.Contains(data, []byte("sourceMappingURL=")) {
		return
	}
	if found := mapComment.FindSubmatch(data); found != nil {
		s.mapping = string(found[1])
	}
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

func isMethod(text string) bool { return slices.Contains(methods, strings.ToUpper(text)) }

// isScript says whether a text may be the name of another script, such as "./chunk-4f2a.js".
func isScript(text string) bool {
	return (strings.HasSuffix(text, ".js") || strings.HasSuffix(text, ".mjs")) && len(text) < 256 && !strings.ContainsAny(text, " <>{}*\n")
}
