// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/scorecard"
)

// SchemaVersion is the version of Spec, Result and Evidence. The operator and the probe are one binary, so that another
// version is somebody else's.
const SchemaVersion = 1

const (
	// SpecEnv is the environment variable that holds the Spec.
	SpecEnv = "LAUNCHREADY_PROBE"
	// ListenEnv is the environment variable that holds the pod's own address, for a suite that hears.
	ListenEnv = "LAUNCHREADY_LISTEN"
	// CredentialsDir is where the credentials are mounted: CredentialsDir/<name of the identity>/<key>, a file a key.
	CredentialsDir = "/etc/launchready/credentials"
	// CanaryDir is where the canary of the system prompt is mounted: CanaryDir/CanaryKey.
	CanaryDir = "/etc/launchready/canary"
	// PromptDir is where the text of the system prompt is mounted: PromptDir/PromptKey.
	PromptDir = "/etc/launchready/prompt"
	// PromptKey is the file there.
	PromptKey = "prompt.txt"
	// SinksDir is where what sinks of logs ask for is mounted: SinksDir/<name of the sink>/<key>, a file a key.
	SinksDir = "/etc/launchready/sinks"
	// CanaryKey is the key of its Secret that the canary is made of.
	CanaryKey = "seed"
	// TerminationMessagePath is the file that the container writes its Result to.
	TerminationMessagePath = "/dev/termination-log"

	// maxSpecBytes is the most that a Spec may need: Linux takes 128 KiB for one variable (MAX_ARG_STRLEN, execve(2)).
	maxSpecBytes = 120 << 10
)

const escapedDollar = `\u0024`

var escapes = regexp.MustCompile(`\\\\|\\u0024`)

// Suite is a set of attacks that runs in a Job of its own, and answers one or more rows.
type Suite string

const (
	// SuiteAccess asks for what belongs to somebody as everybody else.
	SuiteAccess Suite = "access"
	// SuiteInjection tries to make a chatbot tell or do what it must not.
	SuiteInjection Suite = "injection"
	// SuiteLogging sends what must not be logged through the app.
	SuiteLogging Suite = "logging"
)

// Suites gives all suites, in the order in which they run.
func Suites() []Suite { return []Suite{SuiteAccess, SuiteInjection, SuiteLogging} }

// Rows gives the rows that the suite answers, always all of them; none for a suite that is unknown.
func (s Suite) Rows() []v1alpha1.Row {
	switch s {
	case SuiteAccess:
		return []v1alpha1.Row{v1alpha1.RowAuthEnforced, v1alpha1.RowTenantIsolated}
	case SuiteInjection:
		return []v1alpha1.Row{v1alpha1.RowPromptInjectionResistant}
	case SuiteLogging:
		return []v1alpha1.Row{v1alpha1.RowLoggingSafe}
	default:
		return nil
	}
}

// Secrets gives the names of the Secrets that a probe of the suite mounts.
func (s Suite) Secrets(launch *v1alpha1.LaunchReadinessSpec) []string {
	app := launch.App
	if app == nil {
		return nil
	}
	var names []string
	for _, identity := range app.Identities {
		names = append(names, identity.CredentialsSecretRef.Name)
	}
	if name, ok := s.CanarySecret(app); ok {
		names = append(names, name)
	}
	if ref, ok := s.PromptText(app); ok {
		names = append(names, ref.Name)
	}
	for _, sink := range s.Sinks(launch.Logging) {
		if ref := sink.Query.CredentialsSecretRef; ref != nil {
			names = append(names, ref.Name)
		}
	}
	return names
}

// Sinks gives the sinks of logs that the suite asks.
func (s Suite) Sinks(logging *v1alpha1.Logging) []v1alpha1.LogSink {
	if s != SuiteLogging || logging == nil {
		return nil
	}
	var asked []v1alpha1.LogSink
	for _, sink := range logging.Sinks {
		if sink.Query != nil {
			asked = append(asked, sink)
		}
	}
	return asked
}

// PromptText gives the key of the Secret with the text of the system prompt, if the suite uses one.
func (s Suite) PromptText(app *v1alpha1.App) (ref v1alpha1.SecretKeyReference, ok bool) {
	if _, ok := s.CanarySecret(app); !ok || app.Chat.SystemPrompt.TextSecretRef == nil {
		return ref, false
	}
	return *app.Chat.SystemPrompt.TextSecretRef, true
}

// CanarySecret gives the name of the Secret with the canary of the system prompt, if the suite uses one.
func (s Suite) CanarySecret(app *v1alpha1.App) (name string, ok bool) {
	if s != SuiteInjection || app == nil || app.Chat == nil || app.Chat.SystemPrompt == nil {
		return "", false
	}
	return app.Chat.SystemPrompt.CanarySecretRef.Name, true
}

