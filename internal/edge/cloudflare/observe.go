// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/cloudflare/cloudflare-go/v7/bot_management"
	"github.com/cloudflare/cloudflare-go/v7/dns"
	"github.com/cloudflare/cloudflare-go/v7/leaked_credential_checks"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/zones"
	"golang.org/x/sync/errgroup"

	"github.com/launchready/launchready/internal/edge"
)

// sideBySide is how many requests an observation has under way at once.
const sideBySide = 4

// Observe implements edge.API. What it sees serves Observation from then on.
func (c *Client) Observe(ctx context.Context, zone string) (edge.State, error) {
	_, change, _ := c.watch.last(zoneKey(zone))
	start := c.clock.Now()
	state, err := c.observe(ctx, zone)
	if err == nil {
		c.watch.keep(zoneKey(zone), change, sighting{state: state, at: start})
	}
	return state, err
}

// observe takes at most 7 requests where nothing changed in the zone's rules since the last time (and the list
// of rulesets and of records fit on a page), one more for each phase whose rules changed. The State is to be read only: its
// rules are shared with later ones.
func (c *Client) observe(ctx context.Context, name string) (edge.State, error) {
	zone, err := c.zone(ctx, name)
	if err != nil {
		return edge.State{}, err
	}
	state, denied := edge.State{Zone: zone}, &denials{}
	parts, ctx := errgroup.WithContext(ctx)
	parts.SetLimit(sideBySide)
	parts.Go(func() (err error) {
		state.Records, err = c.listRecords(ctx, zone.ID)
		return denied.unless(err, edge.PartRecords)
	})
	parts.Go(func() (err error) {
		state.Rulesets, err = c.readRulesets(ctx, zone.ID, denied)
		return err
	})
	parts.Go(func() (err error) {
		state.Settings, err = c.readSettings(ctx, zone.ID)
		return denied.unless(err, edge.PartSettings)
	})
	parts.Go(func() (err error) {
		state.Bots, err = c.readBots(ctx, zone.ID)
		return denied.unless(unlessAbsent(err), edge.PartBots)
	})
	parts.Go(func() (err error) {
		state.LeakedCredentials, err = c.readCredentials(ctx, zone.ID)
		return denied.unless(unlessAbsent(err), edge.PartLeakedCredentials)
	})
	parts.Go(func() (err error) {
		state.DNSSEC, err = c.readDNSSEC(ctx, zone.ID)
		return denied.unless(unlessAbsent(err), edge.PartDNSSEC)
	})
	if err := parts.Wait(); err != nil {
		return edge.State{}, err
	}
	state.Denied = denied.sorted()
	return state, nil
}

// denials gathers what a token may not read.
type denials struct {
	mu   sync.Mutex
	list []edge.Denied
}

// unless takes a missing permission as an answer, and gives every other error back.
func (d *denials) unless(err error, parts ...edge.Part) error {
	if err == nil || edge.KindOf(err) != edge.KindPermission {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, part := range parts {
		d.list = append(d.list, edge.Denied{Part: part, Permission: action{part: part}.permission()})
	}
	return nil
}

// sorted gives them in an order that doesn't depend on which reply came first.
func (d *denials) sorted() []edge.Denied {
	slices.SortFunc(d.list, func(a, b edge.Denied) int { return cmp.Compare(a.Part, b.Part) })
	return d.list
}

// unlessAbsent takes a feature that the plan doesn't have, or the API doesn't know for this zone, as one that can't be read.
func unlessAbsent(err error) error {
	if gone(err) || err != nil && edge.KindOf(err) == edge.KindEntitlement {
		return nil
	}
	return err
}

type zoneReply struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Status      string   `json:"status"`
	Paused      bool     `json:"paused"`
	NameServers []string `json:"name_servers"`
	Plan        struct {
		LegacyID string `json:"legacy_id"`
	} `json:"plan"`
	Account struct {
		ID string `json:"id"`
	} `json:"account"`
}

