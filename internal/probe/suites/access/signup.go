// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/marker"
	"github.com/launchready/launchready/internal/httpstep"
)

// maxSignUps is how many accounts a run makes at most: safety.md, and the comment on spec.app.signUp.
const maxSignUps = 3

// newcomer is how findings call an account that the run signed up.
const newcomer = "newcomer"

var errSignUpsSpent = errors.New("no more accounts may be made")

// signUp makes an account and logs in with it. The claims stand in the body of its steps; nil for a sign-up like anybody's.
func (r *run) signUp(ctx context.Context, with claims) (*person, httpstep.Request, error) {
	var sent httpstep.Request
	if r.signUps == maxSignUps {
		return nil, sent, errSignUpsSpent
	}
	r.signUps++
	if r.SignedUp != nil {
		r.SignedUp()
	}
	p := &person{Identity: v1alpha1.Identity{Name: newcomer}, at: r, made: r.madeUp()}
	r.newcomers = append(r.newcomers, p)
	jar, err := newJar()
	if err != nil {
		return nil, sent, err
	}
	vars := p.credentials()
	p.vars = vars
	for _, described := range r.App.SignUp.Steps {
		request, added := with.added(described.Request)
		if added {
			described.Request = request
		}
		step, err := httpstep.CompileStep(described)
		if err != nil {
			return nil, sent, err
		}
		if added || sent.Path == "" {
			if sent, err = httpstep.Prepare(described.Request, vars); err != nil {
				return nil, sent, err
			}
		}
		captured, err := r.runStep(ctx, step, jar, vars, nil)
		if err != nil {
			return nil, sent, err
		}
		vars = vars.With(captured)
	}
	return p, sent, p.login(ctx)
}

var mailKey = regexp.MustCompile(`(?i)mail`)

// madeUp makes up what the sign-up and the login ask for: addresses at example.com, which nobody has (RFC 2606 §3), and random
// texts, those of passwords with all that a policy may want of them.
func (r *run) madeUp() map[string]string {
	made := map[string]string{}
	note := func(steps []v1alpha1.HTTPStep) {
		for _, step := range steps {
			for _, name := range references(step.Request) {
				key, ok := strings.CutPrefix(name, "credentials.")
				if _, had := made[key]; !ok || had {
					continue
				}
				m := marker.New()
				switch {
				case mailKey.MatchString(key):
					made[key] = m.Term + "@example.com"
				case passwordKey.MatchString(key):
					made[key] = "Lr-" + m.Secret + "-9A"
				default:
					made[key] = m.Term
				}
			}
		}
	}
	note(r.App.SignUp.Steps)
	note(r.App.Login.Steps)
	return made
}

// references gives the names that a request refers to.
func references(request v1alpha1.HTTPRequest) []string {
	names := slices.Concat(httpstep.References(string(request.Path)), httpstep.References(request.Body))
	for _, values := range []map[string]v1alpha1.HeaderValue{request.Query, request.Headers, request.Form} {
		for _, value := range values {
			names = append(names, httpstep.References(string(value))...)
		}
	}
	for _, part := range request.Multipart {
		names = append(names, httpstep.References(part.Value)...)
	}
	if request.JSON != nil {
		names = append(names, httpstep.References(string(request.JSON.Raw))...)
	}
	if request.WebSocket != nil {
		for _, message := range request.WebSocket.Send {
			names = append(names, httpstep.References(message.Text)...)
			if message.JSON != nil {
				names = append(names, httpstep.References(string(message.JSON.Raw))...)
			}
		}
	}
	return names
}

// profile reads what the app says of a person.
func (r *run) profile(ctx context.Context, p *person) (account, bool) {
	if r.App.Profile == nil || p == nil {
		return nil, false
	}
	request, err := httpstep.Prepare(r.App.Profile.Read, p.vars)
	if err != nil {
		return nil, false
	}
	resp, err := r.send(ctx, p.session, request)
	if err != nil || resp.Status >= 300 {
		return nil, false
	}
	return accountOf(resp.Body)
}

// controlSignUp signs up like anybody, and sees that the profile tells of the new account.
func (r *run) controlSignUp(ctx context.Context) (*person, account, bool) {
	if r.App.Login == nil {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNotConfigured,
			"spec.app.signUp is there and spec.app.login is not, so that nobody can log in with a new account: say how.", both...)
		return nil, nil, false
	}
	p, _, err := r.signUp(ctx, nil)
	if err != nil {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			fmt.Sprintf("A new account could not be made and logged in with: %s. Correct spec.app.signUp, or leave it out.", plain(err)), both...)
		return nil, nil, false
	}
	if r.App.Profile == nil {
		for _, name := range both {
			r.control(name, "A new account signed up and logged in.")
		}
		return p, nil, true
	}
	fresh, ok := r.profile(ctx, p)
	if !ok {
		r.unknown(v1alpha1.FaultApp, v1alpha1.ReasonNoPositiveControl,
			"spec.app.profile.read did not show a new account to itself as JSON: correct the request.", both...)
		return nil, nil, false
	}
	for _, name := range both {
		r.control(name, "A new account signed up, logged in and read its profile.")
	}
	return p, fresh, true
}
