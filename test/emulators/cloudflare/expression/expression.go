// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"strings"
	"unicode/utf8"
)

// MaxLength of an expression, in characters.
// Source: developers.cloudflare.com/ruleset-engine/rules-language/expressions/#maximum-rule-expression-length
const MaxLength = 4096

// Expression is a parsed expression. It may be evaluated from many goroutines.
type Expression struct {
	text string
	root node
	uses map[string]bool
}

// Parse parses a rule's filter. The error is an *InvalidError or an *UnsupportedError.
func Parse(phase Phase, plan Plan, text string) (*Expression, error) {
	p, err := begin(phase, plan, text, false)
	if err != nil {
		return nil, err
	}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	if err := p.needBoolean(root); err != nil {
		return nil, err
	}
	return &Expression{text: text, root: root, uses: p.uses}, nil
}

// ParseValue parses an expression that gives a text: the target of a redirect, a rewritten path, the value of a header.
func ParseValue(phase Phase, plan Plan, text string) (*Expression, error) {
	p, err := begin(phase, plan, text, true)
	if err != nil {
		return nil, err
	}
	root, err := p.operand()
	if err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	switch {
	case root.literal:
		return nil, p.unsupported(0, "a literal as the whole of a value expression")
	case root.each:
		return nil, p.invalid(0, "[*] may only be used in the arguments of functions")
	case phase == PhaseRateLimitCharacteristic:
		// What is told apart may be of any kind.
	case root.typ != Text && root.typ != Address:
		return nil, p.invalid(0, "gives a value of type %s where a String is needed", root.typ)
	}
	return &Expression{text: text, root: root, uses: p.uses}, nil
}

func begin(phase Phase, plan Plan, text string, value bool) (*parser, error) {
	p := &parser{text: text, phase: phase, plan: plan, value: value, uses: map[string]bool{}}
	if n := utf8.RuneCountInString(text); n > MaxLength {
		return nil, p.invalid(0, "%d characters are more than the %d allowed", n, MaxLength)
	}
	if plan.rank() < 0 {
		return nil, p.unsupported(0, "plan %q", plan)
	}
	if strings.TrimSpace(text) == "" {
		return nil, p.invalid(0, "it is empty")
	}
	return p, nil
}

// Eval says whether a filter matches.
func (e *Expression) Eval(r *Request) (bool, error) {
	v, err := e.root.eval(r)
	if err != nil {
		return false, err
	}
	matched, _ := v.(bool)
	return matched, nil
}

// Value gives the text of a value expression, and whether there is any: a missing value is none.
func (e *Expression) Value(r *Request) (text string, present bool, err error) {
	v, err := e.root.eval(r)
	if err != nil || v == nil {
		return "", false, err
	}
	return written(v), true, nil
}

// Uses says whether the expression names a field.
func (e *Expression) Uses(field string) bool { return e.uses[field] }

// UsesResponse says whether the expression names a field of the response.
func (e *Expression) UsesResponse() bool {
	for f := range e.uses {
		if strings.Contains(f, ".response.") {
			return true
		}
	}
	return false
}

func (e *Expression) String() string { return e.text }
