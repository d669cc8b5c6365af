// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/launchready/launchready/internal/edge"
)

// accountTokenPrefix marks a token that an account owns. Cloudflare verifies it below the account.
// Sources: developers.cloudflare.com/fundamentals/api/get-started/token-formats/, and
// developers.cloudflare.com/api/resources/accounts/subresources/tokens/methods/verify/
const accountTokenPrefix = "cfat_"

var errAccountToken = errors.New("a token that an account owns can be verified only once a zone of the account was seen")

// account is the id of the account whose zones were seen.
type account struct {
	mu sync.Mutex
	id string
}

func (a *account) set(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.id = id
}

func (a *account) get() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.id
}

// Verify asks Cloudflare whether the token is valid. It says nothing of permissions.
func (c *Client) Verify(ctx context.Context) error {
	var more []option.RequestOption
	if strings.HasPrefix(c.token(), accountTokenPrefix) {
		id := c.account.get()
		if !plainID.MatchString(id) {
			return &edge.APIError{Kind: edge.KindInvalid, Doing: actionVerify.doing, Err: errAccountToken}
		}
		more = append(more, instead("user/tokens/verify", "accounts/"+id+"/tokens/verify"))
	}
	got, err := ask[struct {
		Status string `json:"status"`
	}](ctx, c, actionVerify, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.tokens.Verify(ctx, append(opts, more...)...)
		return err
	})
	if err != nil {
		return err
	}
	if status := got.Result.Status; status != "active" {
		return &edge.APIError{
			Kind: edge.KindAuth, Doing: actionVerify.doing, Status: 200,
			Err: fmt.Errorf("the token is %s", c.harmless(status)),
		}
	}
	return nil
}

// sureOfToken tells a token that isn't valid from one that lacks a permission, where Cloudflare said the same of both.
func (c *Client) sureOfToken(ctx context.Context, err error) error {
	var f *edge.APIError
	if !errors.As(err, &f) || f.Code != codeAuthentication || f.Kind != edge.KindPermission {
		return err
	}
	if invalid := c.Verify(ctx); invalid != nil && edge.KindOf(invalid) == edge.KindAuth {
		return invalid
	}
	return err
}
