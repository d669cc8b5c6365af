// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// named gives each name server an address of its own on loopback.
type named map[string]netip.Addr

func (n named) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if addr, ok := n[host]; ok {
		return []netip.Addr{addr}, nil
	}
	return nil, errors.New("no such name server")
}

// serve answers every question in one way, on one port of several addresses.
func serve(t *testing.T, port string, addr netip.Addr, answer func(reply *dns.Msg, tcp bool)) string {
	t.Helper()
	packets, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", net.JoinHostPort(addr.String(), port))
	if err != nil {
		t.Fatal(err)
	}
	_, used, err := net.SplitHostPort(packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	streams, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(addr.String(), used))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: packets}, {Listener: streams}} {
		s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			reply := new(dns.Msg)
			reply.SetReply(q)
			answer(reply, w.RemoteAddr().Network() == "tcp")
			_ = w.WriteMsg(reply) // the test sees that nothing came
		})
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return used
}

func TestOnlyEveryServersWordProvesThatAHostDoesNotExist(t *testing.T) {
	answers := map[string]func(*dns.Msg, bool){
		"gone":      func(m *dns.Msg, _ bool) { m.Rcode, m.Authoritative = dns.RcodeNameError, true },
		"hearsay":   func(m *dns.Msg, _ bool) { m.Rcode = dns.RcodeNameError },
		"there":     func(m *dns.Msg, _ bool) { m.Authoritative = true },
		"broken":    func(m *dns.Msg, _ bool) { m.Rcode = dns.RcodeServerFailure },
		"refused":   func(m *dns.Msg, _ bool) { m.Rcode = dns.RcodeRefused },
		"truncated": func(m *dns.Msg, tcp bool) { m.Rcode, m.Authoritative, m.Truncated = dns.RcodeNameError, true, !tcp },
		"cut short, and there after all": func(m *dns.Msg, tcp bool) {
			m.Authoritative, m.Truncated = true, !tcp
			if !tcp {
				m.Rcode = dns.RcodeNameError
			}
		},
	}
	servers := named{"silent": netip.MustParseAddr("127.0.0.200")}
	port := "0"
	next := netip.MustParseAddr("127.0.0.101")
	for name, answer := range answers {
		port = serve(t, port, next, answer)
		servers[name] = next
		next = next.Next()
	}
	for name, c := range map[string]struct {
		servers []string
		want    bool
		fails   bool
	}{
		"all say so":                     {[]string{"gone", "gone"}, true, false},
		"one says so by TCP":             {[]string{"gone", "truncated"}, true, false},
		"one knows it":                   {[]string{"gone", "there"}, false, false},
		"one has it by hearsay":          {[]string{"hearsay"}, false, false},
		"one is broken":                  {[]string{"gone", "broken"}, false, false},
		"one refuses":                    {[]string{"refused", "gone"}, false, false},
		"one is cut short, and knows it": {[]string{"gone", "cut short, and there after all"}, false, false},
		"one doesn't answer":             {[]string{"gone", "silent"}, false, true},
		"one can't be found":             {[]string{"gone", "nobody"}, false, true},
		"there are none":                 {nil, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Servers{Resolver: servers, Port: port}.Nonexistent(t.Context(), "example.com", c.servers, "new.example.com")
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("got %t, %v; want %t", got, err, c.want)
			}
		})
	}
}

func TestAZonesOwnNameLeadsNowhereWhereItHasNoAddress(t *testing.T) {
	servers := named{"ns": netip.MustParseAddr("127.0.0.121")}
	for name, c := range map[string]struct {
		answer string
		rcode  int
		want   bool
	}{
		"nothing":      {"", dns.RcodeSuccess, true},
		"IPv4":         {"example.com. 60 IN A 203.0.113.7", dns.RcodeSuccess, false},
		"IPv6 alone":   {"example.com. 60 IN AAAA 2001:db8::7", dns.RcodeSuccess, false},
		"an alias":     {"example.com. 60 IN CNAME lb.example.net.", dns.RcodeSuccess, false},
		"a failure":    {"", dns.RcodeServerFailure, false},
		"not existing": {"", dns.RcodeNameError, true},
	} {
		t.Run(name, func(t *testing.T) {
			port := serve(t, "0", servers["ns"], func(m *dns.Msg, _ bool) {
				m.Rcode, m.Authoritative = c.rcode, true
				rr, err := dns.NewRR(c.answer)
				if err == nil && rr != nil && (rr.Header().Rrtype == m.Question[0].Qtype || rr.Header().Rrtype == dns.TypeCNAME) {
					m.Answer = append(m.Answer, rr)
				}
			})
			got, err := Servers{Resolver: servers, Port: port}.Nonexistent(t.Context(), "example.com", []string{"ns"}, "example.com")
			if err != nil || got != c.want {
				t.Errorf("got %t, %v; want %t", got, err, c.want)
			}
		})
	}
}
