// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// host is what a node must leave as it was, by a name for each thing.
type host map[string]string

// volatile are kernel settings that are measurements in truth, or change by themselves.
var volatile = regexp.MustCompile(`random/|ns_last_pid|pty/nr|_count$|conntrack_buckets|stat_refresh|kernel/(tainted|perf_event_max_sample_rate|sched_domain)` +
	`|sched_deadline|net/core/netdev_rss_key|net/netfilter/nf_log`)

// look reads the machine's kernel settings, links, addresses, routes, mounts and control groups.
func look(t *testing.T) host {
	t.Helper()
	h := host{}
	h.settings(t)
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		addresses, err := link.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range addresses {
			h["address "+address.String()] = link.Name
		}
		h["link "+link.Name] = link.Flags.String()
	}
	for name, path := range map[string]string{"routes": "/proc/net/route", "mounts": "/proc/self/mountinfo"} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		h[name] = string(content)
	}
	if rules, err := exec.CommandContext(t.Context(), "nft", "list", "tables").CombinedOutput(); err == nil {
		h["firewall"] = string(rules)
	}
	groups, err := cgroupFolders(func(name string) bool {
		// Other programs' groups come and go, and so do those of other nodes.
		owner, isNode := strings.CutPrefix(name, cgroupPrefix)
		pid, err := strconv.Atoi(owner)
		return name == "k8s.io" || name == "kubepods" || isNode && err == nil && !alive(pid)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range groups {
		h["control group "+group] = "there"
	}
	for _, dir := range []string{"/run", "/opt", "/var/lib", "/var/log", "/etc/cni"} {
		entries, err := os.ReadDir(dir)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, entry := range entries {
			h["file "+filepath.Join(dir, entry.Name())] = "there"
		}
	}
	return h
}

func (h host) settings(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"kernel", "vm", "net"} {
		err := filepath.WalkDir(filepath.Join("/proc/sys", kind), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || volatile.MatchString(path) {
				return nil //nolint:nilerr // some come and go with links
			}
			if value, err := os.ReadFile(path); err == nil { //nolint:gosec // the kernel's files
				h[path] = string(value)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(h) < 100 {
		t.Fatalf("only %d kernel settings were found", len(h))
	}
}

// differences says what is not as it was.
func (h host) differences(after host) []string {
	var found []string
	for name, value := range h {
		if other, ok := after[name]; !ok || other != value {
			found = append(found, name+" was "+strconv.Quote(value)+", is "+strconv.Quote(other))
		}
	}
	for name, value := range after {
		if _, ok := h[name]; !ok {
			found = append(found, name+" is new: "+strconv.Quote(value))
		}
	}
	return found
}

// descendants are the ids of all processes below one, whichever namespaces they are in.
func descendants(t *testing.T, root int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for _, stat := range stats {
		pid := filepath.Base(filepath.Dir(stat))
		parent, err := parentOf(pid)
		if err != nil {
			continue
		}
		id, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		children[parent] = append(children[parent], id)
	}
	var found []int
	for next := children[root]; len(next) > 0; {
		found = append(found, next...)
		var below []int
		for _, pid := range next {
			below = append(below, children[pid]...)
		}
		next = below
	}
	return found
}
