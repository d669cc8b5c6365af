// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/launchready/launchready/controllers"
	"github.com/launchready/launchready/internal/edge/authority"
	"github.com/launchready/launchready/internal/edge/cloudflare"
	"github.com/launchready/launchready/internal/edge/origin"
	"github.com/launchready/launchready/internal/netguard"
)

// edgeOptions are the manager's flags about zones.
type edgeOptions struct {
	interval time.Duration
	// apiURL and nameServer lead to stand-ins, in tests and demonstrations.
	apiURL     string
	nameServer string
}

// minEdgeInterval keeps a zone's calls, six a look, far below what Cloudflare allows.
const minEdgeInterval = 5 * time.Second

func (o *edgeOptions) bind(f *pflag.FlagSet) {
	f.DurationVar(&o.interval, "edge-interval", 5*time.Minute, "how often a zone of Cloudflare's is looked at without an event, and what was changed by hand is mended")
	o.bindStandIns(f)
}

func (o *edgeOptions) bindStandIns(f *pflag.FlagSet) {
	f.StringVar(&o.apiURL, "cloudflare-api-url", "", "base URL of Cloudflare's API, for a stand-in (default: Cloudflare's own)")
	f.StringVar(&o.nameServer, "edge-name-server", "", "address and port that are asked in the place of zones' name servers, for a stand-in")
}

func (o *edgeOptions) validate() error {
	var errs []error
	if o.interval < minEdgeInterval {
		errs = append(errs, fmt.Errorf("--edge-interval is %s: give at least %s", o.interval, minEdgeInterval))
	}
	if u, err := url.Parse(o.apiURL); o.apiURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		errs = append(errs, fmt.Errorf("--cloudflare-api-url is %q: give a URL such as https://api.cloudflare.com/client/v4", o.apiURL))
	}
	if _, _, err := net.SplitHostPort(o.nameServer); o.nameServer != "" && err != nil {
		errs = append(errs, fmt.Errorf("--edge-name-server is %q: give an address and a port such as 127.0.0.1:5353", o.nameServer))
	}
	return errors.Join(errs...)
}

// stalenessInIntervals is how many looks may fail before what the last one said no longer counts.
const stalenessInIntervals = 3

func (o *edgeOptions) check(book *controllers.EdgeBook, key []byte) controllers.Check {
	return &controllers.EdgeProtected{Book: book, Key: key, Stale: stalenessInIntervals * o.interval, Clock: clock.RealClock{}}
}

// zones makes the reconciler of zones.
func (o *edgeOptions) zones(mgr ctrl.Manager, direct client.Client, namespace string, key []byte, book *controllers.EdgeBook) (*controllers.ZoneReconciler, error) {
	r, err := o.reconciler(mgr.GetClient(), direct, namespace, key, metrics.Registry)
	if err != nil {
		return nil, err
	}
	r.Live, r.Book, r.Events, r.Interval = mgr.GetAPIReader(), book, mgr.GetEventRecorder("launchready"), o.interval
	return r, nil
}

// reconciler makes what looks at zones.
func (o *edgeOptions) reconciler(c, direct client.Client, namespace string, key []byte, registerer prometheus.Registerer) (*controllers.ZoneReconciler, error) {
	guard, err := netguard.New(netguard.Options{Public: true})
	if err != nil {
		return nil, err
	}
	clients, err := cloudflare.New(cloudflare.Options{BaseURL: o.apiURL, Version: version, Fresh: o.fresh(), Registerer: registerer})
	if err != nil {
		return nil, fmt.Errorf("setting up the client of Cloudflare's API: %w", err)
	}
	return &controllers.ZoneReconciler{
		Client: c, Live: direct, Namespace: namespace,
		API:   func(token string) (controllers.ZoneAPI, error) { return clients.For(token) },
		Names: o.names(), Origins: &origin.Prober{Dialer: guard, Clock: clock.RealClock{}},
		Key: key, Installation: controllers.InstallationID(direct), Clock: clock.RealClock{},
	}, nil
}

// shared is how old what was read of a zone may be for launches that come in between.
const shared = time.Minute

// fresh keeps a look at a zone that is due from being given what was seen before.
func (o *edgeOptions) fresh() time.Duration { return min(shared, o.interval) }

// names asks zones' own name servers about hosts, or the stand-in for all of them.
func (o *edgeOptions) names() controllers.NameServers {
	if o.nameServer == "" {
		return authority.Servers{}
	}
	host, port, _ := net.SplitHostPort(o.nameServer) // validated
	return authority.Servers{Resolver: standIn(host), Port: port}
}

// standIn is the address of every name server.
type standIn string

// LookupNetIP implements authority.Resolver.
func (s standIn) LookupNetIP(ctx context.Context, network, _ string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, network, string(s))
}
