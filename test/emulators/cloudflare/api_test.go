// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/ai_security"
	"github.com/cloudflare/cloudflare-go/v7/bot_management"
	"github.com/cloudflare/cloudflare-go/v7/dns"
	"github.com/cloudflare/cloudflare-go/v7/ips"
	"github.com/cloudflare/cloudflare-go/v7/leaked_credential_checks"
	"github.com/cloudflare/cloudflare-go/v7/user"
	"github.com/cloudflare/cloudflare-go/v7/zones"
	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/test/emulators/cloudflare"
)

// reply is a reply without the client's help.
type reply struct {
	status int
	header http.Header
	Result any
	Errors []struct {
		Code    int
		Message string
	}
}

func (r reply) code() int {
	if len(r.Errors) == 0 {
		return 0
	}
	return r.Errors[0].Code
}

// call makes a call without Cloudflare's client; {zone} stands for the zone's id.
func (r *rig) call(t *testing.T, token cloudflare.Token, method, path, body string) (reply, error) {
	t.Helper()
	url := r.url + cloudflare.Base + strings.ReplaceAll(path, "{zone}", r.zone.ID)
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token.Value != "" {
		req.Header.Set("Authorization", "Bearer "+token.Value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	out := reply{status: res.StatusCode, header: res.Header}
	if err == nil && strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		err = json.Unmarshal(b, &out)
	}
	return out, err
}

func (r *rig) mustCall(t *testing.T, token cloudflare.Token, method, path, body string) reply {
	t.Helper()
	out, err := r.call(t, token, method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if out.header.Get("Cf-Ray") == "" {
		t.Errorf("%s %s: no cf-ray", method, path)
	}
	return out
}

func TestZonesAreShownToWhoeverHasThem(t *testing.T) {
	r := newRig(t, cloudflare.Pro)
	if _, err := r.AddZone("other.example", cloudflare.Free); err != nil {
		t.Fatal(err)
	}
	svc := zones.NewZoneService(r.options(r.token)...)
	page, err := svc.List(t.Context(), zones.ZoneListParams{})
	//nolint:staticcheck // the plan is deprecated for writing, and the only place that tells it without a billing permission
	if err != nil || len(page.Result) != 1 || page.Result[0].Name != "example.com" || page.Result[0].Plan.LegacyID != "pro" || len(page.Result[0].NameServers) != 2 {
		t.Fatalf("%+v, %v", page, err)
	}
	got, err := svc.Get(t.Context(), with(zones.ZoneGetParams{}, fields{"ZoneID": r.zone.ID}))
	if err != nil || got.Status != zones.ZoneStatusActive {
		t.Errorf("%+v, %v", got, err)
	}
	other, _ := r.Zone("other.example")
	_, err = svc.Get(t.Context(), with(zones.ZoneGetParams{}, fields{"ZoneID": other.ID}))
	if diff := cmp.Diff(refusal{403, 9109}, refused(err)); diff != "" {
		t.Error(diff)
	}
	_, err = zones.NewZoneService(r.options(r.newToken(t, "dns only", "DNS Write"))...).List(t.Context(), zones.ZoneListParams{})
	if diff := cmp.Diff(refusal{403, 9109}, refused(err)); diff != "" {
		t.Errorf("without Zone Read: %s", diff)
	}
	page, err = svc.List(t.Context(), with(zones.ZoneListParams{}, fields{"Name": "nothing.example"}))
	if err != nil || len(page.Result) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	r.noViolations(t)
}

func TestSettings(t *testing.T) {
	tests := map[string]struct {
		plan  cloudflare.Plan
		id    string
		value string
		code  int
	}{
		"ssl":                    {cloudflare.Free, "ssl", `"strict"`, 0},
		"ssl unknown":            {cloudflare.Free, "ssl", `"stricter"`, 1007},
		"origin pull":            {cloudflare.Business, "ssl", `"origin_pull"`, 1007},
		"origin pull, paid for":  {cloudflare.Enterprise, "ssl", `"origin_pull"`, 0},
		"TLS version":            {cloudflare.Free, "min_tls_version", `"1.2"`, 0},
		"TLS version as number":  {cloudflare.Free, "min_tls_version", `1.2`, 1007},
		"polish":                 {cloudflare.Free, "polish", `"lossy"`, 1015},
		"polish, paid for":       {cloudflare.Pro, "polish", `"lossy"`, 0},
		"http2":                  {cloudflare.Free, "http2", `"off"`, 1015},
		"security level off":     {cloudflare.Pro, "security_level", `"off"`, 1007},
		"unknown":                {cloudflare.Free, "no_such_setting", `"on"`, 1006},
		"cache ttl":              {cloudflare.Free, "browser_cache_ttl", `14400`, 0},
		"cache ttl out of range": {cloudflare.Free, "browser_cache_ttl", `14401`, 1007},
		"hsts":                   {cloudflare.Free, "security_header", `{"strict_transport_security":{"enabled":true,"max_age":300}}`, 0},
		"hsts of a century":      {cloudflare.Free, "security_header", `{"strict_transport_security":{"enabled":true,"max_age":3153600000}}`, 1007},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tt.plan)
			before, _ := r.Zone("example.com")
			got := r.mustCall(t, r.token, "PATCH", "/zones/{zone}/settings/"+tt.id, `{"value":`+tt.value+`}`)
			if got.code() != tt.code {
				t.Errorf("%d %+v, want code %d", got.status, got.Errors, tt.code)
			}
			after, _ := r.Zone("example.com")
			if changed := !cmp.Equal(before, after); changed != (tt.code == 0) {
				t.Errorf("changed: %v", changed)
			}
		})
	}
}

