// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/dns"
	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/launchready/launchready/test/emulators/cloudflare"
)

// rig is an emulator that serves, with a zone and an all-powerful token, and the options for Cloudflare's own client.
type rig struct {
	*cloudflare.Server
	url   string
	zone  cloudflare.Zone
	token cloudflare.Token
	clock *clock
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// description is read once: it takes longer than most of the tests.
var description = sync.OnceValues(func() (*cloudflare.Validator, error) { //nolint:gochecknoglobals // read once, never changed
	path := cloudflare.FindOpenAPI()
	if path == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	return cloudflare.NewValidator(path)
})

func newRig(t *testing.T, plan cloudflare.Plan, change ...func(*cloudflare.Options)) *rig {
	t.Helper()
	k := &clock{now: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)}
	validator, err := description()
	if err != nil {
		t.Fatal(err)
	}
	if validator == nil {
		t.Log("NOT VALIDATED: Cloudflare's description of its API is not at hand; see LAUNCHREADY_SHARED_DATA in the README")
	}
	opts := cloudflare.Options{Now: k.Now, TestAPI: true, Validator: validator}
	for _, f := range change {
		f(&opts)
	}
	server, err := cloudflare.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(func() { server.Release(); web.Close() })
	r := &rig{Server: server, url: web.URL, clock: k}
	if r.zone, err = server.AddZone("example.com", plan); err != nil {
		t.Fatal(err)
	}
	r.token = r.newToken(t, "all", cloudflare.AllPermissions()...)
	return r
}

func (r *rig) newToken(t *testing.T, name string, permissions ...string) cloudflare.Token {
	t.Helper()
	token, err := r.AddToken(cloudflare.Token{Name: name, Zones: []string{"example.com"}, Permissions: permissions})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// options are for Cloudflare's client: no retries, so that a test sees each reply.
func (r *rig) options(token cloudflare.Token) []option.RequestOption {
	return []option.RequestOption{option.WithBaseURL(r.url + cloudflare.Base + "/"), option.WithAPIToken(token.Value), option.WithMaxRetries(0)}
}

// refusal is what a call was refused with.
type refusal struct {
	Status int
	Code   int64
}

func refused(err error) refusal {
	var e *dns.Error // the one type of all of Cloudflare's service packages
	if !errors.As(err, &e) {
		return refusal{}
	}
	r := refusal{Status: e.StatusCode}
	if len(e.Errors) > 0 {
		r.Code = e.Errors[0].Code
	}
	return r
}

// fields are what a request of Cloudflare's client is to hold.
type fields map[string]any

// with fills a request. The client's root package has functions for it, and links every product of Cloudflare's.
func with[P any](p P, f fields) P {
	v := reflect.ValueOf(&p).Elem()
	for name, value := range f {
		field := v.FieldByName(name)
		if field.Kind() == reflect.Struct && field.FieldByName("Present").IsValid() {
			field.FieldByName("Value").Set(reflect.ValueOf(value))
			field.FieldByName("Present").SetBool(true)
			continue
		}
		field.Set(reflect.ValueOf(value))
	}
	return p
}

func (r *rig) noViolations(t *testing.T) {
	t.Helper()
	for _, v := range r.Violations() {
		t.Errorf("against Cloudflare's description: %s", v)
	}
}

func statusOf(res *http.Response, err error) int {
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}
