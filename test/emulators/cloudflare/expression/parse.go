// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"fmt"
	"strings"
)

// parser reads an expression by recursive descent. Precedence: not, and, xor, or.
// Source: developers.cloudflare.com/ruleset-engine/rules-language/operators/#order-of-precedence
type parser struct {
	text  string
	pos   int
	phase Phase
	plan  Plan
	// value says that a value is wanted, not a filter: some functions are only to be had there.
	value bool
	uses  map[string]bool
	// replaced says that regex_replace or wildcard_replace was used, of which one use is allowed in all.
	replaced bool
	depth    int
}

// maxDepth of nesting: far beyond what people write.
const maxDepth = 200

func (p *parser) invalid(at int, format string, args ...any) error {
	return &InvalidError{Offset: at, Reason: fmt.Sprintf(format, args...)}
}

func (p *parser) unsupported(at int, format string, args ...any) error {
	return &UnsupportedError{Offset: at, What: fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// take consumes a piece of text that may be followed by anything.
func (p *parser) take(s string) bool {
	p.space()
	if strings.HasPrefix(p.text[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

// takeWord consumes a word that ends where it ends.
func (p *parser) takeWord(s string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.text[p.pos:], s)
	if !ok || rest != "" && wordByte(rest[0]) {
		return false
	}
	p.pos += len(s)
	return true
}

func wordByte(c byte) bool {
	return c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (p *parser) end() error {
	p.space()
	if p.pos < len(p.text) {
		return p.invalid(p.pos, "%q is unexpected here", excerpt(p.text[p.pos:]))
	}
	return nil
}

// excerpt shows where something is wrong. It shows no strings, which may be secret.
func excerpt(s string) string {
	s, _, quoted := strings.Cut(s, `"`)
	if len(s) > 20 || quoted {
		s = s[:min(len(s), 20)] + "..."
	}
	return s
}

func (p *parser) needBoolean(n node) error {
	switch {
	case n.each:
		return p.invalid(n.at, "[*] may only be used in the arguments of functions")
	case n.typ == arrayOf(Boolean):
		return p.invalid(n.at, "a list of Booleans needs any() or all()")
	case n.typ != Boolean:
		return p.invalid(n.at, "a %s is no condition: compare it with something", n.typ)
	}
	return nil
}

func (p *parser) or() (node, error) {
	return p.chain(p.xor, func(a, b bool) bool { return a || b }, "or", "||")
}

func (p *parser) xor() (node, error) {
	return p.chain(p.and, func(a, b bool) bool { return a != b }, "xor", "^^")
}

func (p *parser) and() (node, error) {
	return p.chain(p.not, func(a, b bool) bool { return a && b }, "and", "&&")
}

// chain reads operands of one precedence that are joined by an operator.
func (p *parser) chain(operand func() (node, error), join func(a, b bool) bool, word, sign string) (node, error) {
	left, err := operand()
	if err != nil {
		return node{}, err
	}
	for p.takeWord(word) || p.take(sign) {
		right, err := operand()
		if err != nil {
			return node{}, err
		}
		for _, side := range []node{left, right} {
			if side.typ == arrayOf(Boolean) && !side.each {
				return node{}, p.unsupported(side.at, "%s between lists", word)
			}
			if err := p.needBoolean(side); err != nil {
				return node{}, err
			}
		}
		left = joined(left, right, join, word)
	}
	return left, nil
}

func joined(left, right node, join func(a, b bool) bool, word string) node {
	return node{typ: Boolean, at: left.at, eval: func(r *Request) (any, error) {
		a, err := left.eval(r)
		if err != nil {
			return nil, err
		}
		l, _ := a.(bool)
		if word == "and" && !l || word == "or" && l {
			return l, nil
		}
		b, err := right.eval(r)
		if err != nil {
			return nil, err
		}
		m, _ := b.(bool)
		return join(l, m), nil
	}}
}

func (p *parser) not() (node, error) {
	p.space()
	at := p.pos
	if p.depth++; p.depth > maxDepth {
		return node{}, p.unsupported(at, "nesting deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	switch {
	case p.takeWord("not"), !strings.HasPrefix(p.text[p.pos:], "!=") && p.take("!"):
		inner, err := p.not()
		if err != nil {
			return node{}, err
		}
		return p.negated(inner, at)
	case p.take("("):
		inner, err := p.or()
		if err != nil {
			return node{}, err
		}
		if !p.take(")") {
			return node{}, p.invalid(p.pos, "a closing parenthesis is missing")
		}
		if inner.typ != Boolean && inner.typ != arrayOf(Boolean) || inner.each {
			return node{}, p.invalid(at, "parentheses may only hold conditions")
		}
		inner.at, inner.field = at, ""
		return inner, nil
	}
	return p.comparison()
}

func (p *parser) negated(inner node, at int) (node, error) {
	if inner.typ == arrayOf(Boolean) && !inner.each {
		return node{typ: inner.typ, at: at, eval: func(r *Request) (any, error) {
			v, err := inner.eval(r)
			list, ok := v.([]any)
			if err != nil || !ok {
				return nil, err
			}
			out := make([]any, len(list))
			for i, e := range list {
				b, _ := e.(bool)
				out[i] = !b
			}
			return out, nil
		}}, nil
	}
	if err := p.needBoolean(inner); err != nil {
		return node{}, err
	}
	return node{typ: Boolean, at: at, eval: func(r *Request) (any, error) {
		v, err := inner.eval(r)
		b, _ := v.(bool)
		return !b, err
	}}, nil
}

// operand reads a literal, a field or the call of a function, with the indexes behind it.
func (p *parser) operand() (node, error) {
	p.space()
	at := p.pos
	if p.pos >= len(p.text) {
		return node{}, p.invalid(at, "it ends where a field, a function or a value should stand")
	}
	if p.atString() {
		s, err := p.str()
		return node{typ: Text, literal: true, at: at, eval: constant(s)}, err
	}
	if c := p.text[p.pos]; c == '-' || c >= '0' && c <= '9' {
		n, err := p.integer()
		return node{typ: Integer, literal: true, at: at, eval: constant(n)}, err
	}
	word := p.word()
	switch word {
	case "":
		return node{}, p.invalid(at, "%q is unexpected here", excerpt(p.text[at:]))
	case "true", "false":
		return node{typ: Boolean, literal: true, at: at, eval: constant(word == "true")}, nil
	}
	var n node
	var err error
	if p.take("(") {
		n, err = p.call(word, at)
	} else {
		n, err = p.fieldNamed(word, at)
	}
	if err != nil {
		return node{}, err
	}
	return p.indexes(n)
}

func constant(v any) func(*Request) (any, error) {
	return func(*Request) (any, error) { return v, nil }
}

func (p *parser) word() string {
	start := p.pos
	for p.pos < len(p.text) && wordByte(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// indexes reads [0], ["key"] and [*].
func (p *parser) indexes(n node) (node, error) {
	for p.take("[") {
		at := p.pos
		var err error
		if n.each {
			err = p.unsupported(at, "an index behind [*]")
		} else {
			n, err = p.index(n)
		}
		if err != nil {
			return node{}, err
		}
		if !p.take("]") {
			return node{}, p.invalid(at, "] is missing")
		}
	}
	return n, nil
}

func (p *parser) index(n node) (node, error) {
	p.space()
	at := p.pos
	if item, ok := n.typ.item(); ok {
		if p.take("*") {
			return node{typ: item, each: true, at: n.at, eval: n.eval}, nil
		}
		i, err := p.integer()
		if err != nil {
			return node{}, err
		}
		if i < 0 {
			return node{}, p.invalid(at, "an index is not negative")
		}
		return node{typ: item, at: n.at, eval: func(r *Request) (any, error) {
			v, err := n.eval(r)
			if list, ok := v.([]any); ok && i < int64(len(list)) {
				return list[i], err
			}
			return nil, err
		}}, nil
	}
	entry, ok := n.typ.entry()
	if !ok {
		return node{}, p.invalid(at, "a %s has no index", n.typ)
	}
	if !p.atString() {
		if p.take("*") {
			return node{}, p.unsupported(at, "[*] on a map")
		}
		return node{}, p.invalid(at, "a map's key is a String")
	}
	key, err := p.str()
	if err != nil {
		return node{}, err
	}
	return node{typ: entry, at: n.at, eval: func(r *Request) (any, error) {
		v, err := n.eval(r)
		if t, ok := v.(table); ok {
			return t(key), err
		}
		return nil, err
	}}, nil
}
