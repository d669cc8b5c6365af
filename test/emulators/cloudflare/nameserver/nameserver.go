// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nameserver answers for the zones of an emulated Cloudflare, with authority, over UDP and TCP: a proxied record by the
// address of the edge, others as they are, and a name that isn't there by NXDOMAIN. It signs nothing, and asks nobody.
package nameserver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// Zone is a zone with its records.
type Zone struct {
	Name    string
	Records []Record
}

// Record is a record of a zone.
type Record struct {
	Name, Type, Content string
	Proxied             bool
	TTL                 uint32
}

// Options of a name server.
type Options struct {
	// Zones gives the zones at the time of a question.
	Zones func() []Zone
	// Edge is the address of the edge, for proxied records.
	Edge netip.Addr
}

// Server answers for zones.
type Server struct {
	options Options
	mu      sync.Mutex
	// failing makes every answer SERVFAIL.
	failing bool
}

// New gives a name server.
func New(o Options) *Server { return &Server{options: o} }

// Fail makes the server answer SERVFAIL, or stop doing so.
func (s *Server) Fail(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = on
}

// Serve answers on an address, over UDP and TCP with the same port, until the context ends. It tells where it listens before it
// answers the first question.
func (s *Server) Serve(ctx context.Context, address string, listening func(addr netip.AddrPort)) error {
	packets, streams, at, err := listen(ctx, address)
	if err != nil {
		return err
	}
	servers := []*dns.Server{{PacketConn: packets, Handler: s}, {Listener: streams, Handler: s}}
	ended := make(chan error, len(servers))
	for _, server := range servers {
		go func() { ended <- server.ActivateAndServe() }()
	}
	listening(at)
	<-ctx.Done()
	var errs []error
	for _, server := range servers {
		errs = append(errs, server.ShutdownContext(context.WithoutCancel(ctx)), <-ended)
	}
	return errors.Join(errs...)
}

// listen finds a port that is free for both. One that is free for UDP may be taken for TCP: where any port will do, it tries others.
func listen(ctx context.Context, address string) (net.PacketConn, net.Listener, netip.AddrPort, error) {
	tries := 1
	if strings.HasSuffix(address, ":0") {
		tries = 20
	}
	var errs []error
	for range tries {
		packets, err := new(net.ListenConfig).ListenPacket(ctx, "udp", address)
		if err != nil {
			return nil, nil, netip.AddrPort{}, err
		}
		at, err := netip.ParseAddrPort(packets.LocalAddr().String())
		if err != nil {
			return nil, nil, at, errors.Join(err, packets.Close())
		}
		streams, err := new(net.ListenConfig).Listen(ctx, "tcp", at.String())
		if err == nil {
			return packets, streams, at, nil
		}
		errs = append(errs, err, packets.Close())
	}
	return nil, nil, netip.AddrPort{}, errors.Join(errs...)
}

// ServeDNS implements dns.Handler.
func (s *Server) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	reply := s.answer(question)
	_ = w.WriteMsg(reply) // who asked is gone
}

func (s *Server) answer(question *dns.Msg) *dns.Msg {
	reply := new(dns.Msg)
	reply.SetReply(question)
	s.mu.Lock()
	failing := s.failing
	s.mu.Unlock()
	if failing || len(question.Question) != 1 {
		reply.Rcode = dns.RcodeServerFailure
		return reply
	}
	q := question.Question[0]
	name := strings.ToLower(strings.TrimSuffix(q.Name, "."))
	zone, ok := s.zone(name)
	if !ok {
		reply.Rcode = dns.RcodeRefused
		return reply
	}
	reply.Authoritative = true
	exists := name == zone.Name
	for _, r := range zone.Records {
		own := strings.ToLower(r.Name)
		if own == name || strings.HasSuffix(own, "."+name) {
			exists = true // what has names below it exists (RFC 8020 §2)
		}
		if own == name {
			reply.Answer = append(reply.Answer, s.records(q, r)...)
		}
	}
	if !exists {
		reply.Rcode = dns.RcodeNameError
	}
	return reply
}

// zone finds the zone that a name is in: the longest that fits.
func (s *Server) zone(name string) (Zone, bool) {
	var best Zone
	for _, z := range s.options.Zones() {
		if (name == z.Name || strings.HasSuffix(name, "."+z.Name)) && len(z.Name) > len(best.Name) {
			best = z
		}
	}
	return best, best.Name != ""
}

// records gives what a record answers to a question.
func (s *Server) records(q dns.Question, r Record) []dns.RR {
	kind, content := r.Type, r.Content
	if r.Proxied {
		kind, content = "A", s.options.Edge.String()
	}
	if dns.StringToType[kind] != q.Qtype && kind != "CNAME" {
		return nil
	}
	ttl := max(r.TTL, 60) // Cloudflare's least
	header := dns.RR_Header{Name: q.Name, Rrtype: dns.StringToType[kind], Class: dns.ClassINET, Ttl: ttl}
	switch kind {
	case "A":
		return []dns.RR{&dns.A{Hdr: header, A: net.ParseIP(content)}}
	case "AAAA":
		return []dns.RR{&dns.AAAA{Hdr: header, AAAA: net.ParseIP(content)}}
	case "CNAME":
		return []dns.RR{&dns.CNAME{Hdr: header, Target: dns.Fqdn(content)}}
	case "TXT":
		return []dns.RR{&dns.TXT{Hdr: header, Txt: []string{strings.Trim(content, `"`)}}}
	default:
		return nil
	}
}
