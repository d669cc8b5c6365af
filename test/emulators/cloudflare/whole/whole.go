// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package whole puts an emulated Cloudflare together: an API whose changes the edge serves at once, and a name server that leads
// to the edge. It adds nothing of its own but the way from one to the other.
package whole

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/launchready/launchready/test/emulators/cloudflare"
	"github.com/launchready/launchready/test/emulators/cloudflare/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
	"github.com/launchready/launchready/test/emulators/cloudflare/nameserver"
)

// Options of a whole Cloudflare.
type Options struct {
	API  cloudflare.Options
	Edge edge.Options
	// APIAddress and NameAddress are listened on; a free port of loopback where they are empty.
	APIAddress, NameAddress string
	// EdgeAddress is what the name server answers for proxied records.
	EdgeAddress netip.Addr
}

// Whole is a Cloudflare that runs.
type Whole struct {
	API   *cloudflare.Server
	Edge  *edge.Edge
	Names *nameserver.Server
	// APIAddr and NameAddr are where they listen.
	APIAddr  string
	NameAddr netip.AddrPort

	stop  context.CancelFunc
	ended chan error
}

// parts is how many servers are waited for at the end.
const parts = 2

// Start starts a Cloudflare. Close ends it.
func Start(o Options) (*Whole, error) {
	if o.API.ValidateExpression == nil {
		o.API.ValidateExpression = Understood
	}
	api, err := cloudflare.New(o.API)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Whole{API: api, stop: stop, ended: make(chan error, parts)}
	if o.Edge.Now == nil {
		o.Edge.Now = o.API.Now
	}
	o.Edge.Source = source{api}
	if w.Edge, err = edge.New(o.Edge); err != nil {
		stop()
		return nil, err
	}
	if err := w.serveAPI(ctx, address(o.APIAddress)); err != nil {
		stop()
		return nil, errors.Join(err, w.Edge.Close())
	}
	w.serveNames(ctx, o)
	return w, nil
}

func address(given string) string {
	if given == "" {
		return "127.0.0.1:0"
	}
	return given
}

func (w *Whole) serveAPI(ctx context.Context, at string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	if err != nil {
		return fmt.Errorf("listening for calls of the API: %w", err)
	}
	w.APIAddr = listener.Addr().String()
	mux := http.NewServeMux()
	mux.Handle("/", w.API)
	mux.HandleFunc("GET /_emulator/edge/ca.pem", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write(w.Edge.CAPEM()) // who asked is gone
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { w.ended <- server.Serve(listener) }()
	go func() {
		<-ctx.Done()
		_ = server.Close() // its end is seen by Serve
	}()
	return nil
}

func (w *Whole) serveNames(ctx context.Context, o Options) {
	w.Names = nameserver.New(nameserver.Options{Edge: o.EdgeAddress, Zones: w.namedZones})
	at := make(chan netip.AddrPort, 1)
	go func() {
		err := w.Names.Serve(ctx, address(o.NameAddress), func(a netip.AddrPort) { at <- a })
		close(at)
		w.ended <- err
	}()
	w.NameAddr = <-at
}

// Close ends everything.
func (w *Whole) Close() error {
	err := w.Edge.Close()
	w.stop()
	for range parts {
		if e := <-w.ended; e != nil && !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// Understood says what is wrong with an expression, by the edge's own parser. What Cloudflare may understand and the edge does not is
// let through: the edge fails on it, and says so.
func Understood(phase, plan, text string) error {
	_, err := expression.Parse(expression.Phase(phase), expression.Plan(plan), text)
	var invalid *expression.InvalidError
	if errors.As(err, &invalid) {
		return err
	}
	return nil
}

// namedZones gives the name server its zones.
func (w *Whole) namedZones() []nameserver.Zone {
	var zones []nameserver.Zone
	for _, z := range w.API.Zones() {
		named := nameserver.Zone{Name: z.Name}
		for _, r := range z.Records {
			named.Records = append(named.Records, nameserver.Record{Name: r.Name, Type: r.Type, Content: r.Content, Proxied: r.Proxied})
		}
		zones = append(zones, named)
	}
	return zones
}

// source gives the edge its zones.
type source struct{ api *cloudflare.Server }

// Zones implements edge.Source.
func (s source) Zones() []edge.Zone {
	snapshot := s.api.Zones()
	zones := make([]edge.Zone, len(snapshot))
	for i, z := range snapshot {
		zones[i] = served(z)
	}
	return zones
}

// settings are those that the edge goes by.
var settings = [...]string{ //nolint:gochecknoglobals // a list that nothing changes
	"ssl", "always_use_https", "min_tls_version", "tls_1_3", "development_mode", "security_header", "security_level", "browser_cache_ttl", "cache_level",
}

// served is a zone as the edge sees it. A paused zone, or one that isn't active, isn't served at all.
func served(z cloudflare.Zone) edge.Zone {
	out := edge.Zone{
		ID: z.ID, Name: z.Name, Plan: string(z.Plan), Version: uint64(z.Changed), //nolint:gosec // it counts from 0
		Rules: map[string][]edge.Rule{}, Settings: map[string]json.RawMessage{}, Bots: encoded(z.Bots),
	}
	for _, id := range settings {
		if value := z.Setting(id); value != nil {
			out.Settings[id] = encoded(value)
		}
	}
	if z.Paused || z.Status != "active" {
		return out
	}
	for _, r := range z.Records {
		out.Records = append(out.Records, edge.Record{Name: r.Name, Type: r.Type, Content: r.Content, Proxied: r.Proxied})
	}
	for _, set := range z.Rulesets {
		for _, r := range z.Rules(set.Phase) {
			out.Rules[set.Phase] = append(out.Rules[set.Phase], edge.Rule{
				ID: r.ID, Ref: r.Ref, Description: r.Description, Expression: r.Expression, Action: r.Action, Enabled: r.Enabled,
				ActionParameters: encoded(r.ActionParameters), RateLimit: encoded(r.Ratelimit),
			})
		}
	}
	return out
}

// encoded is a value as the API shows it; nil for nothing.
func encoded(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil || string(data) == "null" {
		return nil
	}
	return data
}