// Spec is what the container is told. It holds no secret.
type Spec struct {
	SchemaVersion int   `json:"schemaVersion"`
	Suite         Suite `json:"suite"`
	// Nonce tells this Job's result from any other's.
	Nonce     string `json:"nonce"`
	Namespace string `json:"namespace"`
	Launch    string `json:"launch"`
	LaunchUID string `json:"launchUID"`
	// Revision of the app, and what the measurement of each row of the suite uses.
	Revision     string                  `json:"revision"`
	InputsHashes map[v1alpha1.Row]string `json:"inputsHashes,omitempty"`
	// Run counts the measurements of the suite, Attempt the Jobs of one of them, from 1.
	Run     int64        `json:"run"`
	Attempt int32        `json:"attempt"`
	Target  Target       `json:"target"`
	App     v1alpha1.App `json:"app"`
	// Sinks are those of the app's logs that SuiteLogging asks, each with its query.
	Sinks []v1alpha1.LogSink `json:"sinks,omitempty"`
	// DeadlineSeconds is when the container ends by itself, with what it has.
	DeadlineSeconds int64 `json:"deadlineSeconds"`
	// MaxRequests is the budget of this Job, and MaxChats how many of the requests may be questions to the chat.
	MaxRequests int `json:"maxRequests"`
	MaxChats    int `json:"maxChats,omitempty"`
	// MaxUndescribedPercent is how much of what spec.app.openAPI lists and pages and scripts name may be neither described nor asked; the suite's default
	// where it is absent.
	MaxUndescribedPercent *int32 `json:"maxUndescribedPercent,omitempty"`
	// Smoke says that a suite with a catalogue of attacks makes the worst of them alone.
	Smoke bool `json:"smoke,omitempty"`
	// Known are the attacks that succeeded before.
	Known []KnownAttack `json:"known,omitempty"`
	// AttacksSHA256 is HashAttacks of the team's own attacks that were planned for; empty where there are none.
	AttacksSHA256 string `json:"attacksSHA256,omitempty"`
	// PolicyCanary is an address and port that answers as long as the NetworkPolicy is not in force: the container waits
	// until it is refused. Empty where there is none.
	PolicyCanary string `json:"policyCanary,omitempty"`
	// Version of LaunchReady, for the User-Agent.
	Version string `json:"version"`
}

// KnownAttack is an attack that succeeded once. A row passes only if it was tried again.
type KnownAttack struct {
	Row v1alpha1.Row `json:"row"`
	// Rule is that of its finding, and Request what is before " as " in the finding's place.
	Rule    string `json:"rule"`
	Request string `json:"request"`
}

// NewKnownAttack gives the attack that a finding with this place tells of; false for one that tells of no request.
func NewKnownAttack(row v1alpha1.Row, rule, place string) (KnownAttack, bool) {
	request, _, ok := strings.Cut(place, " as ")
	return KnownAttack{Row: row, Rule: rule, Request: request}, ok
}

// Target is the app as the container reaches it.
type Target struct {
	// BaseURL is the scheme, host and port that paths are appended to, such as http://chat.shop.svc:80.
	BaseURL string `json:"baseURL"`
	// Host is sent as the Host header; that of BaseURL where it is empty.
	Host string `json:"host,omitempty"`
	// Addresses are the only ones that may be dialled.
	Addresses []netip.AddrPort `json:"addresses"`
}

// Finding is one concrete thing that is wrong, before it has its fingerprint. It never holds a secret: the probe has
// redacted it before this is written anywhere.
type Finding struct {
	// Rule is the kind of finding, a CamelCase word.
	Rule     string            `json:"rule"`
	Severity v1alpha1.Severity `json:"severity"`
	// Place is where it is, such as `GET /api/conversations/$(id) as bob of globex`. It is the same in each run.
	Place   string `json:"place"`
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
	// Identity tells this finding from others of the same rule at the same place. It is the same in each run.
	Identity string `json:"identity,omitempty"`
	// Reproduce is a curl line that shows it, with variables in place of credentials.
	Reproduce string `json:"reproduce,omitempty"`
}

// Fails says whether the finding fails its row.
func (f Finding) Fails() bool { return f.Severity != v1alpha1.SeverityLow }

// Draft gives the finding as the scorecard takes it.
func (f Finding) Draft() scorecard.Draft {
	return scorecard.Draft{
		Rule: f.Rule, Severity: f.Severity, Place: f.Place, Message: f.Message, Remedy: f.Remedy, Identity: f.Identity, Reproduce: f.Reproduce,
	}
}

