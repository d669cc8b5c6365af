// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/netguard"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/listener"
	"github.com/launchready/launchready/internal/probe/suites/access"
	"github.com/launchready/launchready/internal/probe/suites/injection"
	"github.com/launchready/launchready/internal/probe/suites/logs"
)

const (
	// requestTimeout is how long the app may take for a reply.
	requestTimeout = 30 * time.Second
	// policyPatience is how long to wait for the NetworkPolicy: a pod's first second or two run before it is in force.
	policyPatience = 8 * time.Second
	// policyDial is after what time a connection counts as refused: a policy may drop packets without a word.
	policyDial = 300 * time.Millisecond
	// servicePatience is how long to wait for the app's Service: its rules on the node may be behind its endpoints.
	servicePatience = 10 * time.Second
	// maxCredential is how large a key of an identity's Secret may be.
	maxCredential = 64 << 10
)

// probeOptions are the flags of a probe: where its Job mounts what it needs.
type probeOptions struct {
	credentials string
	canary      string
	attacks     string
	prompt      string
	sinks       string
	result      string
}

func newProbeCommand() *cobra.Command {
	var o probeOptions
	cmd := &cobra.Command{
		Use:   "probe",
		Short: "Use an app as strangers and other tenants would; run by the operator's Jobs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runProbe(cmd.Context(), os.Getenv(probe.SpecEnv), cmd.OutOrStdout(), o)
		},
	}
	cmd.Flags().StringVar(&o.credentials, "credentials-dir", probe.CredentialsDir, "folder with a folder for each identity, and in it a file for each key")
	cmd.Flags().StringVar(&o.canary, "canary-dir", probe.CanaryDir, "folder with the file "+probe.CanaryKey+", where the launch has a canary in its system prompt")
	cmd.Flags().StringVar(&o.attacks, "attacks-dir", probe.AttacksDir, "folder with a folder for each ConfigMap of spec.app.chat.attacks, and in it a file for each key")
	cmd.Flags().StringVar(&o.prompt, "prompt-dir", probe.PromptDir, "folder with the file "+probe.PromptKey+", where the launch names the text of its system prompt")
	cmd.Flags().StringVar(&o.sinks, "sinks-dir", probe.SinksDir, "folder with a folder for each sink of spec.logging.sinks whose query has credentials, and in it a file for each key")
	cmd.Flags().StringVar(&o.result, "result-file", probe.TerminationMessagePath, "file that the result is written to")
	cmd.AddCommand(newReplayCommand())
	return cmd
}

// runProbe runs the suite that the environment names, writes its evidence to the log and its result to the termination message.
// It fails only where there is no result.
func runProbe(ctx context.Context, env string, log io.Writer, o probeOptions) error {
	spec, err := probe.ReadSpec(env)
	if err != nil {
		return err
	}
	credentials, err := readCredentials(o.credentials, spec.App.Identities)
	if err != nil {
		return err
	}
	target, err := targetOf(spec)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(spec.DeadlineSeconds)*time.Second)
	defer cancel()
	result := probe.Result{SchemaVersion: probe.SchemaVersion, Nonce: spec.Nonce, Suite: spec.Suite, LaunchUID: spec.LaunchUID}
	if note := awaitPolicy(ctx, spec.PolicyCanary); note != "" {
		if target.Visits != nil || len(spec.Sinks) > 0 {
			// The API server may have a public address, on a port that these hosts have too.
			note = policyUnknown
		}
		result.Notes = append(result.Notes, note)
	}
	awaitService(ctx, spec.Target.Addresses)
	confinement := strings.Join(result.Notes, " ")
	evidence := probe.NewEvidenceWriter(log, probe.MaxEvidenceBytes)
	run := suiteRun{spec: spec, target: target, credentials: credentials, canary: o.canary, prompt: o.prompt, attacks: o.attacks, sinks: o.sinks}
	rows, unwritten, err := run.do(ctx, evidence)
	if err != nil {
		return err
	}
	result.Rows = rows
	if unwritten {
		// What was found counts all the same.
		result.Notes = append(result.Notes, "The evidence could not be written to the log.")
	}
	for i := range result.Rows {
		if row := &result.Rows[i]; row.Control != "" && confinement != "" {
			row.Control += " " + confinement
		}
	}
	result.Marked, result.Sinks = run.sent.Marked, run.sent.Sinks
	result.Requests, result.Chats, result.SignUps = target.Budget.Spent(), target.Chats.Spent(), run.signUps
	result.EvidenceSHA256, result.EvidenceLines = evidence.Sum()
	message, err := probe.Encode(result)
	if err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	if err := os.WriteFile(o.result, message, 0o600); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// suiteRun is one run of a suite.
