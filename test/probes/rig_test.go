// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probes_test

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/netguard"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/access"
	"github.com/launchready/launchready/test/emulators/chatbots"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

//go:embed chatbot.yaml
var description []byte

//go:embed formlogin.yaml
var formLogin []byte

//go:embed cookieonly.yaml
var cookieOnly []byte

//go:embed totplogin.yaml
var totpLogin []byte

//go:embed tokenrefresh.yaml
var tokenRefresh []byte

//go:embed readysession.yaml
var readySession []byte

//go:embed chatsocket.yaml
var chatSocket []byte

//go:embed chatstream.yaml
var chatStream []byte

// described gives the description of the chatbot.
func described(t testing.TB) *v1alpha1.App {
	t.Helper()
	app := &v1alpha1.App{}
	if err := yaml.UnmarshalStrict(description, app); err != nil {
		t.Fatal(err)
	}
	if errs := httpstep.Validate(app, field.NewPath("spec", "app")); len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	return app
}

// describedWith gives the description with another login instead.
func describedWith(t testing.TB, login []byte) *v1alpha1.App {
	t.Helper()
	app := described(t)
	app.Login, app.Authenticate = nil, nil
	return asked(t, app, login)
}

// asked gives the description with a part of it said in another way.
func asked(t testing.TB, app *v1alpha1.App, part []byte) *v1alpha1.App {
	t.Helper()
	said := &v1alpha1.App{}
	if err := yaml.UnmarshalStrict(part, said); err != nil {
		t.Fatal(err)
	}
	if said.Chat != nil {
		app.Chat = nil
	}
	if strings.Contains(string(part), "$(totp(") {
		// Whoever signs up has no authenticator.
		app.SignUp, app.Profile = nil, nil
	}
	if err := yaml.UnmarshalStrict(part, app); err != nil {
		t.Fatal(err)
	}
	if errs := httpstep.Validate(app, field.NewPath("spec", "app")); len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	return app
}

// rig is a chatbot that listens, and the target that leads to it.
type rig struct {
	bot    *chatbots.App
	server *httptest.Server
	target *httpstep.Target
	wire   *wire
	// known are attacks that succeeded before.
	known []probe.KnownAttack
	// found are the findings as they were made.
	found []probe.Finding
}

func newBudget(n int) *httpstep.Budget { return httpstep.NewBudget(n) }

func newRig(t testing.TB, config chatbots.Config) *rig {
	t.Helper()
	bot, err := chatbots.New(config)
	if err != nil {
		t.Fatal(err)
	}
	tapped := &wire{app: bot}
	server := httptest.NewServer(tapped)
	t.Cleanup(func() {
		server.Close()
		if err := bot.Close(); err != nil {
			t.Error(err)
		}
	})
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	guard, err := netguard.New(netguard.Options{Proven: []netip.AddrPort{netip.MustParseAddrPort(base.Host)}})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{bot: bot, server: server, wire: tapped, target: &httpstep.Target{
		Base: base, Host: "app.example.com", Transport: guard.Transport(), Timeout: 10 * time.Second,
		UserAgent: "LaunchReady/test", Run: "test", Budget: httpstep.NewBudget(20_000),
	}}
}

// credentials are those of the accounts, as their Secrets hold them.
func (r *rig) credentials() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, a := range r.bot.Accounts() {
		all[a.Name] = map[string]string{"email": a.Email, "password": a.Password, "authenticator": a.Authenticator()}
	}
	return all
}

// access runs the suite.
func (r *rig) access(t testing.TB, app *v1alpha1.App) map[v1alpha1.Row]probe.RowResult {
	t.Helper()
	credentials := r.credentials()
	if app.Login == nil {
		// A ready session is one that somebody else began.
		for _, a := range r.bot.Accounts() {
			credentials[a.Name]["token"] = r.token(t, a)
		}
	}
	// A run that asked more than was planned would end there.
	r.target.Chats = httpstep.NewChatAllowance(app, access.Plan(app, r.known).Chats, 0)
	results := map[v1alpha1.Row]probe.RowResult{}
	for _, result := range access.Run(t.Context(), access.Options{
		App: app, Target: r.target, Credentials: credentials, Known: r.known,
		Found: func(_ v1alpha1.Row, f probe.Finding) { r.found = append(r.found, f) },
	}) {
		results[result.Row] = result
	}
	return results
}

// token logs somebody in, beside the run.
func (r *rig) token(t testing.TB, a chatbots.Account) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"email": a.Email, "password": a.Password})
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/login", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	reply := httptest.NewRecorder()
	r.bot.ServeHTTP(reply, request)
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(reply.Body.Bytes(), &got); err != nil || got.AccessToken == "" {
		t.Fatalf("%s has no token: %d", a.Name, reply.Code)
	}
	return got.AccessToken
}

var _ http.Handler = (*chatbots.App)(nil)
