// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/scorecard"
)

// The rules, each a kind of finding of docs/rows/SecretsSafe.md.
const (
	ruleTypedSecret       = "TypedSecret"
	ruleReferenceMissing  = "ReferenceMissing"
	ruleKeyMissing        = "KeyMissing"
	rulePullSecretInvalid = "PullSecretInvalid"
	ruleValueEmpty        = "ValueEmpty"
	ruleValuePlaceholder  = "ValuePlaceholder"
	// ruleWithheldReference sorts behind the others of its severity, so that it never gives the reason of a Fail.
	ruleWithheldReference = "WithheldReference"
)

// reasonFor gives the reason of a Fail by its worst finding.
func reasonFor(worst v1alpha1.Finding) string {
	switch worst.Rule {
	case ruleTypedSecret:
		return v1alpha1.ReasonTypedSecret
	case ruleValueEmpty, ruleValuePlaceholder:
		return v1alpha1.ReasonSecretValueUnusable
	default:
		return v1alpha1.ReasonSecretReferenceBroken
	}
}

// severityOf is Critical for what gives away an account or a database by itself, and High for what needs to be known
// where it fits: a password or token of an unknown service, a hash, a link.
func severityOf(k detect.Kind) v1alpha1.Severity {
	switch k {
	case detect.KindPassword, detect.KindPIN, detect.KindPassphrase, detect.KindSecretValue, detect.KindToken, detect.KindAPIKey,
		detect.KindCredentials, detect.KindSessionCookie, detect.KindPasswordHash, detect.KindWebhookURL, detect.KindSignedURL:
		return v1alpha1.SeverityHigh
	default:
		return v1alpha1.SeverityCritical
	}
}

// maxSingly is how many secrets of one place are listed one by one; more become one finding together.
const maxSingly = 32

// typed reports secrets that stand at one place as plain text. The note, where there is one, says more about the place.
func (m *measurement) typed(place, note, remedy string, matches []detect.Match) {
	if len(matches) > maxSingly {
		m.typedTogether(place, note, remedy, matches)
		return
	}
	for _, match := range matches {
		m.add(scorecard.Draft{
			Rule: ruleTypedSecret, Severity: severityOf(match.Kind), Place: place, Identity: match.Fingerprint(m.key()),
			Message: fmt.Sprintf("A secret stands here as plain text: %s%s.", match.Kind, note), Remedy: remedy,
		})
	}
}

// unchanged reports a password that stands at a place as plain text and is one that everybody knows.
func (m *measurement) unchanged(place, remedy string) {
	m.add(scorecard.Draft{
		Rule: ruleValuePlaceholder, Severity: v1alpha1.SeverityHigh, Place: place,
		Message: "The password that stands here as plain text is a placeholder that somebody has yet to replace: everybody knows it.",
		Remedy:  "Make a new password. " + remedy,
	})
}

// typedTogether makes one finding of many secrets; its identity covers all of them, so that a waiver covers no new one.
func (m *measurement) typedTogether(place, note, remedy string, matches []detect.Match) {
	severity := v1alpha1.SeverityHigh
	identities := make([]string, len(matches))
	for i, match := range matches {
		identities[i] = match.Fingerprint(m.key())
		if severityOf(match.Kind) == v1alpha1.SeverityCritical {
			severity = v1alpha1.SeverityCritical
		}
	}
	slices.Sort(identities)
	m.add(scorecard.Draft{
		Rule: ruleTypedSecret, Severity: severity, Place: place, Identity: strings.Join(identities, " "),
		Message: fmt.Sprintf("More than %d secrets stand here as plain text, %s among them%s.", maxSingly, matches[0].Kind, note), Remedy: remedy,
	})
}

// place writes where a setting stands, such as `Deployment shop/chat: containers[web].env[OPENAI_API_KEY]`.
func (m *measurement) place(w *launch.Workload, s *setting) string {
	return m.tell(w.String(), "a workload") + ": " + m.field(s)
}

// field writes the place inside the object. A name that holds a secret itself gives way to its number.
func (m *measurement) field(s *setting) string {
	var b strings.Builder
	if s.container != "" {
		b.WriteString(m.tell(s.container, "[a container or volume whose name is withheld]"))
		b.WriteString(".")
	}
	b.WriteString(s.field)
	if s.name != "" {
		fmt.Fprintf(&b, "[%s]", m.tell(s.name, "#"+strconv.Itoa(s.index)))
	}
	return b.String()
}

// commandWord is a name that may stand in a command that somebody copies into a shell: names of variables and keys
// are foreign text, and may be any printable characters.
var commandWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,62}$`)

// secretKey gives the key under which the remedy puts a value.
func (m *measurement) secretKey(name string) string {
	if !commandWord.MatchString(name) || len(m.detector.Value("", name)) > 0 {
		return "KEY"
	}
	return name
}

// rotate is why mending the manifest is not enough.
func rotate[T ~string](what T) string {
	return fmt.Sprintf("Then rotate the secret: everyone who may read the %s could read it.", what)
}

// create gives the command that puts a value into a Secret without leaving it in the shell's history.
func create(namespace, secret, key string) string {
	return fmt.Sprintf("Put it into a Secret: `kubectl -n %s create secret generic %s --from-file=%s=/dev/stdin` (paste it, then Ctrl-D).", namespace, secret, key)
}

// remedy says how to get a typed secret out of a pod template.
func (m *measurement) remedy(w *launch.Workload, s *setting) string {
	namespace, secret := m.objectName(w.Namespace, "NAMESPACE"), m.objectName(w.Ref.Name, "NAME")+"-secrets"
	key := m.secretKey(s.name)
	var how string
	switch s.home {
	case inEnv:
		how = fmt.Sprintf("%s In place of `value`, write `valueFrom: {secretKeyRef: {name: %s, key: %s}}`.", create(namespace, secret, key), secret, key)
	case inArgs:
		how = create(namespace, secret, "KEY") + fmt.Sprintf(" Take it with `env: [{name: KEY, valueFrom: {secretKeyRef: {name: %s, key: KEY}}}]`, and write `$(KEY)` here.", secret)
	case inProbe:
		how = "Probe an endpoint that needs no credential, or use an exec probe that takes it from the container's environment: `exec: {command: [sh, -c, 'wget -q -O /dev/null --header \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8080/healthz']}`, with TOKEN from a `secretKeyRef`."
	case inHook:
		how = "Use an exec hook that takes it from the container's environment: `exec: {command: [sh, -c, '... \"$TOKEN\" ...']}`, with TOKEN from a `secretKeyRef`."
	case inAnnotation, inLabel:
		how = "Remove it: annotations and labels can't refer to a Secret. Let whoever reads it take it from a Secret that it names."
	case inVolume:
		how = create(namespace, secret, "KEY") + fmt.Sprintf(" Name it in the volume (`nodePublishSecretRef: {name: %s}` for csi, `secretRef` for flexVolume), with the keys that the driver documents.", secret)
	case inGitURL:
		how = "Clone in an init container that takes the credential from a `secretKeyRef`, into an `emptyDir`; volumes of type gitRepo are switched off in current Kubernetes."
	}
	return how + " " + rotate(w.Ref.Kind)
}

// objectName gives an object's name as it may stand in a command.
func (m *measurement) objectName(name, fallback string) string {
	if !commandWord.MatchString(name) || len(m.detector.Value("", name)) > 0 {
		return fallback
	}
	return name
}
