// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"
)

// Domain is that of the gate's annotations on a Namespace. The name of what an annotation is about stands before it, in
// the key's prefix, for only a prefix may be long.
const Domain = "gate.launchready.dev"

// Kinds of what an annotation may be about, besides those of workloads (in lower case).
const (
	kindLaunch  = "launch"
	kindHost    = "host"
	kindService = "service"
)

// longName is the length from which on a name is cut in two for its key: a key's prefix holds 253 characters at most, its
// name 63 (k8s.io/apimachinery, validation.IsQualifiedName), and names have up to 253.
const longName = 200

// key gives the annotation's key for a thing of a kind. A name that is too long for a prefix goes on behind the slash,
// where an "x" on either side keeps what was cut a valid prefix and a valid name.
func key(name, kind string) string {
	if len(name) <= longName {
		return name + "." + kind + "." + Domain + "/state"
	}
	return name[:longName] + "x." + kind + "." + Domain + "/x" + name[longName:] + ".state"
}

// keyCEL gives the same key as an expression, for an expression that gives the name. The kind is an expression too.
func keyCEL(name, kind string) string {
	return fmt.Sprintf("(%[1]s.size() <= %[3]d ? %[1]s + '.' + %[2]s + '.%[4]s/state' : "+
		"%[1]s.substring(0, %[3]d) + 'x.' + %[2]s + '.%[4]s/x' + %[1]s.substring(%[3]d) + '.state')", name, kind, longName, Domain)
}

// Subject is what an annotation is about: a workload, a host, a Service or a launch.
type Subject struct{ kind, name string }

// WorkloadSubject is a workload of a kind such as Deployment.
func WorkloadSubject(kind, name string) Subject { return Subject{strings.ToLower(kind), name} }

// HostSubject is a host name.
func HostSubject(host string) Subject { return Subject{kindHost, host} }

// ServiceSubject is a Service.
func ServiceSubject(name string) Subject { return Subject{kindService, name} }

// subjectOf reads a key back. ok is false for a key that key does not give.
func subjectOf(annotation string) (s Subject, ok bool) {
	prefix, rest, _ := strings.Cut(annotation, "/")
	stem, found := strings.CutSuffix(prefix, "."+Domain)
	dot := strings.LastIndex(stem, ".")
	if !found || dot <= 0 {
		return Subject{}, false
	}
	s = Subject{kind: stem[dot+1:], name: stem[:dot]}
	if rest != "state" {
		tail, cut := strings.CutSuffix(strings.TrimPrefix(rest, "x"), ".state")
		if !cut || len(s.name) != longName+1 {
			return Subject{}, false
		}
		s.name = s.name[:longName] + tail
	}
	return s, key(s.name, s.kind) == annotation
}

// Owns says whether an annotation of a Namespace belongs to the gate.
func Owns(annotation string) bool {
	prefix, _, found := strings.Cut(annotation, "/")
	return found && (prefix == Domain || strings.HasSuffix(prefix, "."+Domain))
}
