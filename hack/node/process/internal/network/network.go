// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package network gives pods addresses, in a network namespace that we are root of: a bridge, and for each pod a namespace with
// one link to it. Addresses of Services are the node's own there, so that a program of the node can listen at them.
//
// Nothing leads out, and nothing is filtered: NetworkPolicies are not enforced.
package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const bridgeName = "pods"

// Config has the addresses.
type Config struct {
	// Pods is the network of the pods. Its first address is the node's.
	Pods netip.Prefix
	// Services is the network of the Services' addresses.
	Services netip.Prefix
}

// Network is the one that all pods are in.
type Network struct {
	config Config
	bridge netlink.Link

	mu   sync.Mutex
	used map[netip.Addr]bool
	last netip.Addr
}

// New makes the network, in the namespace that we are in.
func New(config Config) (*Network, error) {
	n := &Network{config: config, used: map[netip.Addr]bool{}, last: config.Node()}
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, fmt.Errorf("the loopback link: %w", err)
	}
	// Without an address of its own a bridge has that of one of its links, another one whenever a pod comes or goes, and pods that
	// know the old one don't reach the node for half a minute.
	n.bridge = &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName, HardwareAddr: hardware(config.Node())}}
	err = errors.Join(netlink.LinkSetUp(loopback), netlink.LinkAdd(n.bridge))
	if err != nil {
		return nil, fmt.Errorf("making a bridge: %w", err)
	}
	err = errors.Join(
		netlink.AddrAdd(n.bridge, &netlink.Addr{IPNet: ipNet(config.Node(), config.Pods.Bits())}),
		netlink.LinkSetUp(n.bridge),
		netlink.RouteAdd(&netlink.Route{
			LinkIndex: loopback.Attrs().Index, Dst: ipNet(config.Services.Addr(), config.Services.Bits()),
			Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST,
		}))
	if err != nil {
		return nil, fmt.Errorf("giving the node its addresses: %w", err)
	}
	return n, nil
}

// Node is the node's address, as pods see it.
func (c Config) Node() netip.Addr { return c.Pods.Masked().Addr().Next() }

// Pod is a pod's namespace.
type Pod struct {
	Addr      netip.Addr
	network   *Network
	namespace *os.File
	link      netlink.Link
}

// FD is the open namespace.
func (p *Pod) FD() int { return int(p.namespace.Fd()) }

// Attach makes a namespace with an address of its own.
func (n *Network) Attach() (*Pod, error) {
	addr, err := n.take()
	if err != nil {
		return nil, err
	}
	p := &Pod{Addr: addr, network: n}
	if p.namespace, err = newNamespace(); err != nil {
		n.free(addr)
		return nil, fmt.Errorf("making a network namespace: %w", err)
	}
	if err := p.connect(); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting a pod: %w", err), p.Close())
	}
	return p, nil
}

// connect makes the link, and everything on it.
func (p *Pod) connect() error {
	octets := p.Addr.As4()
	name := fmt.Sprintf("pod-%d-%d", octets[2], octets[3])
	pair := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name, MasterIndex: p.network.bridge.Attrs().Index},
		PeerName:  "eth0", PeerNamespace: netlink.NsFd(p.FD()),
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return err
	}
	p.link = pair
	if err := netlink.LinkSetUp(pair); err != nil {
		return err
	}
	inside, err := netlink.NewHandleAt(netns.NsHandle(p.FD()))
	if err != nil {
		return err
	}
	defer inside.Close()
	loopback, errLoopback := inside.LinkByName("lo")
	link, err := inside.LinkByName("eth0")
	if err := errors.Join(errLoopback, err); err != nil {
		return err
	}
	err = errors.Join(
		inside.LinkSetUp(loopback),
		inside.AddrAdd(link, &netlink.Addr{IPNet: ipNet(p.Addr, p.network.config.Pods.Bits())}),
		inside.LinkSetUp(link))
	if err != nil {
		return err
	}
	return inside.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.IP(p.network.config.Node().AsSlice())})
}

// Close gives the address back. What still runs in the namespace has no link any more.
func (p *Pod) Close() error {
	var err error
	if p.link != nil {
		err = netlink.LinkDel(p.link)
	}
	err = errors.Join(err, p.namespace.Close())
	p.network.free(p.Addr)
	return err
}

// take gives an address that was not used for the longest time: who still has an old one should not meet somebody else there.
func (n *Network) take() (netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr := n.last
	for {
		addr = addr.Next()
		if !n.config.Pods.Contains(addr) || !n.config.Pods.Contains(addr.Next()) { // the last one is for broadcasts
			addr = n.config.Node().Next()
		}
		if !n.used[addr] {
			n.used[addr], n.last = true, addr
			return addr, nil
		}
		if addr == n.last {
			return netip.Addr{}, fmt.Errorf("all addresses of %s are in use", n.config.Pods)
		}
	}
}

func (n *Network) free(addr netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.used, addr)
}

// newNamespace makes a network namespace, on a thread that ends with it: it can't be told to go back where that fails.
func newNamespace() (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	made := make(chan result)
	go func() {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- result{nil, err}
			return
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		made <- result{file, err}
	}()
	r := <-made
	return r.file, r.err
}

// hardware gives an address of the kind that everybody may choose (the second bit of the first byte).
func hardware(addr netip.Addr) net.HardwareAddr {
	octets := addr.As4()
	return append(net.HardwareAddr{0x0a, 0x58}, octets[:]...)
}

func ipNet(addr netip.Addr, bits int) *net.IPNet {
	return &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(bits, addr.BitLen())}
}

// ResolvConf is what a pod's /etc/resolv.conf says, as a kubelet writes it.
func (c Config) ResolvConf(namespace, domain string) string {
	search := []string{namespace + ".svc." + domain, "svc." + domain, domain}
	return fmt.Sprintf("search %s\nnameserver %s\noptions ndots:5\n", strings.Join(search, " "), c.Node())
}