type suiteRun struct {
	spec        probe.Spec
	target      *httpstep.Target
	credentials map[string]map[string]string
	// canary is the folder of the system prompt's canary, prompt that of its text, and attacks that of the team's own attacks.
	canary, prompt, attacks string
	// sinks is the folder of what sinks of logs ask for.
	sinks string
	// signUps is how many accounts were made, and sent is what the logs are searched for.
	signUps int
	sent    logs.Sent
}

// do runs the suite by its name. It says whether evidence could not be written.
func (s *suiteRun) do(ctx context.Context, evidence *probe.EvidenceWriter) (rows []probe.RowResult, unwritten bool, err error) {
	found := func(row v1alpha1.Row, f probe.Finding) {
		if err := evidence.Write(probe.Evidence{Row: row, Finding: &f}); err != nil {
			unwritten = true
		}
	}
	switch s.spec.Suite {
	case probe.SuiteAccess:
		rows = access.Run(ctx, access.Options{
			App: &s.spec.App, Target: s.target, Credentials: s.credentials, Known: s.spec.Known, Found: found, SignedUp: func() { s.signUps++ },
			MaxUndescribedPercent: s.spec.MaxUndescribedPercent,
		})
	case probe.SuiteInjection:
		if rows, err = s.injection(ctx, found); err != nil {
			return nil, false, err
		}
	case probe.SuiteLogging:
		asked, err := s.askedSinks()
		if err != nil {
			return nil, false, err
		}
		rows, s.sent = logs.Run(ctx, logs.Options{App: &s.spec.App, Target: s.target, Credentials: s.credentials, Nonce: s.spec.Nonce, Sinks: asked})
	default:
		return nil, false, fmt.Errorf("suite %q is unknown to this version", s.spec.Suite)
	}
	if ctx.Err() == nil {
		return rows, unwritten, nil
	}
	for i := range rows {
		// Whatever it waited for when its time was up says nothing of the app.
		if rows[i].Verdict == v1alpha1.VerdictUnknown {
			rows[i].Fault, rows[i].Reason = v1alpha1.FaultOperator, v1alpha1.ReasonTimeout
			rows[i].Message = "The suite did not end in time. If the app is slow by nature, describe fewer resources."
		}
	}
	return rows, unwritten, nil
}

// injection runs the suite of that name.
func (s *suiteRun) injection(ctx context.Context, found func(v1alpha1.Row, probe.Finding)) ([]probe.RowResult, error) {
	seed, err := s.seed()
	if err != nil {
		return nil, err
	}
	catalogue, unmade, err := s.catalogue()
	if err != nil || unmade != nil {
		return unmade, err
	}
	text, err := s.promptText()
	if err != nil {
		return nil, err
	}
	heard, names := listen(os.Getenv(probe.ListenEnv))
	if heard != nil {
		defer func() { _ = heard.Close() }() // the process ends
	}
	if names != nil {
		defer func() { _ = names.Close() }() // the process ends
	}
	return injection.Run(ctx, injection.Options{
		App: &s.spec.App, Target: s.target, Credentials: s.credentials, Known: s.spec.Known, Found: found,
		Seed: seed, Prompt: text, Catalogue: catalogue, Smoke: s.spec.Smoke, Listener: heard, Names: names,
	}), nil
}

// listen begins to hear on the pod's own address, for what is fetched and for names; nil where that can't be, which the row says.
func listen(ip string) (*listener.Listener, *listener.Names) {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, nil
	}
	l, err := listener.Listen(address, listener.Port)
	if err != nil {
		l = nil
	}
	n, err := listener.ListenNames(address, listener.NamesPort, listener.UsualPort)
	if err != nil {
		n = nil
	}
	return l, n
}

// seed reads the canary of the system prompt; empty where the app has none.
func (s *suiteRun) seed() (string, error) {
	_, there := s.spec.Suite.CanarySecret(&s.spec.App)
	return mounted(there, s.canary, probe.CanaryKey, "the canary of the system prompt")
}

// promptText reads the text of the system prompt; empty where the launch names none.
func (s *suiteRun) promptText() (string, error) {
	_, there := s.spec.Suite.PromptText(&s.spec.App)
	return mounted(there, s.prompt, probe.PromptKey, "the text of the system prompt")
}

// mounted reads a file that a Secret's key is mounted as, if it is.
func mounted(there bool, dir, name, what string) (string, error) {
	if !there {
		return "", nil
	}
	data, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // mounted for us
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", what, err)
	}
	return string(data), nil
}

