// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"net/http"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
)

const (
	// maxProviderLogins is how often a run asks an identity provider for a login: once for each of eight identities and three new
	// accounts, and for the sessions that are tried out or have ended. A person who mistypes is no more noticeable.
	maxProviderLogins = 24
	// cleanUpLogins are left for removing what was created: one for each of eight identities.
	cleanUpLogins = 8
)

var errLoginsSpent = errors.New("a run may not log in any more often by an identity provider: sessions end too early")

// hasProvider says whether a login may lead to an identity provider on another host. It is visited for logging in, and never attacked:
// it gets nothing that was changed, and no more logins than are needed.
func (r *run) hasProvider() bool { return r.App.Login != nil && len(r.App.Login.Hosts) > 0 }

// spendLogin counts a login, if a provider is asked for it.
func (r *run) spendLogin() error {
	if !r.hasProvider() {
		return nil
	}
	if *r.loginsLeft == 0 {
		return errLoginsSpent
	}
	*r.loginsLeft--
	return nil
}

// provides says whether a part of the credentials is a provider's to judge, and notes that it was left alone.
func (r *run) provides(key string) bool {
	for _, step := range r.App.Login.Steps {
		if step.Request.Host == "" {
			continue
		}
		if httpstep.Uses(step.Request, "credentials."+key) || httpstep.Uses(step.Request, httpstep.OneTime(key)) {
			r.control(v1alpha1.RowAuthEnforced, "What identities log in with is judged by %s, which is not attacked: nothing was changed in it.", step.Request.Host)
			return true
		}
	}
	return false
}

// runLogin runs a step of a login or a refresh, again where it meets a rate limit. One that a provider answers is sent once: to wait
// and come again is for who attacks.
func (r *run) runLogin(ctx context.Context, step *httpstep.Step, jar http.CookieJar, vars httpstep.Vars) (httpstep.Vars, error) {
	first := true
	return r.again(ctx, func() (httpstep.Vars, *httpstep.Response, error) {
		if !first {
			if err := r.spendLogin(); err != nil {
				return nil, nil, err
			}
		}
		first = false
		captured, resp, err := step.LogIn(ctx, r.Target, jar, vars)
		if resp != nil && resp.Visited {
			resp = nil
		}
		return captured, resp, err
	})
}
