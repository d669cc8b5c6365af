// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"context"
	"maps"
	"slices"

	"github.com/cloudflare/cloudflare-go/v7/bot_management"
	"github.com/cloudflare/cloudflare-go/v7/leaked_credential_checks"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/zones"

	"github.com/launchready/launchready/internal/edge"
)

// settingChange is a setting as it is to be.
type settingChange struct {
	ID    edge.Setting `json:"id,omitempty"`
	Value string       `json:"value"`
}

// ChangeSettings implements edge.API: in one request, or one by one where the API has no such path.
func (c *Client) ChangeSettings(ctx context.Context, zone edge.Zone, values map[edge.Setting]string) error {
	if len(values) == 0 {
		return nil
	}
	var body struct {
		Items []settingChange `json:"items"`
	}
	for _, id := range slices.Sorted(maps.Keys(values)) {
		if err := checkIDs(actionChangeSettings, zone.ID, string(id)); err != nil {
			return err
		}
		body.Items = append(body.Items, settingChange{ID: id, Value: values[id]})
	}
	err := c.changeSetting(ctx, zone, allSettings, body, all())
	if !noRoute(err) {
		return err
	}
	for i, item := range body.Items {
		err := c.changeSetting(ctx, zone, string(item.ID), settingChange{Value: item.Value})
		if err != nil {
			return partly(err, i > 0)
		}
	}
	return nil
}

func (c *Client) changeSetting(ctx context.Context, zone edge.Zone, id string, body any, more ...option.RequestOption) error {
	params := zones.SettingEditParams{Body: zones.SettingEditParamsBody{}}
	params.ZoneID.Value = zone.ID
	return c.change(ctx, actionChangeSettings, zone, body, func(ctx context.Context, opts ...option.RequestOption) error {
		_, err := c.settings.Edit(ctx, id, params, append(opts, more...)...)
		return err
	})
}

// ChangeBots implements edge.API.
func (c *Client) ChangeBots(ctx context.Context, zone edge.Zone, bots edge.Bots) error {
	if bots == (edge.Bots{}) {
		return nil
	}
	if err := checkIDs(actionChangeBots, zone.ID); err != nil {
		return err
	}
	params := bot_management.BotManagementUpdateParams{Body: bot_management.BotManagementUpdateParamsBody{}}
	params.ZoneID.Value = zone.ID
	return c.change(ctx, actionChangeBots, zone, botsReply(bots),
		func(ctx context.Context, opts ...option.RequestOption) error {
			_, err := c.bots.Update(ctx, params, opts...)
			return err
		})
}

// EnableLeakedCredentials implements edge.API.
func (c *Client) EnableLeakedCredentials(ctx context.Context, zone edge.Zone, on bool) error {
	if err := checkIDs(actionChangeCredentials, zone.ID); err != nil {
		return err
	}
	var params leaked_credential_checks.LeakedCredentialCheckNewParams
	params.ZoneID.Value = zone.ID
	return c.change(ctx, actionChangeCredentials, zone, credentialsReply{Enabled: &on},
		func(ctx context.Context, opts ...option.RequestOption) error {
			_, err := c.credentials.New(ctx, params, opts...)
			return err
		})
}