func TestSettingsAreAllEditedOrNone(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	got := r.mustCall(t, r.token, "PATCH", "/zones/{zone}/settings", `{"items":[{"id":"ssl","value":"strict"},{"id":"polish","value":"lossy"}]}`)
	z, _ := r.Zone("example.com")
	if got.code() != 1015 || z.Setting("ssl") != "full" {
		t.Errorf("%+v, ssl %v", got.Errors, z.Setting("ssl"))
	}
	got = r.mustCall(t, r.token, "PATCH", "/zones/{zone}/settings", `{"items":[{"id":"ssl","value":"strict"},{"id":"min_tls_version","value":"1.2"}]}`)
	z, _ = r.Zone("example.com")
	if got.status != 200 || z.Setting("ssl") != "strict" || z.Setting("min_tls_version") != "1.2" {
		t.Errorf("%+v, %v", got.Errors, z.Settings)
	}
	all := r.mustCall(t, r.token, "GET", "/zones/{zone}/settings", "")
	if list, _ := all.Result.([]any); len(list) < 45 {
		t.Errorf("%d settings", len(list))
	}
	svc := zones.NewSettingService(r.options(r.token)...)
	one, err := svc.Get(t.Context(), "ssl", with(zones.SettingGetParams{}, fields{"ZoneID": r.zone.ID}))
	if err != nil || fmt.Sprint(one.Value) != "strict" || one.ModifiedOn.IsZero() || !bool(one.Editable) {
		t.Errorf("%+v, %v", one, err)
	}
	_, err = svc.Edit(t.Context(), "tls_1_3", with(zones.SettingEditParams{}, fields{"ZoneID": r.zone.ID, "Body": with(zones.SettingEditParamsBody{}, fields{"Value": any("zrt")})}))
	if err != nil {
		t.Error(err)
	}
	r.noViolations(t)
}

func TestSettingsCanBeThereOneByOneOnly(t *testing.T) {
	r := newRig(t, cloudflare.Free, func(o *cloudflare.Options) { o.NoAllSettings = true })
	for _, method := range []string{"GET", "PATCH"} {
		if got := r.mustCall(t, r.token, method, "/zones/{zone}/settings", `{"items":[{"id":"ssl","value":"strict"}]}`); got.status != 400 || got.code() != 7003 {
			t.Errorf("%s: %d %+v", method, got.status, got.Errors)
		}
	}
	if got := r.mustCall(t, r.token, "PATCH", "/zones/{zone}/settings/ssl", `{"value":"strict"}`); got.status != 200 {
		t.Errorf("%d %+v", got.status, got.Errors)
	}
}

