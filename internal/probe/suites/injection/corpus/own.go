// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// File is a file with a team's own attacks. Name says where it stands.
type File struct {
	Name string
	Data []byte
}

// Mistakes are what is wrong with a team's own attacks, each in a line that says where it is and what to write.
type Mistakes []string

// Error implements error.
func (m Mistakes) Error() string { return strings.Join(m, "\n") }

// ParseOwn reads a team's own attacks from all of its files, in their order. No two may have one id, and none one that is taken. An
// error is of the type Mistakes.
func ParseOwn(files []File, taken func(id string) bool) ([]Attack, error) {
	var all []Attack
	var mistakes Mistakes
	size, stands := 0, map[string]string{}
	for _, file := range files {
		if size += len(file.Data); size > maxData {
			return nil, Mistakes{fmt.Sprintf("%s: all files together take more than %d bytes: leave out the attacks that add least", file.Name, maxData)}
		}
		attacks, err := Parse(file.Data)
		for _, mistake := range separate(err) {
			mistakes = append(mistakes, file.Name+": "+onOneLine(mistake.Error()))
		}
		for _, a := range attacks {
			switch other, twice := stands[a.ID]; {
			case taken(a.ID):
				mistakes = append(mistakes, fmt.Sprintf("%s: attack %s: id: one that is built in has it: write another, such as my-%[2]s", file.Name, a.ID))
			case twice:
				mistakes = append(mistakes, fmt.Sprintf("%s: attack %s: id: stands in %s already: write another", file.Name, a.ID, other))
			}
			stands[a.ID] = file.Name
		}
		all = append(all, attacks...)
	}
	if len(all) > maxAttacks {
		mistakes = append(mistakes, fmt.Sprintf("%s: with it there are %d attacks, and %d is the most: leave out those that add least",
			files[len(files)-1].Name, len(all), maxAttacks))
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return all, nil
}

// separate gives the errors that were joined.
func separate(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func onOneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// typeMistake is how a value of a wrong type is told by what decodes.
var typeMistake = regexp.MustCompile(`cannot unmarshal (\w+) into Go (?:struct field Attack\.([a-z]+)|value) of type (\S+)$`)

// wrongType says by field what to write in place of a value of a wrong type.
func wrongType(err error) error {
	m := typeMistake.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	want := "a text, in quotes where it is a number or a yes"
	switch m[3] {
	case "int":
		want = "a whole number"
	case "[]string":
		want = "a list of texts"
	case "corpus.Attack":
		return errors.New("write an attack: id, technique, owasp and so on, each on a line of its own")
	}
	return fmt.Errorf("%s: write %s", m[2], want)
}
