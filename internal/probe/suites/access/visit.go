// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

// VisitorLogins is how often visitors ask an identity provider for a login, where the app has one: two for each of four.
const VisitorLogins = 8

// ProviderLogins gives how often visitors of an app ask its identity provider at most.
func ProviderLogins(app *v1alpha1.App) int {
	if app.Login == nil || len(app.Login.Hosts) == 0 {
		return 0
	}
	return VisitorLogins
}

// Visitors log in, for suites that use the app as somebody would.
type Visitors struct{ run *run }

// NewVisitors makes visitors of an app. An error is in spec.app.
func NewVisitors(o Options) (*Visitors, error) {
	r := &run{Options: o, spentCodes: map[string]time.Time{}, loginsLeft: new(int)}
	r.App = o.Target.AtHome(o.App)
	*r.loginsLeft = VisitorLogins
	r.workers.Store(maxWorkers)
	if err := r.compileLimited(); err != nil {
		return nil, fmt.Errorf("spec.app.rateLimited: %w", err)
	}
	return &Visitors{r}, nil
}

// Workers is how many requests may be under way at once: fewer once the app has said that they are too many.
func (v *Visitors) Workers() int { return int(v.run.workers.Load()) }

// LogIn logs an identity in.
func (v *Visitors) LogIn(ctx context.Context, identity v1alpha1.Identity) (*Visitor, error) {
	p := &person{Identity: identity, at: v.run}
	if err := p.login(ctx); err != nil {
		return nil, err
	}
	return &Visitor{p}, nil
}

// Stranger is somebody without an account.
func (v *Visitors) Stranger() *Visitor { return &Visitor{&person{at: v.run}} }

// Visitor is somebody who uses the app.
type Visitor struct{ p *person }

// Identity is who it is.
func (v *Visitor) Identity() v1alpha1.Identity { return v.p.Identity }

// Vars are what requests refer to.
func (v *Visitor) Vars() httpstep.Vars { return v.p.vars }

// Send sends a request in the visitor's session, again where it meets a rate limit.
func (v *Visitor) Send(ctx context.Context, request httpstep.Request) (*httpstep.Response, error) {
	return v.p.at.send(ctx, v.p.session, request)
}

// Run runs a step in the visitor's session, and gives what it captured.
func (v *Visitor) Run(ctx context.Context, step *httpstep.Step, vars httpstep.Vars) (httpstep.Vars, error) {
	return v.p.at.runStep(ctx, step, v.p.jar, v.p.vars.With(vars), v.p.headers)
}

// Renew gives a session that has ended a new life.
func (v *Visitor) Renew(ctx context.Context) error { return v.p.renew(ctx) }

// RateLimited says whether an error is that the app did not stop to refuse because of too many requests.
func RateLimited(err error) bool { return errors.Is(err, errRateLimited) }

// Plain gives an error without addresses that change and without anything that the app said.
func Plain(err error) string { return plain(err) }

// Curl gives a command that sends a request in the visitor's session, with variables for credentials.
func (v *Visitor) Curl(request httpstep.Request) string {
	return v.p.at.curl(attempt{request: request}, v.String())
}

// String names the visitor, as findings do.
func (v *Visitor) String() string {
	if v.p.Name == "" {
		return nobody
	}
	return called(v.p)
}