func TestAPartialSecurityHeaderKeepsTheRest(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	for _, part := range []string{`{"enabled":true,"max_age":300}`, `{"include_subdomains":true}`} {
		body := `{"value":{"strict_transport_security":` + part + `}}`
		if got := r.mustCall(t, r.token, "PATCH", "/zones/{zone}/settings/security_header", body); got.status != 200 {
			t.Fatalf("%d %+v", got.status, got.Errors)
		}
	}
	z, _ := r.Zone("example.com")
	want := map[string]any{"strict_transport_security": map[string]any{
		"enabled": true, "max_age": 300.0, "include_subdomains": true, "preload": false, "nosniff": false,
	}}
	if diff := cmp.Diff(any(want), z.Setting("security_header")); diff != "" {
		t.Error(diff)
	}
}

func TestEverySettingTakesItsOwnValue(t *testing.T) {
	r := newRig(t, cloudflare.Enterprise)
	all := r.mustCall(t, r.token, "GET", "/zones/{zone}/settings", "")
	list, _ := all.Result.([]any)
	for _, entry := range list {
		setting, _ := entry.(map[string]any)
		value, err := json.Marshal(setting["value"])
		if err != nil {
			t.Fatal(err)
		}
		got := r.mustCall(t, r.token, "PATCH", fmt.Sprint("/zones/{zone}/settings/", setting["id"]), `{"value":`+string(value)+`}`)
		if editable := setting["editable"] == true; (got.status == 200) != editable {
			t.Errorf("%s = %s: %d %+v", setting["id"], value, got.status, got.Errors)
		}
	}
}

func TestBots(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	svc := bot_management.NewBotManagementService(r.options(r.token)...)
	put := func(b bot_management.BotManagementUpdateParamsBodyUnion) error {
		_, err := svc.Update(t.Context(), with(bot_management.BotManagementUpdateParams{}, fields{"ZoneID": r.zone.ID, "Body": b}))
		return err
	}
	if err := put(with(bot_management.BotFightModeConfigurationParam{}, fields{"FightMode": true})); err != nil {
		t.Error(err)
	}
	if err := put(with(bot_management.BotFightModeConfigurationParam{}, fields{"AIBotsProtection": bot_management.BotFightModeConfigurationAIBotsProtectionBlock})); err != nil {
		t.Error(err)
	}
	got, err := svc.Get(t.Context(), with(bot_management.BotManagementGetParams{}, fields{"ZoneID": r.zone.ID}))
	if err != nil || !got.FightMode || got.AIBotsProtection != "block" {
		t.Errorf("a PUT keeps what it doesn't name: %+v, %v", got, err)
	}
	for plan, want := range map[cloudflare.Plan][3]int{
		cloudflare.Free: {200, 400, 400}, cloudflare.Pro: {400, 200, 400}, cloudflare.Business: {400, 200, 200},
	} {
		r := newRig(t, plan)
		for i, body := range []string{`{"fight_mode":true}`, `{"sbfm_definitely_automated":"block"}`, `{"sbfm_likely_automated":"managed_challenge"}`} {
			if got := r.mustCall(t, r.token, "PUT", "/zones/{zone}/bot_management", body); got.status != want[i] {
				t.Errorf("%s on %s: %d %+v", body, plan, got.status, got.Errors)
			}
		}
		r.noViolations(t)
	}
}

