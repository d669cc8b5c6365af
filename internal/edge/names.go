// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import "strings"

// names are the records of a zone by name.
type names map[string][]Record

func byName(records []Record) names {
	n := make(names, len(records))
	for _, r := range records {
		n[r.Name] = append(n[r.Name], r)
	}
	return n
}

// leads says whether a record makes a name lead somewhere.
func leads(r Record) bool { return r.Type == "A" || r.Type == "AAAA" || r.Type == "CNAME" }

// addresses are the records that make a name lead somewhere.
func (n names) addresses(host string) []Record {
	var found []Record
	for _, r := range n[host] {
		if leads(r) {
			found = append(found, r)
		}
	}
	return found
}

// wildcard are the records that make a name lead somewhere that has none of its own (RFC 4592).
func (n names) wildcard(host string) []Record {
	if len(n[host]) > 0 {
		return nil
	}
	for _, parent, ok := strings.Cut(host, "."); ok; _, parent, ok = strings.Cut(parent, ".") {
		if found := n.addresses("*." + parent); found != nil {
			return found
		}
		if len(n[parent]) > 0 {
			return nil
		}
	}
	return nil
}