// RowResult is what a suite found out about a row.
type RowResult struct {
	Row     v1alpha1.Row     `json:"row"`
	Verdict v1alpha1.Verdict `json:"verdict"`
	// Reason is a CamelCase word of at most 64 characters from the documented list of the row, and Message one or two
	// sentences, the same for the same state of affairs. Pass and Fail may leave both to Outcome; of a NotApplicable, Message
	// says what the counter-check saw.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Fault says who is the cause of an Unknown, and stands with nothing else.
	Fault v1alpha1.Fault `json:"fault,omitempty"`
	// Cases is how many things were looked at. A Pass has at least one.
	Cases int32 `json:"cases"`
	// Control is what was seen that gives a Pass its meaning: it does not count without.
	Control string `json:"control,omitempty"`
	// Findings are the worst first. A Pass has none that fails, a Fail at least one.
	Findings []Finding `json:"findings,omitempty"`
	// Omitted counts the findings that there was no room for.
	Omitted v1alpha1.SeverityCounts `json:"omitted,omitzero"`
}

// reasonOmitted is for a Fail of which no finding is left, and which says no reason.
const reasonOmitted = "FindingsOmitted"

// Outcome gives the result as the scorecard takes it. Evidence has the findings in full, nil where there is none, and can
// only make it worse: a Pass beside a finding that fails the row is a Fail.
func (r RowResult) Outcome(key []byte, evidence []Finding) scorecard.Outcome {
	// Evidence comes first: where both tell of a finding, it has the longer text.
	var findings []scorecard.Finding
	seen := map[string]bool{}
	for _, f := range slices.Concat(evidence, r.Findings) {
		made := scorecard.NewFinding(key, f.Draft())
		if id := made.API().Fingerprint; !seen[id] {
			seen[id] = true
			findings = append(findings, made)
		}
	}
	judged := scorecard.Judged(r.Row, r.Cases, r.Control, findings, func(worst v1alpha1.Finding) string {
		if r.Verdict == v1alpha1.VerdictFail && r.Reason != "" {
			return r.Reason
		}
		return worst.Rule
	})
	switch {
	case judged.Verdict == v1alpha1.VerdictFail:
		if r.Verdict == v1alpha1.VerdictFail && r.Message != "" {
			judged.Message = r.Message
		}
		return judged
	case r.Verdict == v1alpha1.VerdictPass:
		if judged.Verdict == v1alpha1.VerdictPass && r.Message != "" {
			judged.Message = r.Message
		}
		return judged
	}
	o := scorecard.Outcome{
		Row: r.Row, Verdict: r.Verdict, Reason: r.Reason, Message: r.Message, Fault: r.Fault, Cases: r.Cases, Control: r.Control,
		Findings: findings,
	}
	if r.Verdict == v1alpha1.VerdictFail {
		o.Reason = cmp.Or(o.Reason, reasonOmitted)
		o.Message = cmp.Or(o.Message, "It fails, and there was no room for the findings: they are in the log of the probe's pod.")
	}
	return o
}

// Result is what the container answers, as its termination message.
type Result struct {
	SchemaVersion int    `json:"schemaVersion"`
	Nonce         string `json:"nonce"`
	Suite         Suite  `json:"suite"`
	LaunchUID     string `json:"launchUID"`
	// Rows are those of the suite, each once.
	Rows []RowResult `json:"rows"`
	// Requests is what was spent of the budget.
	Requests int `json:"requests"`
	// Chats are the questions to the chat among them, and SignUps the accounts that were made.
	Chats   int `json:"chats,omitempty"`
	SignUps int `json:"signUps,omitempty"`
	// Marked are the requests of SuiteLogging, by which the operator knows what to look for in the app's logs.
	Marked []Marked `json:"marked,omitempty"`
	// Sinks are what was seen in those of the Spec.
	Sinks []SeenSink `json:"sinks,omitempty"`
	// Notes are for people: what was not measured, and why.
	Notes []string `json:"notes,omitempty"`
	// EvidenceSHA256 and EvidenceLines are what EvidenceWriter gives. Empty and 0 where there is no evidence.
	EvidenceSHA256 string `json:"evidenceSHA256,omitempty"`
	EvidenceLines  int    `json:"evidenceLines,omitempty"`
}

// Marked is a request that carried values which must not be logged.
type Marked struct {
	// Number is that of its id, from 0.
	Number int `json:"number"`
	// Name is the request as it is described, such as POST /api/login, and Kinds are those of the values.
	Name  string   `json:"name"`
	Kinds []string `json:"kinds"`
	// Answered says that the app answered it, whatever it said.
	Answered bool `json:"answered"`
}