func TestSmallEndpoints(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	opts, zone := r.options(r.token), fields{"ZoneID": r.zone.ID}
	leaked := leaked_credential_checks.NewLeakedCredentialCheckService(opts...)
	if _, err := leaked.New(t.Context(), with(leaked_credential_checks.LeakedCredentialCheckNewParams{}, fields{"ZoneID": r.zone.ID, "Enabled": true})); err != nil {
		t.Error(err)
	}
	if got, err := leaked.Get(t.Context(), with(leaked_credential_checks.LeakedCredentialCheckGetParams{}, zone)); err != nil || !got.Enabled {
		t.Errorf("%+v, %v", got, err)
	}
	_, err := ai_security.NewAISecurityService(opts...).Update(t.Context(), with(ai_security.AISecurityUpdateParams{}, fields{"ZoneID": r.zone.ID, "Enabled": true}))
	if diff := cmp.Diff(refusal{403, 13101}, refused(err)); diff != "" {
		t.Errorf("AI security on Free: %v: %s", err, diff)
	}
	sec, err := dns.NewDNSSECService(opts...).Edit(t.Context(), with(dns.DNSSECEditParams{}, fields{"ZoneID": r.zone.ID, "Status": dns.DNSSECEditParamsStatusActive}))
	if err != nil || sec.Status != dns.DNSSECStatusPending || sec.DS == "" {
		t.Errorf("%+v, %v", sec, err)
	}
	if got, err := user.NewTokenService(opts...).Verify(t.Context()); err != nil || got.Status != user.TokenVerifyResponseStatusActive {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ips.NewIPService(opts...).List(t.Context(), ips.IPListParams{}); err != nil || got == nil {
		t.Errorf("%+v, %v", got, err)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/zones/{zone}/purge_cache", `{"purge_everything":true}`, 200},
		{"POST", "/zones/{zone}/purge_cache", `{}`, 400},
		{"PATCH", "/zones/{zone}/ssl/universal/settings", `{"enabled":false}`, 200},
		{"GET", "/zones/{zone}/managed_headers", "", 200},
		{"PATCH", "/zones/{zone}/managed_headers", `{"managed_request_headers":[{"id":"add_visitor_location_headers","enabled":true}],"managed_response_headers":[]}`, 200},
		{"PUT", "/zones/{zone}/url_normalization", `{"type":"rfc3986","scope":"both"}`, 200},
		{"PUT", "/zones/{zone}/url_normalization", `{"type":"none","scope":"both"}`, 400},
		{"GET", "/zones/not-an-id/dns_records", "", 400},
		{"GET", "/zones/{zone}/no_such_thing", "", 400},
		{"DELETE", "/zones/{zone}/dns_records", "", 405},
		{"POST", "/zones/{zone}/dns_records", `{"type":`, 400},
	} {
		if got := r.mustCall(t, r.token, c.method, c.path, c.body); got.status != c.status {
			t.Errorf("%s %s: %d %+v", c.method, c.path, got.status, got.Errors)
		}
	}
	r.noViolations(t)
}

func TestTokensThatAreNotInOrder(t *testing.T) {
	r := newRig(t, cloudflare.Free)
	for name, tt := range map[string]struct {
		spoil  func(t *testing.T) cloudflare.Token
		call   refusal
		verify refusal
		status string
	}{
		"none":      {func(*testing.T) cloudflare.Token { return cloudflare.Token{} }, refusal{400, 9106}, refusal{400, 9106}, ""},
		"malformed": {func(*testing.T) cloudflare.Token { return cloudflare.Token{Value: "short"} }, refusal{400, 6003}, refusal{400, 6003}, ""},
		"unknown":   {func(*testing.T) cloudflare.Token { return cloudflare.Token{Value: strings.Repeat("x", 40)} }, refusal{403, 9109}, refusal{401, 1000}, ""},
		"revoked": {func(t *testing.T) cloudflare.Token {
			token := r.newToken(t, "revoked", "Zone Read")
			if err := r.RevokeToken("revoked"); err != nil {
				t.Fatal(err)
			}
			return token
		}, refusal{403, 9109}, refusal{401, 1000}, ""},
		"disabled": {func(t *testing.T) cloudflare.Token {
			token := r.newToken(t, "disabled", "Zone Read")
			if err := r.EditToken("disabled", func(token *cloudflare.Token) { token.Status = cloudflare.TokenDisabled }); err != nil {
				t.Fatal(err)
			}
			return token
		}, refusal{403, 9109}, refusal{}, "disabled"},
		"expired": {func(t *testing.T) cloudflare.Token {
			token := r.newToken(t, "expired", "Zone Read")
			past := r.clock.Now().Add(-time.Second)
			if err := r.EditToken("expired", func(token *cloudflare.Token) { token.ExpiresOn = &past }); err != nil {
				t.Fatal(err)
			}
			return token
		}, refusal{403, 9109}, refusal{}, "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			token := tt.spoil(t)
			got := r.mustCall(t, token, "GET", "/zones/{zone}", "")
			if diff := cmp.Diff(tt.call, refusal{got.status, int64(got.code())}); diff != "" {
				t.Error(diff)
			}
			got = r.mustCall(t, token, "GET", "/user/tokens/verify", "")
			if tt.status == "" {
				if diff := cmp.Diff(tt.verify, refusal{got.status, int64(got.code())}); diff != "" {
					t.Error(diff)
				}
				return
			}
			if result, _ := got.Result.(map[string]any); got.status != 200 || result["status"] != tt.status {
				t.Errorf("%d %v", got.status, got.Result)
			}
		})
	}
}

