// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/launchready/launchready/internal/probe/suites/injection"
)

// attackTally counts what recordings show by attack. A nil one counts nothing.
type attackTally struct {
	catalogue        *injection.Catalogue
	recorded, leaked map[string]int
}

// newAttackTally reads the attacks that recordings name by their ids; nil where there is no file of them.
func newAttackTally(in io.Reader, files []string) (*attackTally, error) {
	if len(files) == 0 {
		return nil, nil //nolint:nilnil // no tally counts nothing
	}
	catalogue, err := readOwn(in, files)
	if err != nil {
		return nil, err
	}
	return &attackTally{catalogue: catalogue, recorded: map[string]int{}, leaked: map[string]int{}}, nil
}

// add counts a conversation, whose id has to be that of an attack: else an attack would seem to be missing for a slip of the pen.
func (t *attackTally) add(j injection.Judged) error {
	if t == nil {
		return nil
	}
	if _, ok := t.catalogue.Find(j.ID); !ok {
		return fmt.Errorf("line %d: id %q is that of no attack: write the id under which launchready attacks print gives it", j.Line, j.ID)
	}
	t.recorded[j.ID]++
	if len(j.Leaks) > 0 {
		t.leaked[j.ID]++
	}
	return nil
}

// tell prints what each attack of the files came to.
func (t *attackTally) tell(out io.Writer) error {
	if t == nil {
		return nil
	}
	for _, a := range t.catalogue.Own() {
		text := fmt.Sprintf("%d of %d conversations", t.leaked[a.ID], t.recorded[a.ID])
		if t.recorded[a.ID] == 0 {
			text = "not recorded"
		}
		if _, err := fmt.Fprintf(out, "attack %s, %s: %s\n", a.ID, a.Technique, text); err != nil {
			return fmt.Errorf("printing what was judged: %w", err)
		}
	}
	return nil
}