// SeenSink is what was seen in a sink of logs.
type SeenSink struct {
	Name string `json:"name"`
	// Problem is what kept it from being searched as a whole; empty where nothing did.
	Problem SinkProblem `json:"problem,omitempty"`
	// Status is that of the reply that was not what the query expects.
	Status int `json:"status,omitempty"`
	// Requests are the numbers of the marked requests whose ids stood there.
	Requests []int `json:"requests,omitempty"`
	// Leaks are what stood there of the values of these requests, the worst first.
	Leaks []logmark.Leak `json:"leaks,omitempty"`
	// Detail says what is wrong with a query that can't be sent.
	Detail string `json:"detail,omitempty"`
}

// Seen gives what was seen as a search of the sink would.
func (s SeenSink) Seen() logmark.Seen {
	seen := logmark.Seen{Leaks: map[logmark.Leak]int{}, Requests: map[int]bool{}}
	for _, leak := range s.Leaks {
		seen.Leaks[leak]++
	}
	for _, number := range s.Requests {
		seen.Requests[number] = true
	}
	return seen
}

// SinkProblem says what is wrong with what a sink answered.
type SinkProblem string

const (
	// SinkUnreachable is a sink that could not be asked.
	SinkUnreachable SinkProblem = "Unreachable"
	// SinkUnexpected is a reply that the query does not expect.
	SinkUnexpected SinkProblem = "Unexpected"
	// SinkTooLong is a reply that was read in part alone.
	SinkTooLong SinkProblem = "TooLong"
	// SinkEchoes is a sink that answers with the id that it is asked for, whatever it holds.
	SinkEchoes SinkProblem = "Echoes"
	// SinkMisdescribed is a query that can't be sent as it is described.
	SinkMisdescribed SinkProblem = "Misdescribed"
)

// Env gives the Spec as the value of SpecEnv. Kubernetes would take $(name) and $$ in there for references to variables
// (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/), and so would
// meddle with the requests of the app, so that no dollar sign is left: in JSON it stands in strings only, where it may be
// written as an escape.
func (s Spec) Env() (string, error) {
	if err := s.validate(); err != nil {
		return "", fmt.Errorf("writing the spec of a probe: %w", err)
	}
	data, err := marshal(s)
	if err != nil {
		return "", fmt.Errorf("writing the spec of a probe: %w", err)
	}
	text := strings.ReplaceAll(string(data), "$", escapedDollar)
	if len(text) > maxSpecBytes {
		return "", fmt.Errorf("writing the spec of a probe: spec.app takes %d bytes and a probe can be told %d: shorten the bodies of its requests",
			len(text), maxSpecBytes)
	}
	return text, nil
}

// ReadSpec reads the value of SpecEnv. Whatever is not exactly a Spec is an error.
func ReadSpec(env string) (Spec, error) {
	if env == "" {
		return Spec{}, fmt.Errorf("%s is not set: the operator sets it in the Jobs that it creates", SpecEnv)
	}
	// A body in JSON is kept as it is written, so that the escapes have to go before. Those of backslashes are read along,
	// for what follows an escaped one is no escape.
	text := escapes.ReplaceAllStringFunc(env, func(escape string) string {
		if escape == escapedDollar {
			return "$"
		}
		return escape
	})
	var s Spec
	strict, err := kjson.UnmarshalStrict([]byte(text), &s)
	if err := errors.Join(append(strict, err)...); err != nil {
		return Spec{}, fmt.Errorf("reading %s: %w", SpecEnv, err)
	}
	if err := s.validate(); err != nil {
		return Spec{}, fmt.Errorf("reading %s: %w", SpecEnv, err)
	}
	return s, nil
}

func (s Spec) validate() error {
	base, err := url.Parse(s.Target.BaseURL)
	switch {
	case s.SchemaVersion != SchemaVersion:
		return fmt.Errorf("schemaVersion is %d, not %d", s.SchemaVersion, SchemaVersion)
	case len(s.Suite.Rows()) == 0:
		return fmt.Errorf("suite %q is unknown", s.Suite)
	case s.Nonce == "" || s.Namespace == "" || s.Launch == "" || s.LaunchUID == "":
		return errors.New("nonce, namespace, launch or launchUID is missing")
	case err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.User != nil:
		return fmt.Errorf("target.baseURL %q is not of the form http://host:port", s.Target.BaseURL)
	case len(s.Target.Addresses) == 0:
		return errors.New("target.addresses is empty: there is nothing that may be dialled")
	case s.DeadlineSeconds <= 0 || s.MaxRequests <= 0 || s.MaxChats < 0:
		return errors.New("deadlineSeconds and maxRequests must be above 0, and maxChats not below")
	}
	for _, a := range s.Target.Addresses {
		if !a.IsValid() || a.Port() == 0 {
			return fmt.Errorf("target.addresses has %q, which is no address with a port", a)
		}
	}
	if s.PolicyCanary != "" {
		if _, err := netip.ParseAddrPort(s.PolicyCanary); err != nil {
			return fmt.Errorf("policyCanary: %w", err)
		}
	}
	return nil
}
