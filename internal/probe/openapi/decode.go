// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"bytes"
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// MaxBytes is how large a document may be: as much as is read of a reply, 1 MiB.
	MaxBytes = 1 << 20
	// maxDepth is how deep its values may nest. Inline schemas take three levels for each property.
	maxDepth = 100
	// maxValues is how many values it may have, aliases of YAML written out. Decoded they take about 30 MiB, of the 128 MiB that
	// a probe has.
	maxValues = 200_000
	// maxText is how many bytes its texts may have together, aliases written out.
	maxText = 4 << 20
)

// UnreadableError says why a document can't be read. It holds nothing of the document.
type UnreadableError struct{ Why string }

func (e *UnreadableError) Error() string { return e.Why }

var (
	errTooLarge  = &UnreadableError{"it is larger than 1 MiB"}
	errTooDeep   = &UnreadableError{"its values nest deeper than 100 levels"}
	errTooMany   = &UnreadableError{"it has more than 200,000 values, or 4 MiB of texts, aliases written out"}
	errNoObject  = &UnreadableError{"it is neither a JSON object nor a YAML mapping"}
	errNoVersion = &UnreadableError{"it says neither openapi: 3.x nor swagger: \"2.0\""}
	errMalformed = &UnreadableError{"its parts are not of the types that OpenAPI gives them"}
	errTooLong   = &UnreadableError{"it could not be read within ten seconds"}
	errNoPaths   = &UnreadableError{"it has no paths"}
)

// decode gives the document as the values of JSON, within bounds.
func decode(data []byte) (map[string]any, error) {
	if len(data) > MaxBytes {
		return nil, errTooLarge
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	spent := &spending{}
	var doc any
	if json.Unmarshal(data, &doc) == nil {
		if err := spent.all(doc, 0); err != nil {
			return nil, err
		}
	} else {
		// Each node of YAML ends at one of these, so that the parser is never given more than it may make of it.
		if ends := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte(",")) + bytes.Count(data, []byte(":")) + bytes.Count(data, []byte("[")) + bytes.Count(data, []byte("{")); ends > maxValues {
			return nil, errTooMany
		}
		var root yaml.Node
		if yaml.Unmarshal(data, &root) != nil || len(root.Content) != 1 {
			return nil, errNoObject
		}
		var err error
		if doc, err = spent.node(root.Content[0], 0); err != nil {
			return nil, err
		}
	}
	object, ok := doc.(map[string]any)
	if !ok {
		return nil, errNoObject
	}
	return object, nil
}

// spending counts what a document has so far.
type spending struct{ values, text int }

func (s *spending) spend(text string, depth int) error {
	s.values++
	s.text += len(text)
	switch {
	case depth > maxDepth:
		return errTooDeep
	case s.values > maxValues || s.text > maxText:
		return errTooMany
	}
	return nil
}

// all spends a decoded value with all that is in it.
func (s *spending) all(v any, depth int) error {
	text, _ := v.(string)
	if err := s.spend(text, depth); err != nil {
		return err
	}
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if err := s.spend(name, depth); err != nil {
				return err
			}
			if err := s.all(inner, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for _, inner := range v {
			if err := s.all(inner, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// node decodes a node of YAML. Aliases are followed as far as the bounds go, which ends cycles too.
func (s *spending) node(n *yaml.Node, depth int) (any, error) {
	if err := s.spend(n.Value, depth); err != nil {
		return nil, err
	}
	switch n.Kind {
	case yaml.AliasNode:
		return s.node(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, inner := range n.Content {
			v, err := s.node(inner, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return s.mapping(n, depth)
	default:
		return scalar(n), nil
	}
}

// mapping decodes a mapping: what it merges in (<<) stands behind what it says itself.
func (s *spending) mapping(n *yaml.Node, depth int) (any, error) {
	object, merged := map[string]any{}, map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		v, err := s.node(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		if n.Content[i].Tag != "!!merge" {
			object[n.Content[i].Value] = v
			continue
		}
		sources, list := v.([]any)
		if !list {
			sources = []any{v}
		}
		for _, source := range sources {
			more, _ := source.(map[string]any)
			for name, inner := range more {
				if _, had := merged[name]; !had {
					merged[name] = inner
				}
			}
		}
	}
	for name, inner := range merged {
		if _, own := object[name]; !own {
			object[name] = inner
		}
	}
	return object, nil
}

// scalar decodes true, false and null; all else is of interest as a text only.
func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!null":
		return nil
	default:
		return n.Value
	}
}
