// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"strings"
	"testing"

	names "k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"
)

// everyKind is what an annotation of a Namespace may be about.
func everyKind() []string {
	return []string{kindLaunch, kindHost, kindService, "deployment", "statefulset", "daemonset", "rollout"}
}

// subdomains gives DNS subdomain names of every length, many of them about where a name is cut for its key.
func subdomains() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		length := rapid.OneOf(rapid.IntRange(1, names.DNS1123SubdomainMaxLength), rapid.IntRange(longName-2, longName+3),
			rapid.Just(names.DNS1123SubdomainMaxLength)).Draw(t, "length")
		name := []byte(rapid.StringOfN(rapid.RuneFrom([]rune("ab0x9-.-.")), length, length, -1).Draw(t, "name"))
		for i, c := range name {
			if edge := i == 0 || i == length-1; c != '-' && c != '.' || !edge && name[i-1] != '.' && (c != '.' || name[i-1] != '-') {
				continue
			}
			name[i] = 'a'
		}
		if problems := names.IsDNS1123Subdomain(string(name)); len(problems) > 0 {
			t.Fatalf("the generator made %q: %v", name, problems)
		}
		return string(name)
	})
}

func drawSubject(t *rapid.T, what string) Subject {
	return Subject{kind: rapid.SampledFrom(everyKind()).Draw(t, what+" kind"), name: subdomains().Draw(t, what)}
}

func TestKeysComeBackAsWhatTheyAreAbout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSubject(t, "subject")
		annotation := key(s.name, s.kind)
		if problems := names.IsQualifiedName(annotation); len(problems) > 0 {
			t.Errorf("%q is no name of an annotation: %v", annotation, problems)
		}
		if got, ok := subjectOf(annotation); !ok || got != s {
			t.Errorf("%q is read as %v (%v), want %v", annotation, got, ok, s)
		}
		if !Owns(annotation) {
			t.Errorf("%q does not belong to the gate", annotation)
		}
	})
}

func TestKeysOfNamesThatAreCut(t *testing.T) {
	for _, test := range []struct{ name, subject, want string }{
		{"as long as a prefix may hold it", strings.Repeat("a", 200), strings.Repeat("a", 200) + ".host.gate.launchready.dev/state"},
		{"one longer", strings.Repeat("a", 201), strings.Repeat("a", 200) + "x.host.gate.launchready.dev/xa.state"},
		{"cut behind a dot", strings.Repeat("a", 199) + ".b", strings.Repeat("a", 199) + ".x.host.gate.launchready.dev/xb.state"},
		{"cut before a dot", strings.Repeat("a", 200) + ".b", strings.Repeat("a", 200) + "x.host.gate.launchready.dev/x.b.state"},
		{"cut behind a hyphen", strings.Repeat("a", 199) + "-b", strings.Repeat("a", 199) + "-x.host.gate.launchready.dev/xb.state"},
		{"cut before a hyphen", strings.Repeat("a", 200) + "-b", strings.Repeat("a", 200) + "x.host.gate.launchready.dev/x-b.state"},
		{"the longest", strings.Repeat("a", 253), strings.Repeat("a", 200) + "x.host.gate.launchready.dev/x" + strings.Repeat("a", 53) + ".state"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := key(test.subject, kindHost)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if problems := names.IsQualifiedName(got); len(problems) > 0 {
				t.Errorf("%q is no name of an annotation: %v", got, problems)
			}
			if s, ok := subjectOf(got); !ok || s != HostSubject(test.subject) {
				t.Errorf("read as %v, %v", s, ok)
			}
		})
	}
}

func TestDifferentSubjectsNeverShareAKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawSubject(t, "one")
		b := a
		switch rapid.IntRange(0, 4).Draw(t, "the other") {
		case 0:
			b = drawSubject(t, "other")
		case 1:
			b.kind = rapid.SampledFrom(everyKind()).Draw(t, "kind")
		case 2:
			b.name = a.name + "." + rapid.SampledFrom(everyKind()).Draw(t, "suffix")
		case 3:
			b.name = a.name[:min(len(a.name), longName)] + "x" + a.name[min(len(a.name), longName):]
		default:
			b.name = a.name[:len(a.name)-1] + "b"
		}
		if a != b && key(a.name, a.kind) == key(b.name, b.kind) {
			t.Errorf("%v and %v share the key %q", a, b, key(a.name, a.kind))
		}
	})
}

func TestWhatIsNoKeyOfTheGate(t *testing.T) {
	long := strings.Repeat("a", 200)
	for _, annotation := range []string{
		"", "state", "/state", "gate.launchready.dev/state", ".gate.launchready.dev/state", "host.gate.launchready.dev/state", ".host.gate.launchready.dev/state",
		"a.host.gate.launchready.dev", "a.host.gate.launchready.dev/other", "a.host.gate.launchready.dev/state/x", "a.host.gate.launchready.dev.example.com/state",
		"a.host.notgate.launchready.dev/state", "a.host.gate.launchready.dev/xb.state", long + "y.host.gate.launchready.dev/xb.state",
		long + "a.host.gate.launchready.dev/state", long + "x.host.gate.launchready.dev/b.state", long + "x.host.gate.launchready.dev/x.state",
	} {
		if s, ok := subjectOf(annotation); ok {
			t.Errorf("%q is read as %v", annotation, s)
		}
	}
}

func TestOwnsEveryAnnotationOfTheDomain(t *testing.T) {
	for annotation, want := range map[string]bool{
		"chat.launch.gate.launchready.dev/state": true, "gate.launchready.dev/anything": true, "x.gate.launchready.dev/of-a-later-version": true,
		"gate.launchready.dev": false, "launchready.dev/gated": false, "notgate.launchready.dev/state": false,
		"gate.launchready.dev.example.com/state": false, "example.com/gate.launchready.dev": false, "": false,
	} {
		if got := Owns(annotation); got != want {
			t.Errorf("Owns(%q) is %v, want %v", annotation, got, want)
		}
	}
}

func TestAWorkloadsKindIsWrittenInLowerCase(t *testing.T) {
	if got, want := WorkloadSubject("StatefulSet", "chat"), (Subject{"statefulset", "chat"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
