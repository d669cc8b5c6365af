// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
	"github.com/launchready/launchready/internal/probe/suites/injection/strategy"
)

// ownSmoke is how many of a team's own attacks a smoke run makes, besides the built-in ones: none of these ever gives way to them.
const ownSmoke = 20

// With gives the catalogue with a team's own attacks. They are made as they are written: strategies are applied to what is built in.
func (c *Catalogue) With(own []corpus.Attack) *Catalogue {
	with := *c
	with.own, with.written = own, slices.Concat(own, c.written)
	return &with
}

// Read reads a team's own attacks, and gives the catalogue with them. An error is of the type corpus.Mistakes.
func (c *Catalogue) Read(files []corpus.File) (*Catalogue, error) {
	own, err := corpus.ParseOwn(files, func(id string) bool {
		return slices.ContainsFunc(c.written, func(a corpus.Attack) bool { return a.ID == id })
	})
	if err != nil {
		return nil, err
	}
	return c.With(own), nil
}

// ReadConfigMaps does the same with files in ConfigMaps.
func (c *Catalogue) ReadConfigMaps(files []probe.AttackFile) (*Catalogue, error) {
	named := make([]corpus.File, len(files))
	for i, f := range files {
		named[i] = corpus.File{Name: f.String(), Data: []byte(f.Text)}
	}
	return c.Read(named)
}

func (c *Catalogue) ownKind(files []probe.AttackFile) (probe.Kind, error) {
	with, err := c.ReadConfigMaps(files)
	if err != nil {
		return probe.Kind{}, err
	}
	return with.Kind(), nil
}

// Own gives a team's own attacks.
func (c *Catalogue) Own() []corpus.Attack { return c.own }

// Placeless gives those of a team's own attacks for which an app as it is described has nothing to find, or no way there.
func (c *Catalogue) Placeless(app *v1alpha1.App) []string {
	var ids []string
	for _, a := range c.own {
		if !fits(app, a) {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// owns says whether an attack is a team's own.
func (c *Catalogue) owns(id string) bool {
	base, _ := strategy.Base(id)
	return slices.ContainsFunc(c.own, func(a corpus.Attack) bool { return a.ID == base })
}

// selectOwn gives those of a team's own attacks that a run makes, and how many there are that the app has no place for: in a smoke run
// the heaviest, of equals those that stand first.
func (c *Catalogue) selectOwn(app *v1alpha1.App, smokes bool) (selected []corpus.Attack, unfit int) {
	for _, a := range c.own {
		if fits(app, a) {
			selected = append(selected, a)
		} else {
			unfit++
		}
	}
	if smokes {
		slices.SortStableFunc(selected, func(a, b corpus.Attack) int { return cmp.Compare(b.Weight, a.Weight) })
		selected = selected[:min(len(selected), ownSmoke)]
	}
	return selected, unfit
}

// by says by what attack something came out.
func (r *run) by(a corpus.Attack) string {
	if r.Catalogue.owns(a.ID) {
		return fmt.Sprintf("the team's own attack %s, %s", a.ID, carried(a))
	}
	return carried(a)
}

// reportOwn says what became of a team's own attacks. None of them stands in for a built-in one: whoever writes easy ones proves nothing
// by them.
func (r *run) reportOwn() {
	own := r.Catalogue.Own()
	if len(own) == 0 {
		return
	}
	var answered int32
	for _, t := range r.tries {
		if r.Catalogue.owns(t.attack.ID) {
			answered += int32(t.answered) //nolint:gosec // a budget's worth
		}
	}
	r.Minimum += answered
	r.Advice = "a team's own don't count among these; " + r.Advice
	meant, _ := r.Catalogue.selectOwn(r.App, r.Smoke)
	var placeless, silent []string
	done := 0
	for _, a := range own {
		had := r.tries[a.ID]
		switch {
		case had != nil && had.answered+had.unheard > 0:
			done++
		case !fits(r.App, a) || !r.works(a):
			placeless = append(placeless, a.ID)
		case had != nil || slices.ContainsFunc(meant, func(m corpus.Attack) bool { return m.ID == a.ID }):
			silent = append(silent, a.ID)
		}
	}
	text := fmt.Sprintf("Of %d attacks of the team's own, %d were answered", len(own), done)
	if len(silent) > 0 {
		text += "; not answered: " + some(silent)
	}
	if len(placeless) > 0 {
		text += "; the app has no place for " + some(placeless)
	}
	if left := len(own) - done - len(silent) - len(placeless); left > 0 {
		text += fmt.Sprintf("; %d wait for the next run on schedule", left)
	}
	r.Control("%s.", text)
}

// some gives the first names of a list.
func some(names []string) string {
	const most = 5
	text := strings.Join(names[:min(len(names), most)], ", ")
	if n := len(names) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// goneMessage says that an attack that succeeded is not among the attacks any more.
func goneMessage(id, rule string) string {
	return fmt.Sprintf("The attack %s succeeded before (%s), and stands neither among the built-in attacks nor in a ConfigMap of spec.app.chat.attacks any more. Put it back, under the same id.",
		id, rule)
}
