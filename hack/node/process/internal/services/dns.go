// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package services

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	labelset "k8s.io/apimachinery/pkg/labels"
)

// ttl is how many seconds an answer holds: short, as Services come and go here.
const ttl = 5

// DNS answers to the names of Services (https://github.com/kubernetes/dns/blob/master/docs/specification.md): addresses only,
// as there is nothing here that asks for more. Of all other names it knows nothing, and says so.
type DNS struct {
	proxy *Proxy
	// domain ends with a dot, as names on the wire do.
	domain string
}

// NewDNS answers for the Services that a proxy follows.
func NewDNS(proxy *Proxy, domain string) *DNS { return &DNS{proxy: proxy, domain: dns.Fqdn(domain)} }

// Serve answers at an address until ctx is over.
func (d *DNS) Serve(ctx context.Context, at netip.Addr) error {
	address := netip.AddrPortFrom(at, 53).String()
	packets, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", address)
	if err != nil {
		return fmt.Errorf("listening for names: %w", err)
	}
	connections, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return errors.Join(fmt.Errorf("listening for names: %w", err), packets.Close())
	}
	servers := []*dns.Server{{PacketConn: packets, Handler: d}, {Listener: connections, Handler: d}}
	ended := make(chan error, len(servers))
	for _, s := range servers {
		go func() { ended <- s.ActivateAndServe() }()
	}
	select {
	case <-ctx.Done():
		return errors.Join(packets.Close(), connections.Close())
	case err := <-ended:
		return fmt.Errorf("answering to names: %w", err)
	}
}

// ServeDNS answers one message.
func (d *DNS) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	// Who asked is gone if this fails.
	_ = w.WriteMsg(d.answer(request))
}

func (d *DNS) answer(request *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	if len(request.Question) != 1 || request.Opcode != dns.OpcodeQuery {
		return m.SetRcode(request, dns.RcodeNotImplemented)
	}
	m.SetReply(request)
	question := request.Question[0]
	name := strings.ToLower(question.Name)
	if !dns.IsSubDomain(d.domain, name) {
		m.Rcode = dns.RcodeRefused
		return m
	}
	m.Authoritative = true
	addrs, exists, err := d.addresses(strings.TrimSuffix(name, "."+d.domain))
	switch {
	case err != nil:
		m.Rcode = dns.RcodeServerFailure
		return m
	case !exists && name != d.domain:
		m.Rcode = dns.RcodeNameError
	case question.Qtype == dns.TypeA:
		for _, addr := range addrs {
			m.Answer = append(m.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl}, A: net.IP(addr.AsSlice()),
			})
		}
	}
	if len(m.Answer) == 0 {
		// RFC 2308 §2: who caches that there is nothing needs to know for how long.
		m.Ns = []dns.RR{&dns.SOA{
			Hdr: dns.RR_Header{Name: d.domain, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
			Ns:  "ns.dns." + d.domain, Mbox: "hostmaster." + d.domain, Serial: 1, Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: ttl,
		}}
	}
	return m
}

// addresses gives those of a name, less the domain, and whether there is such a name.
func (d *DNS) addresses(name string) (addrs []netip.Addr, exists bool, err error) {
	labels := strings.Split(name, ".")
	if len(labels) != 3 || labels[2] != "svc" {
		return nil, d.isNamespace(labels), nil
	}
	service, err := d.proxy.services.Services(labels[1]).Get(labels[0])
	if err != nil {
		return nil, false, nil //nolint:nilerr // a lister only fails because there is none
	}
	if service.Spec.ClusterIP != corev1.ClusterIPNone {
		addr, err := netip.ParseAddr(service.Spec.ClusterIP)
		if err != nil {
			return nil, false, nil //nolint:nilerr // an ExternalName leads out, and nothing does here
		}
		return []netip.Addr{addr}, true, nil
	}
	found, err := d.proxy.slicesOf(service)
	if err != nil {
		return nil, false, err
	}
	for _, slice := range found {
		for _, text := range ready(slice) {
			if addr, err := netip.ParseAddr(text); err == nil && addr.Is4() {
				addrs = append(addrs, addr)
			}
		}
	}
	return addrs, len(addrs) > 0, nil
}

// isNamespace says whether a name is one under which there are names: svc, and a namespace with Services.
func (d *DNS) isNamespace(labels []string) bool {
	switch {
	case len(labels) == 1:
		return labels[0] == "svc"
	case len(labels) == 2 && labels[1] == "svc":
		all, err := d.proxy.services.Services(labels[0]).List(labelset.Everything())
		return err == nil && len(all) > 0
	default:
		return false
	}
}
