// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command cloudflare serves the emulated API of Cloudflare on a loopback address.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/launchready/launchready/test/emulators/cloudflare"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cloudflare:", err)
		os.Exit(1)
	}
}

// seed is what the zones file holds.
type seed struct {
	Zones  []cloudflare.ZoneSeed `json:"zones"`
	Tokens []cloudflare.Token    `json:"tokens"`
}

// run serves until ctx ends. It prints one line, with its URL, once it serves.
func run(ctx context.Context, args []string, out, problems io.Writer) error {
	flags := flag.NewFlagSet("cloudflare", flag.ContinueOnError)
	flags.SetOutput(problems)
	addr := flags.String("addr", "127.0.0.1:8787", "address to listen on")
	stateFile := flags.String("state", "", "file that keeps the state over restarts (with the tokens' values); none keeps it in memory")
	plan := flags.String("plan", "free", "plan of example.com, the zone that is made where the zones file names none: free, pro, business, enterprise")
	zonesFile := flags.String("zones", "", `file with {"zones":[{"name":...,"plan":...}],"tokens":[{"name":...,"value":...,"zones":["*"],"permissions":["DNS Write"]}]}`)
	rate := flags.Int("rate", 0, "calls that a token has in five minutes (0: Cloudflare's 1200, negative: no limit)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	description := cloudflare.FindOpenAPI()
	if description == "" {
		_, _ = fmt.Fprintln(problems, "cloudflare: requests are not validated: Cloudflare's description of its API is not at hand (LAUNCHREADY_SHARED_DATA)")
	}
	server, err := cloudflare.New(cloudflare.Options{StateFile: *stateFile, RateLimit: *rate, OpenAPI: description, TestAPI: true})
	if err != nil {
		return err
	}
	if err := plant(server, *zonesFile, cloudflare.Plan(*plan)); err != nil {
		return err
	}
	return serve(ctx, *addr, server, out)
}

// plant makes what the zones file names and the state doesn't have yet.
func plant(server *cloudflare.Server, file string, plan cloudflare.Plan) error {
	wanted := seed{Zones: []cloudflare.ZoneSeed{{Name: "example.com", Plan: plan}}}
	if file != "" {
		b, err := os.ReadFile(file) //nolint:gosec // the path is the caller's own choice
		if err != nil {
			return fmt.Errorf("read the zones: %w", err)
		}
		wanted = seed{}
		if err := json.Unmarshal(b, &wanted); err != nil {
			return fmt.Errorf("read the zones: %w", err)
		}
	}
	for _, z := range wanted.Zones {
		if _, ok := server.Zone(z.Name); ok {
			continue
		}
		if z.Plan == "" {
			z.Plan = plan
		}
		if _, err := server.AddZone(z.Name, z.Plan); err != nil {
			return err
		}
	}
	for _, t := range wanted.Tokens {
		if server.HasToken(t.Name) {
			continue
		}
		if _, err := server.AddToken(t); err != nil {
			return err
		}
	}
	return nil
}

func serve(ctx context.Context, addr string, server *cloudflare.Server, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	web := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	if _, err := fmt.Fprintf(out, "http://%s%s\n", listener.Addr(), cloudflare.Base); err != nil {
		return errors.Join(err, web.Close())
	}
	select {
	case err = <-ended:
		return err
	case <-ctx.Done():
		server.Release()
		return web.Close()
	}
}