func TestPermissions(t *testing.T) {
	const entry = "/zones/{zone}/rulesets/phases/"
	tests := []struct{ method, path, group string }{
		{"GET", "/zones/{zone}", "Zone"},
		{"GET", "/zones/{zone}/dns_records", "DNS"},
		{"POST", "/zones/{zone}/dns_records/batch", "DNS"},
		{"GET", "/zones/{zone}/settings/ssl", "Zone Settings"},
		{"PATCH", "/zones/{zone}/settings/ssl", "Zone Settings"},
		{"GET", "/zones/{zone}/bot_management", "Bot Management"},
		{"PUT", "/zones/{zone}/bot_management", "Bot Management"},
		{"POST", "/zones/{zone}/leaked-credential-checks", "Zone WAF"},
		{"POST", "/zones/{zone}/purge_cache", "Cache Purge"},
		{"PUT", entry + "http_request_firewall_custom/entrypoint", "Zone WAF"},
		{"PUT", entry + "http_request_firewall_managed/entrypoint", "Zone WAF"},
		{"PUT", entry + "http_ratelimit/entrypoint", "Zone WAF"},
		{"PUT", entry + "http_request_dynamic_redirect/entrypoint", "Dynamic URL Redirects"},
		{"PUT", entry + "http_config_settings/entrypoint", "Config Settings"},
		{"PUT", entry + "http_request_cache_settings/entrypoint", "Cache Settings"},
		{"PUT", entry + "http_response_headers_transform/entrypoint", "Zone Transform Rules"},
		{"PUT", entry + "http_custom_errors/entrypoint", "Custom Errors"},
		{"GET", entry + "http_custom_errors/entrypoint", "Custom Errors"},
	}
	r := newRig(t, cloudflare.Pro)
	for i, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			write := tt.method != "GET"
			var others []string
			for _, p := range cloudflare.AllPermissions() {
				if p != tt.group+" Write" && p != tt.group {
					others = append(others, p)
				}
			}
			for name, c := range map[string]struct {
				permissions []string
				allowed     bool
			}{
				"write":  {[]string{tt.group + " Write"}, true},
				"read":   {[]string{tt.group + " Read"}, !write},
				"others": {others, false},
			} {
				if tt.group == "Cache Purge" && name != "others" { // it has nothing to read
					c.permissions, c.allowed = []string{tt.group}, true
				}
				token := r.newToken(t, fmt.Sprintf("%s %d", name, i), c.permissions...)
				got := r.mustCall(t, token, tt.method, tt.path, "{}")
				if allowed := got.status != 403; allowed != c.allowed {
					t.Errorf("%s: %d %+v", name, got.status, got.Errors)
				}
			}
		})
	}
}

func TestRateLimitOfTokens(t *testing.T) {
	r := newRig(t, cloudflare.Free, func(o *cloudflare.Options) { o.RateLimit = 3 })
	other := r.newToken(t, "other", "Zone Read")
	for want := range 3 {
		got := r.mustCall(t, r.token, "GET", "/zones/{zone}", "")
		if header := got.header.Get("Ratelimit"); got.status != 200 || header != fmt.Sprintf(`"default";r=%d;t=300`, 2-want) {
			t.Errorf("%d, %s", got.status, header)
		}
	}
	r.clock.Add(time.Minute)
	got := r.mustCall(t, r.token, "GET", "/zones/{zone}", "")
	if got.status != 429 || got.header.Get("Retry-After") != "300" || got.header.Get("Ratelimit-Policy") != `"default";q=3;w=300` {
		t.Errorf("%d %v", got.status, got.header)
	}
	if got := r.mustCall(t, other, "GET", "/zones/{zone}", ""); got.status != 200 {
		t.Errorf("another token: %d", got.status)
	}
	r.clock.Add(4*time.Minute + 59*time.Second)
	if got := r.mustCall(t, r.token, "GET", "/zones/{zone}", ""); got.status != 429 || got.header.Get("Retry-After") != "1" {
		t.Errorf("a second too early: %d %v", got.status, got.header)
	}
	r.clock.Add(time.Second)
	if got := r.mustCall(t, r.token, "GET", "/zones/{zone}", ""); got.status != 200 {
		t.Errorf("after the block: %d", got.status)
	}
}
