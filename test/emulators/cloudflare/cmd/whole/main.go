// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command whole serves an emulated Cloudflare: its API, its edge and its name servers. It prints where, and ends by SIGTERM.
package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/launchready/launchready/test/emulators/cloudflare"
	"github.com/launchready/launchready/test/emulators/cloudflare/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare/whole"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cloudflare:", err)
		os.Exit(1)
	}
}

// dials says where origins really are.
type dials map[string]string

// String implements flag.Value.
func (d dials) String() string { return fmt.Sprint(map[string]string(d)) }

// Set implements flag.Value.
func (d dials) Set(s string) error {
	from, to, ok := strings.Cut(s, "=")
	if !ok {
		return fmt.Errorf("%q: write ORIGIN=HOST:PORT, such as 203.0.113.7=127.0.0.1:8080", s)
	}
	d[from] = to
	return nil
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("cloudflare", flag.ContinueOnError)
	api := flags.String("api", "127.0.0.1:8787", "address of the API")
	plain := flags.String("http", "127.0.0.1:8080", "address at which the edge serves HTTP")
	secure := flags.String("https", "127.0.0.1:8443", "address at which the edge serves HTTPS")
	names := flags.String("dns", "127.0.0.1:5353", "address of the name server")
	zone := flags.String("zone", "example.com", "a zone that is there from the start")
	plan := flags.String("plan", "pro", "its plan: free, pro, business or enterprise")
	state := flags.String("state", "", "a file that keeps the state (default: none does)")
	dial := dials{}
	flags.Var(dial, "dial", "where an origin really is: ORIGIN=HOST:PORT; may be given more than once")
	balancers := dials{}
	flags.Var(balancers, "balancer", "an origin that is a load balancer, ending TLS, in front of an app: ORIGIN=HOST:PORT; may be given more than once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o := whole.Options{
		API:        cloudflare.Options{StateFile: *state, TestAPI: true, OpenAPI: cloudflare.FindOpenAPI()},
		Edge:       edge.Options{Dial: dial, TrustClientIP: true, Log: slog.New(slog.NewTextHandler(out, nil))},
		APIAddress: *api, NameAddress: *names, EdgeAddress: netip.MustParseAddr("127.0.0.1"),
	}
	o.Edge.OriginRoots = x509.NewCertPool()
	for origin, upstream := range balancers {
		b, err := whole.NewBalancer(ctx, []string{*zone, "*." + *zone}, upstream)
		if err != nil {
			return err
		}
		dial[origin] = b.Addr
		o.Edge.OriginRoots.AddCert(b.Certificate)
	}
	var err error
	if o.Edge.HTTP, err = new(net.ListenConfig).Listen(ctx, "tcp", *plain); err != nil {
		return err
	}
	if o.Edge.HTTPS, err = new(net.ListenConfig).Listen(ctx, "tcp", *secure); err != nil {
		return err
	}
	return serve(ctx, o, *zone, cloudflare.Plan(*plan), out)
}

// serve starts everything, and prints where it is.
func serve(ctx context.Context, o whole.Options, zone string, plan cloudflare.Plan, out io.Writer) error {
	w, err := whole.Start(o) //nolint:contextcheck // it lives until it is closed
	if err != nil {
		return err
	}
	if _, there := w.API.Zone(zone); zone != "" && !there {
		if _, err := w.API.AddZone(zone, plan); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	// A token that everybody knows: this is no Cloudflare.
	value := cmp.Or(os.Getenv("CLOUDFLARE_API_TOKEN"), strings.Repeat("emulated", 5))
	_, err = w.API.AddToken(cloudflare.Token{Name: "demo", Value: value, Zones: []string{"*"}, Permissions: cloudflare.AllPermissions()})
	if err != nil && o.API.StateFile == "" {
		return errors.Join(err, w.Close())
	}
	_, _ = fmt.Fprintf(out, "API http://%s%s, edge http://%s and https://%s, name server %s; its authority: http://%s/_emulator/edge/ca.pem\n",
		w.APIAddr, cloudflare.Base, w.Edge.HTTPAddr(), w.Edge.HTTPSAddr(), w.NameAddr, w.APIAddr) // whoever started it may not read
	<-ctx.Done()
	return w.Close()
}