// targetOf gives the app as the probe reaches it: by the proven addresses and no other.
func targetOf(spec probe.Spec) (*httpstep.Target, error) {
	base, err := url.Parse(spec.Target.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("the target's URL: %w", err)
	}
	guard, err := netguard.New(netguard.Options{Proven: spec.Target.Addresses})
	if err != nil {
		return nil, err
	}
	if err := guard.CheckURL(base); err != nil {
		return nil, err
	}
	visits, err := visitsOf(spec.App.Login)
	if err != nil {
		return nil, err
	}
	transport := guard.Transport()
	transport.MaxIdleConnsPerHost = 64
	return &httpstep.Target{
		Base: base, Host: spec.Target.Host, Transport: transport, Timeout: requestTimeout,
		UserAgent: "LaunchReady/" + spec.Version, Run: spec.Namespace + "/" + spec.Launch, Budget: httpstep.NewBudget(spec.MaxRequests),
		Chats:  httpstep.NewChatAllowance(&spec.App, spec.MaxChats, probe.ChatInterval(&spec.App)),
		Visits: visits,
	}, nil
}

// visitsOf gives the hosts that a login visits. They have a guard of their own: by the app's, nothing leads there, and by theirs
// nothing leads to the app's addresses.
func visitsOf(login *v1alpha1.Login) (*httpstep.Visits, error) {
	if login == nil || len(login.Hosts) == 0 {
		return nil, nil //nolint:nilnil // no Visits visit nothing
	}
	var hosts []string
	for _, h := range login.Hosts {
		hosts = append(hosts, h.HostPort())
	}
	guard, err := netguard.New(netguard.Options{Hosts: hosts})
	if err != nil {
		return nil, fmt.Errorf("the hosts of spec.app.login: %w", err)
	}
	return httpstep.NewVisits(login.Hosts, guard.Transport()), nil
}

// askedSinks gives the sinks of the app's logs, each with a guard of its own: nothing leads there but its query, and by that nothing
// leads elsewhere.
func (s *suiteRun) askedSinks() ([]logs.Sink, error) {
	var all []logs.Sink
	for _, sink := range s.spec.Sinks {
		asked := logs.Sink{Name: sink.Name, Query: *sink.Query}
		guard, err := netguard.New(netguard.Options{Hosts: []string{sink.Query.Host.HostPort()}})
		if err != nil {
			return nil, fmt.Errorf("the host of sink %s: %w", sink.Name, err)
		}
		asked.Target = &httpstep.Target{
			Base: sink.Query.Host.URL(), Transport: guard.Transport(), Timeout: requestTimeout, UserAgent: s.target.UserAgent, Run: s.target.Run, Budget: s.target.Budget,
		}
		if sink.Query.CredentialsSecretRef != nil {
			if asked.Credentials, err = readKeys(filepath.Join(s.sinks, sink.Name)); err != nil {
				return nil, fmt.Errorf("reading the credentials of sink %s: %w", sink.Name, err)
			}
		}
		all = append(all, asked)
	}
	return all, nil
}

// readCredentials reads the keys of each identity's Secret.
func readCredentials(dir string, identities []v1alpha1.Identity) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	for _, identity := range identities {
		keys, err := readKeys(filepath.Join(dir, identity.Name))
		if err != nil {
			return nil, fmt.Errorf("reading the credentials of %s: %w", identity.Name, err)
		}
		all[identity.Name] = keys
	}
	return all, nil
}

// readKeys reads the keys of a Secret. Kubernetes keeps its own files in such a folder; their names begin with two dots.
func readKeys(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	keys := map[string]string{}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name())) //nolint:gosec // mounted for us
		if err != nil {
			return nil, err
		}
		if len(data) > maxCredential {
			return nil, fmt.Errorf("key %s is longer than %d bytes", entry.Name(), maxCredential)
		}
		// A key made with an editor or with echo ends in a line's end that no password has.
		keys[entry.Name()] = strings.TrimRight(string(data), "\r\n")
	}
	return keys, nil
}

// awaitService waits until one of the app's addresses takes a connection, or long enough: what there is to say, the suite says.
func awaitService(ctx context.Context, addresses []netip.AddrPort) {
	ctx, cancel := context.WithTimeout(ctx, servicePatience)
	defer cancel()
	dialer := net.Dialer{Timeout: policyDial}
	for ctx.Err() == nil {
		for _, address := range addresses {
			if conn, err := dialer.DialContext(ctx, "tcp", address.String()); err == nil {
				_ = conn.Close() // nothing was said
				return
			}
		}
		probe.Wait(ctx, policyDial)
	}
}

const policyUnknown = "Whether a NetworkPolicy confines the probe is not known."

// awaitPolicy waits until an address is refused that only a NetworkPolicy keeps the probe away from. It says so where none does.
func awaitPolicy(ctx context.Context, canary string) string {
	if canary == "" {
		return policyUnknown
	}
	dialer := net.Dialer{Timeout: policyDial}
	deadline := time.Now().Add(policyPatience)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		conn, err := dialer.DialContext(ctx, "tcp", canary)
		switch {
		case err == nil:
			_ = conn.Close() // nothing was said
		case ctx.Err() == nil:
			return ""
		}
		select {
		case <-time.After(policyDial):
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return policyUnknown
	}
	return "No NetworkPolicy is enforced here: the probe itself dials nothing but the app."
}
