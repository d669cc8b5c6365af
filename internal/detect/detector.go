// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// Detector finds secrets. It is immutable once built, so any number of goroutines may
// use one.
type Detector struct {
	shapes   []shape
	external []externalRule
	// named are rules that only name the provider of what was found otherwise.
	named    []externalRule
	keywords *keywords
}

// New builds a Detector. That compiles about a hundred regular expressions: build it
// once.
func New() (*Detector, error) {
	external, named, err := loadGitleaks()
	if err != nil {
		return nil, err
	}
	d := &Detector{shapes: shapes(), external: external, named: named}
	d.keywords = newKeywords(d.shapes, d.external)
	return d, nil
}

// Value looks at one named setting: an environment variable, an annotation, a header,
// a key of a ConfigMap that holds a single value. A value that is a document or a
// command line is also read as such.
func (d *Detector) Value(name, value string) []Match {
	s := scan{d: d}
	s.begin(len(value))
	s.setting(region{text: value}, name)
	return s.matches(0)
}

// Text looks at free text: a script, or a configuration file of any common form
// (dotenv, YAML, JSON, INI, TOML, XML, properties, nginx).
func (d *Detector) Text(text string) []Match {
	s := scan{d: d}
	s.begin(len(text))
	s.free(region{text: text})
	return s.matches(0)
}

// Args looks at a command line as an array, program first if it is known: it
// understands --password=x, --password x, and the short flags of well-known clients
// (mysql -px, curl -u a:x). Match.Arg says which argument holds the secret.
func (d *Detector) Args(args []string) []Match {
	s := scan{d: d}
	total := 0
	for _, a := range args {
		total += len(a)
	}
	s.begin(total)
	var all []Match
	seen := map[string]bool{}
	for i := range args {
		s.found = s.found[:0]
		if strings.ContainsAny(args[i], " \n\t") && strings.ContainsAny(args[i], "=:-") {
			s.free(region{text: args[i]})
		} else {
			s.setting(region{text: args[i]}, "")
		}
		s.argument(args, i)
		for _, m := range s.matches(i) {
			if secret := m.reveal(); !seen[secret] {
				seen[secret] = true
				all = append(all, m)
			}
		}
	}
	return all
}
