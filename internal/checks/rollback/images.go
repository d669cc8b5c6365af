// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package rollback

import (
	"fmt"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// namesImages looks whether the images of a revision are named so that the same ones would be started again. Whether
// the registry still has them is not looked at: that needs its credentials.
func (m *measurement) namesImages(s state, h history) {
	var before []launch.NamedContainer
	if h.previous != nil {
		before = launch.Containers(&h.previous.template.Spec)
	}
	now := launch.Containers(&s.Template.Spec)
	for _, c := range now {
		m.cases++
		if !pinned(c.Image) {
			m.notPinned(s, c, image(before, c.Place) == c.Image)
		}
	}
	for _, c := range before {
		m.cases++
		then := s.keptAt(h.previous, c.Place+".image")
		current := image(now, c.Place)
		switch {
		case c.Image == "":
			m.add(scorecard.Draft{
				Rule: ruleImageEmpty, Severity: v1alpha1.SeverityHigh, Place: then,
				Message: "The revision to go back to names no image for the container, so it can't be started.",
				Remedy:  "The next rollout makes a revision with an image the one to go back to.",
			})
		case !pinned(c.Image) && (current == "" || pinned(current)):
			m.add(scorecard.Draft{
				Rule: rulePreviousNotPinned, Severity: v1alpha1.SeverityLow, Place: then,
				Message: fmt.Sprintf("The revision to go back to names its image by tag (%s), which may mean another image now.", scorecard.Foreign(c.Image)),
				Remedy:  "Nothing to mend here: the next rollout makes a revision that is pinned by digest the one to go back to.",
			})
		}
	}
}

// notPinned tells of an image that is named by tag: a tag may be moved, and then an old revision starts something else.
// A tag that moves by its purpose, and is the same in both revisions, makes it certain that going back does not bring
// back the image.
func (m *measurement) notPinned(s state, c launch.NamedContainer, sameBefore bool) {
	d := scorecard.Draft{
		Rule: ruleImageNotPinned, Severity: v1alpha1.SeverityLow, Place: s.place(c.Place + ".image"),
		Message: fmt.Sprintf("The image is named by tag (%s): if the tag is moved, going back to this revision starts something else.", scorecard.Foreign(c.Image)),
		Remedy: fmt.Sprintf("Name it by digest, as in `image: registry.example.com/app:1.4.2@sha256:...`. The one that runs: `kubectl -n %s get pods -o custom-columns=POD:.metadata.name,IMAGE:.status.containerStatuses[*].imageID`",
			s.Namespace),
	}
	if sameBefore && moves(c.Image) {
		d.Rule, d.Severity = ruleMovingTag, v1alpha1.SeverityMedium
		d.Message = fmt.Sprintf("This revision and the one before name the same moving tag (%s): going back starts whatever image the tag means then, not the one of before.", scorecard.Foreign(c.Image))
	}
	m.add(d)
}

// image gives the image of the container at a place.
func image(containers []launch.NamedContainer, place string) string {
	i := slices.IndexFunc(containers, func(c launch.NamedContainer) bool { return c.Place == place })
	if i < 0 {
		return ""
	}
	return containers[i].Image
}

// pinned says whether a reference names an image by digest.
func pinned(image string) bool {
	_, digest, found := strings.Cut(image, "@")
	algorithm, encoded, _ := strings.Cut(digest, ":")
	// OCI image specification, descriptor.md, "Registered Algorithms".
	length := map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}[algorithm]
	return found && length > 0 && len(encoded) == length && strings.Trim(encoded, "0123456789abcdef") == ""
}

// moves says whether a reference has no tag, which means "latest", or one that is by its purpose moved with every
// release. Other tags may be moved as well, but need not.
func moves(image string) bool {
	// A colon before the last slash belongs to the registry's port.
	base := image[strings.LastIndex(image, "/")+1:]
	_, tag, _ := strings.Cut(base, ":")
	switch tag {
	case "", "latest", "main", "master", "trunk", "develop", "development", "dev", "edge", "nightly", "canary", "stable",
		"staging", "stage", "prod", "production", "release", "current", "next":
		return true
	default:
		return false
	}
}
