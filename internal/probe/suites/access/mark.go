// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
)

const (
	// leastMark is how long a text has to be by which a thing is known again.
	leastMark = 12
	// leastVaried is how many letters and digits must differ between two things: eight of hexadecimal are 2^32 texts.
	leastVaried = 8
)

var errNoMark = errors.New("mark found nothing in the reply to item")

// recognise reads a thing that holds no text of ours, as one of those whose it may be, and takes out of it the text by which it is
// known again. It asks until the thing is there.
func (r *run) recognise(ctx context.Context, t *thing, people ...*person) error {
	deadline := time.Now().Add(r.indexing())
	for {
		for _, p := range people {
			request, err := t.request(t.item(), p)
			if err != nil {
				return err
			}
			resp, err := r.send(ctx, p.session, request)
			if err != nil || resp.Status >= 400 {
				continue
			}
			if text, err := t.mark.Text(ctx, resp); err == nil && text != "" {
				t.marker = marker.Of(marker.New().Term, text)
				r.marks = append(r.marks, t.marker)
				return nil
			}
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return errNoMark
		}
		probe.Wait(ctx, pollEvery)
	}
}

// controlMarks sees that the marks of a kind prove something: that they are long, differ from one thing to the next in what nobody
// guesses, are not what a request holds, and don't stand in what the others have anyway. A kind of which that is not so is not attacked.
func (r *run) controlMarks(ctx context.Context, res *resource) {
	if res.mark == nil {
		return
	}
	var things []*thing
	for _, t := range r.things {
		if t.resource == res && len(t.ways) > 0 {
			things = append(things, t)
		}
	}
	if len(things) == 0 {
		return
	}
	var why string
	second, err := r.create(ctx, res, things[0].owner)
	if err != nil {
		why = "a second one could not be made to compare it with: " + plain(err)
	} else {
		why = r.weakness(ctx, things, second)
	}
	if why == "" {
		return
	}
	for _, t := range things {
		t.ways = nil
	}
	r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
		fmt.Sprintf("By spec.app.resources[%s].mark nothing could be proven: %s. Give a text of at least %d characters, letters among them, that the app makes up anew for each, such as a receipt's number.", res.Name, why, leastMark),
		both...)
}

// weakness says what is wrong with the marks of some things, and of one more of the first one's owner.
func (r *run) weakness(ctx context.Context, things []*thing, second *thing) string {
	for _, t := range things {
		other := second
		if t != things[0] {
			other = things[0]
		}
		if guessableMark(t.marker.Secret, other.marker.Secret) {
			return "two of them have the same text, a short one, or one that could be guessed"
		}
		request, err := t.request(t.item(), t.owner)
		if err != nil || carriesMark(request, t) || madeOf(t.marker.Secret, t.id) {
			return "the text stands in the request to item"
		}
		for _, theirs := range things {
			if theirs.owner == t.owner {
				continue
			}
			request, err := theirs.request(theirs.item(), theirs.owner)
			if err != nil {
				continue
			}
			if resp, err := r.send(ctx, theirs.owner.session, request); err == nil && t.marked(resp) {
				return "the text of one stands in another's"
			}
		}
	}
	return ""
}

// madeOf says whether a text holds the identifier: a refusal that repeats the one may repeat the other.
func madeOf(text, id string) bool {
	return len(id) >= shortText && strings.Contains(strings.ToLower(text), strings.ToLower(id))
}

// guessableMark says whether the marks of two things are alike, short, or differ in digits alone, as times and counters do.
func guessableMark(a, b string) bool {
	if len(a) < leastMark || len(b) < leastMark {
		return true
	}
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return fewVaried(a) || fewVaried(b)
}

func fewVaried(text string) bool {
	letters, all := 0, 0
	for _, c := range text {
		if unicode.IsLetter(c) {
			letters++
		}
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			all++
		}
	}
	return letters == 0 || all < leastVaried
}

// carriesMark says whether a request holds the text by which a thing is known again: then it may just come back.
func carriesMark(request httpstep.Request, t *thing) bool {
	lower := request.Clone()
	lower.Path = strings.ToLower(lower.Path)
	lower.Body = []byte(strings.ToLower(string(lower.Body)))
	for _, values := range lower.Header {
		for i := range values {
			values[i] = strings.ToLower(values[i])
		}
	}
	return carries(request, t.marker.Secret) || carries(lower, strings.ToLower(t.marker.Secret))
}