// zone looks a zone up by its name.
func (c *Client) zone(ctx context.Context, name string) (edge.Zone, error) {
	name = zoneKey(name)
	var params zones.ZoneListParams
	params.Name.Value, params.Name.Present = name, true
	// The most that the API gives on a page: a name may be pending in some accounts, but is active in one only.
	params.PerPage.Value, params.PerPage.Present = 50, true
	got, err := ask[[]zoneReply](ctx, c, actionZone, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.zones.List(ctx, params, opts...)
		return err
	})
	if err != nil {
		return edge.Zone{}, c.sureOfToken(ctx, err)
	}
	found := slices.DeleteFunc(*got.Result, func(z zoneReply) bool { return !strings.EqualFold(z.Name, name) || z.ID == "" })
	if i := slices.IndexFunc(found, func(z zoneReply) bool { return z.Status == "active" }); i >= 0 {
		found = found[i : i+1]
	}
	switch len(found) {
	case 0:
		return edge.Zone{}, &edge.APIError{
			Kind: edge.KindZoneNotFound, Doing: actionZone.doing, Status: http.StatusOK,
			Err: fmt.Errorf("the token sees no zone %q", name),
		}
	case 1:
		z := found[0]
		if err := checkIDs(actionZone, z.ID); err != nil {
			return edge.Zone{}, err
		}
		c.account.set(z.Account.ID)
		return edge.Zone{
			ID: z.ID, Name: name, Plan: edge.PlanName(z.Plan.LegacyID), Status: z.Status, Paused: z.Paused,
			NameServers: z.NameServers,
		}, nil
	default:
		return edge.Zone{}, &edge.APIError{
			Kind: edge.KindConflict, Doing: actionZone.doing, Status: http.StatusOK,
			Err: fmt.Errorf("the token sees %d zones %q, and none is active", len(found), name),
		}
	}
}

// settingsRead are the settings that are kept of all that the API gives.
func settingsRead() []edge.Setting {
	return []edge.Setting{
		edge.SettingSSL, edge.SettingAlwaysHTTPS, edge.SettingMinTLS, edge.SettingTLS13, edge.SettingDevelopment,
		edge.SettingSecurityHeader, edge.SettingSecurityLevel, edge.SettingHTTPSRewrites,
	}
}

type settingReply struct {
	ID       edge.Setting    `json:"id"`
	Value    json.RawMessage `json:"value"`
	Editable bool            `json:"editable"`
}

// allSettings stands for a setting's name where all are meant: cloudflare-go has no method for GET and PATCH of
// /zones/{zone_id}/settings, which read and change all settings at once.
const allSettings = "all"

// all leads a request for one setting to all of them.
func all() option.RequestOption { return instead("/"+allSettings, "") }

// readSettings reads all settings in one request, or one by one where the API has no such path: newer descriptions of it don't
// name it any more.
func (c *Client) readSettings(ctx context.Context, zoneID string) (map[edge.Setting]edge.SettingValue, error) {
	found, err := readSetting[[]settingReply](ctx, c, zoneID, allSettings, all())
	switch {
	case err == nil:
	case noRoute(err):
		found = nil
		for _, id := range settingsRead() {
			one, err := readSetting[settingReply](ctx, c, zoneID, string(id))
			if gone(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			found = append(found, one)
		}
	default:
		return nil, err
	}
	values := map[edge.Setting]edge.SettingValue{}
	for _, s := range found {
		if slices.Contains(settingsRead(), s.ID) {
			values[s.ID] = edge.SettingValue{Value: s.Value, Editable: s.Editable}
		}
	}
	return values, nil
}

func readSetting[T any](ctx context.Context, c *Client, zoneID, id string, more ...option.RequestOption) (T, error) {
	var params zones.SettingGetParams
	params.ZoneID.Value = zoneID
	got, err := ask[T](ctx, c, actionSettings, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.settings.Get(ctx, id, params, append(opts, more...)...)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return *got.Result, nil
}

// botsReply is bot_management, as it is read and written. Of what isn't set, a write changes nothing.
type botsReply struct {
	FightMode           *bool  `json:"fight_mode,omitempty"`
	DefinitelyAutomated string `json:"sbfm_definitely_automated,omitempty"`
	LikelyAutomated     string `json:"sbfm_likely_automated,omitempty"`
	VerifiedBots        string `json:"sbfm_verified_bots,omitempty"`
}

func (c *Client) readBots(ctx context.Context, zoneID string) (*edge.Bots, error) {
	var params bot_management.BotManagementGetParams
	params.ZoneID.Value = zoneID
	got, err := ask[botsReply](ctx, c, actionBots, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.bots.Get(ctx, params, opts...)
		return err
	})
	if err != nil {
		return nil, err
	}
	bots := edge.Bots(*got.Result)
	return &bots, nil
}

type credentialsReply struct {
	Enabled *bool `json:"enabled"`
}

func (c *Client) readCredentials(ctx context.Context, zoneID string) (*bool, error) {
	var params leaked_credential_checks.LeakedCredentialCheckGetParams
	params.ZoneID.Value = zoneID
	got, err := ask[credentialsReply](ctx, c, actionCredentials, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.credentials.Get(ctx, params, opts...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return got.Result.Enabled, nil
}

func (c *Client) readDNSSEC(ctx context.Context, zoneID string) (string, error) {
	var params dns.DNSSECGetParams
	params.ZoneID.Value = zoneID
	got, err := ask[struct {
		Status string `json:"status"`
	}](ctx, c, actionDNSSEC, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.dnssec.Get(ctx, params, opts...)
		return err
	})
	if err != nil {
		return "", err
	}
	return got.Result.Status, nil
}
