// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command chatbot serves the app under test. Flags, or the environment variables that they name, say how it is to behave.
package main

import (
	"cmp"
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
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/launchready/launchready/test/emulators/chatbots"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "chatbot:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, env func(string) string, out io.Writer) error {
	flags := flag.NewFlagSet("chatbot", flag.ContinueOnError)
	addr := flags.String("addr", cmp.Or(env("CHATBOT_ADDR"), "127.0.0.1:8080"), "address to listen on (CHATBOT_ADDR)")
	weaknesses := flags.String("weaknesses", env("CHATBOT_WEAKNESSES"), "names, comma separated (CHATBOT_WEAKNESSES)")
	oddities := flags.String("oddities", env("CHATBOT_ODDITIES"), "names, comma separated (CHATBOT_ODDITIES)")
	version := flags.String("version", env("CHATBOT_VERSION"), "what /version says (CHATBOT_VERSION)")
	signing := flags.String("signing", env("CHATBOT_SIGNING"), "HS256 or RS256 (CHATBOT_SIGNING)")
	rate := flags.String("rate", env("CHATBOT_RATE"), "requests a second under the oddity rate-limit (CHATBOT_RATE)")
	prompt := flags.String("system-prompt", env("CHATBOT_SYSTEM_PROMPT"), "what the simulated model is told (CHATBOT_SYSTEM_PROMPT)")
	promptFile := flags.String("system-prompt-file", env("CHATBOT_SYSTEM_PROMPT_FILE"), "a file with that (CHATBOT_SYSTEM_PROMPT_FILE)")
	honeypot := flags.String("honeypot", env("CHATBOT_HONEYPOT"), "a tool of this name, which only its control calls (CHATBOT_HONEYPOT)")
	bundle := flags.String("bundle", env("CHATBOT_BUNDLE"), "the script of its pages, at /assets/app.js (CHATBOT_BUNDLE)")
	seed := flags.String("seed", env("CHATBOT_SEED"), "what the model's dice start from (CHATBOT_SEED)")
	list := flags.Bool("list", false, "print all weaknesses and oddities as JSON, and end")
	accounts := flags.Bool("accounts", false, "print the seeded accounts as JSON, and end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *list {
		return printJSON(out, lists())
	}
	cfg := chatbots.Config{
		Weaknesses: names(*weaknesses), Oddities: names(*oddities), Signing: *signing, Version: *version, Honeypot: *honeypot, Bundle: *bundle, Log: out,
	}
	var err error
	if cfg.RequestsPerSecond, err = strconv.Atoi(cmp.Or(*rate, "0")); err != nil {
		return fmt.Errorf("read the rate: %w", err)
	}
	if cfg.Seed, err = strconv.ParseUint(cmp.Or(*seed, "0"), 10, 64); err != nil {
		return fmt.Errorf("read the seed: %w", err)
	}
	if cfg.SystemPrompt, err = promptOf(*prompt, *promptFile); err != nil {
		return err
	}
	//nolint:contextcheck // New takes none: nothing that it does can block
	app, err := chatbots.New(cfg)
	if err != nil {
		return err
	}
	if *accounts {
		return errors.Join(printJSON(out, app.Accounts()), app.Close())
	}
	return errors.Join(serve(ctx, *addr, app, out), app.Close())
}

// lists are all names, by what they are for.
func lists() map[string]any {
	return map[string]any{
		"weaknesses": chatbots.Weaknesses(), "oddities": chatbots.Oddities(),
		"injectionWeaknesses": chatbots.InjectionWeaknesses(), "injectionDefences": chatbots.InjectionDefences(),
		"loggingWeaknesses": chatbots.LoggingWeaknesses(), "loggingOddities": chatbots.LoggingOddities(),
	}
}

// promptOf is the system prompt: as it was given, or as the file has it.
func promptOf(text, file string) (string, error) {
	if text != "" || file == "" {
		return text, nil
	}
	data, err := os.ReadFile(file) //nolint:gosec // whoever starts the program names it
	if err != nil {
		return "", fmt.Errorf("read the system prompt: %w", err)
	}
	return string(data), nil
}

func names(list string) []string {
	var found []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			found = append(found, name)
		}
	}
	return found
}

func printJSON(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// grace is how long requests may take to end when the program is told to.
const grace = 5 * time.Second

func serve(ctx context.Context, addr string, app http.Handler, out io.Writer) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: app, ReadHeaderTimeout: 10 * time.Second}
	if _, err := fmt.Fprintf(out, "listening on %s\n", listener.Addr()); err != nil {
		return fmt.Errorf("say where: %w", err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		return errors.Join(fmt.Errorf("shut down: %w", err), server.Close())
	}
	return nil
}
