// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// rulesVersion changes when this package may give the same template another verdict: verdicts of older rules are Stale
// then. The detector's rules have a version of their own.
const rulesVersion = "template-1"

// Detector finds secrets in settings and command lines; detect.Detector is one.
type Detector interface {
	// Value looks at one named value, also where it is a document or a script.
	Value(name, value string) []detect.Match
	// Args looks at a command line.
	Args(args []string) []detect.Match
}

// Check measures SecretsSafe.
type Check struct {
	reader   client.Reader
	detector Detector
	// key is a function, so that no dump of a Check shows the key.
	key func() []byte
}

// New gives a check that reads Secrets and ConfigMaps through reader, which must not be a cache: a cache of Secrets
// would keep every value in memory, and needs list and watch on them. The key is the operator's own, for fingerprints.
func New(reader client.Reader, detector Detector, key []byte) *Check {
	own := slices.Clone(key)
	return &Check{reader: reader, detector: detector, key: func() []byte { return own }}
}

// Row that is measured.
func (c *Check) Row() v1alpha1.Row { return v1alpha1.RowSecretsSafe }

// Inputs are what a verdict depends on besides the revision, which covers the templates, the ConfigMaps' data and the
// Secrets' versions.
func (c *Check) Inputs(*launch.App) any {
	return struct {
		Rules    string `json:"rules"`
		Detector string `json:"detector"`
	}{Rules: rulesVersion, Detector: detect.Version}
}

// Measure looks at everything in the app's pod templates that can carry a secret, and at what they refer to.
func (c *Check) Measure(ctx context.Context, app *launch.App) scorecard.Outcome {
	control, ok := c.control(ctx)
	if !ok {
		return scorecard.Unmeasured(c.Row(), v1alpha1.FaultOperator, v1alpha1.ReasonNoPositiveControl,
			"Secrets planted in a made-up pod template were not all found, so a clean result would prove nothing. Please report this as a bug of LaunchReady.")
	}
	m := c.begin()
	m.templates(ctx, app)
	m.references(ctx, app)
	return m.outcome(control)
}

// measurement is one run of the check.
type measurement struct {
	*Check
	findings []scorecard.Finding
	cases    int32
	unread   []unread
	// scanned is how many bytes of ConfigMaps have been looked at.
	scanned int
	// token looks like a credential without being one of a known shape: it convicts under a name that says
	// "credential", and under no other.
	token string
	// add takes what was found.
	add func(scorecard.Draft)
}

// unread is something that had to be looked at and was not.
type unread struct {
	place   string
	fault   v1alpha1.Fault
	reason  string
	message string
	// lasting: trying again soon would end the same way.
	lasting bool
}

func (c *Check) begin() *measurement {
	m := &measurement{Check: c, token: randomText(32)}
	m.add = func(d scorecard.Draft) { m.findings = append(m.findings, scorecard.NewFinding(m.key(), d)) }
	return m
}

// templates looks at the pod templates themselves. A template without containers has nothing to pass with.
func (m *measurement) templates(ctx context.Context, app *launch.App) {
	if len(app.Workloads) == 0 {
		m.unread = append(m.unread, unread{
			place: "spec.workloads", fault: v1alpha1.FaultApp, reason: v1alpha1.ReasonNotConfigured, lasting: true,
			message: "The launch has no workload whose pod template could be looked at. List its workloads in spec.workloads.",
		})
	}
	for i := range app.Workloads {
		w := &app.Workloads[i]
		if ctx.Err() != nil {
			m.unread = append(m.unread, timedOut(m.tell(w.String(), "a workload")))
			return
		}
		if len(w.Template.Spec.Containers) == 0 {
			m.unread = append(m.unread, unread{
				place: m.tell(w.String(), "a workload"), fault: v1alpha1.FaultApp, reason: v1alpha1.ReasonNotConfigured, lasting: true,
				message: "The pod template has no containers, so nothing was proven. Where the workload takes its template from another object (a Rollout's workloadRef), name that object in spec.workloads.",
			})
		}
		m.workload(w)
	}
}

// outcome is Fail for what was found, whatever else could not be read: a waiver of what was found must not cover
// what could not be read, so that becomes a finding too. Where trying again soon may help, the outcome waits for it.
func (m *measurement) outcome(control string) scorecard.Outcome {
	failing := slices.ContainsFunc(m.findings, scorecard.Finding.Fails)
	waits := slices.ContainsFunc(m.unread, func(u unread) bool { return !u.lasting })
	if len(m.unread) > 0 && (!failing || waits) {
		return m.unmeasured(failing)
	}
	for _, u := range m.unread {
		m.add(scorecard.Draft{
			Rule: ruleWithheldReference, Severity: v1alpha1.SeverityMedium, Place: u.place, Identity: u.reason,
			Message: "It was not looked at, so more may be wrong.", Remedy: u.message,
		})
	}
	return scorecard.Judged(m.Row(), m.cases, control, m.findings, reasonFor)
}

func (m *measurement) unmeasured(failing bool) scorecard.Outcome {
	// What the app is the cause of comes first: it must not hide behind a fault of the operator, which gives grace.
	first := slices.MinFunc(m.unread, func(a, b unread) int {
		return cmp.Or(-cmp.Compare(faultRank(a.fault), faultRank(b.fault)), cmp.Compare(a.place, b.place))
	})
	message := fmt.Sprintf("%s: %s", first.place, first.message)
	if failing {
		worst := slices.MinFunc(m.findings, func(a, b scorecard.Finding) int { return scorecard.CompareFindings(a.API(), b.API()) }).API()
		message = fmt.Sprintf("%s Already found: %s: %s", message, worst.Place, worst.Message)
	}
	return scorecard.Unmeasured(m.Row(), first.fault, first.reason, message)
}

func faultRank(f v1alpha1.Fault) int {
	if f == v1alpha1.FaultApp {
		return 1
	}
	return 0
}

// tell gives text that others wrote as it may stand in a finding, or the fallback if it holds a secret itself.
func (m *measurement) tell(text, fallback string) string {
	if len(m.detector.Value("", text)) > 0 {
		return fallback
	}
	return scorecard.Foreign(text)
}
