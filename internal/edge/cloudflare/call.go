// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/launchready/launchready/internal/edge"
)

// maxReply bounds what is read of a reply. The largest is a page of DNS records: pageSize of them take 3 MB as they usually
// are, and ten times that if each had a TXT of 2,048 characters, a comment and tags; the rest is for what we don't foresee.
// The rules of a phase (1,000 of 4 KB) take less.
const maxReply = 64 << 20

// reply is the envelope of Cloudflare's replies.
// Source: developers.cloudflare.com/fundamentals/api/how-to/make-api-calls/
type reply[T any] struct {
	Success bool `json:"success"`
	Errors  []struct {
		Code    int64  `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
	Result *T `json:"result"`
	Info   struct {
		TotalCount *int `json:"total_count"`
		Cursors    struct {
			After string `json:"after"`
		} `json:"cursors"`
	} `json:"result_info"`
}

// send makes one request by a method of cloudflare-go.
type send func(ctx context.Context, opts ...option.RequestOption) error

// ask sends one request. The reply of one that reads holds a result, or there is an error.
func ask[T any](ctx context.Context, c *Client, a action, do send) (reply[T], error) {
	var (
		got reply[T]
		res *http.Response
	)
	if f := c.limits.wait(ctx); f != nil {
		f.Doing = a.doing
		return got, f
	}
	start := c.clock.Now()
	err := do(ctx, option.WithResponseBodyInto(&got), option.WithResponseInto(&res))
	f := judge(ctx, c, a, got, err, res)
	c.metrics.seen(a, c.clock.Since(start), f)
	if f == nil {
		return got, nil
	}
	if f.Kind == edge.KindRateLimit {
		c.limits.block(f.RetryAfter)
	}
	return reply[T]{}, f
}

// judge says what is wrong with a reply; nil if nothing is.
func judge[T any](ctx context.Context, c *Client, a action, got reply[T], err error, res *http.Response) *edge.APIError {
	switch {
	case res != nil && res.StatusCode == http.StatusNoContent && a.writes:
		return nil
	case err != nil:
		return c.fault(ctx, a, err, res)
	case res == nil || res.StatusCode < 200 || res.StatusCode > 299:
		return c.fault(ctx, a, errUnreadable, res)
	case !got.Success && len(got.Errors) > 0:
		f := &edge.APIError{
			Doing: a.doing, Status: res.StatusCode, Code: got.Errors[0].Code, Message: got.Errors[0].Message,
		}
		c.refuse(f, a, res)
		return f
	case !got.Success:
		return c.fault(ctx, a, errUnreadable, res)
	case got.Result == nil && !a.writes:
		return c.fault(ctx, a, errNoResult, res)
	default:
		return nil
	}
}

// change sends one request that changes something in a zone. What was observed of the zone no longer counts afterwards, however
// it ended.
func (c *Client) change(ctx context.Context, a action, zone edge.Zone, body any, do send) error {
	defer c.Invalidate(zone.Name)
	var opts []option.RequestOption
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return &edge.APIError{Kind: edge.KindInvalid, Doing: a.doing, Err: err}
		}
		opts = append(opts, option.WithRequestBody("application/json", raw))
	}
	_, err := ask[json.RawMessage](ctx, c, a, func(ctx context.Context, more ...option.RequestOption) error {
		return do(ctx, append(more, opts...)...)
	})
	return err
}

// partly is the error of a change that was sent in several requests, of which earlier ones may be done.
func partly(err error, done bool) error {
	var f *edge.APIError
	if errors.As(err, &f) && done {
		f.Unsure = true
	}
	return err
}

// plainID is what may stand in a path: cloudflare-go puts ids there as they are.
var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkIDs refuses ids that would lead a request elsewhere.
func checkIDs(a action, ids ...string) error {
	for _, id := range ids {
		if !plainID.MatchString(id) {
			return &edge.APIError{Kind: edge.KindInvalid, Doing: a.doing, Err: fmt.Errorf("%q is no id", id)}
		}
	}
	return nil
}

// instead sends a request to a path that cloudflare-go has no method for, by the method for another one that ends alike.
func instead(end, other string) option.RequestOption {
	return option.WithMiddleware(func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		path, ok := strings.CutSuffix(r.URL.Path, end)
		if !ok {
			return nil, fmt.Errorf("no path that ends with %q", end)
		}
		r.URL.Path = path + other
		return next(r)
	})
}

// wire is what requests go through: it bounds replies, follows no redirect (with the token in the header), and logs what an
// operator may see: neither headers nor bodies.
type wire struct {
	client *http.Client
	clock  clock.PassiveClock
}

func newWire(transport http.RoundTripper, c clock.PassiveClock) *wire {
	return &wire{clock: c, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Do implements option.HTTPClient.
func (w *wire) Do(r *http.Request) (*http.Response, error) {
	start, status := w.clock.Now(), 0
	res, err := w.client.Do(r) //nolint:gosec // the address is the API's, which the operator was started with
	if res != nil {
		status = res.StatusCode
	}
	if res != nil && res.Body != nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxReply)
	}
	logr.FromContextOrDiscard(r.Context()).V(2).Info("Called Cloudflare",
		"method", r.Method, "path", r.URL.Path, "status", status, "duration", w.clock.Since(start).String())
	return res, err
}
