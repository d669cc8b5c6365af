// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package nameserver

import (
	"context"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

func TestAnswers(t *testing.T) {
	zones := []Zone{{Name: "example.com", Records: []Record{
		{Name: "app.example.com", Type: "CNAME", Content: "lb.example.net", Proxied: true},
		{Name: "plain.example.com", Type: "A", Content: "203.0.113.7"},
		{Name: "alias.example.com", Type: "CNAME", Content: "lb.example.net"},
		{Name: "a.deep.example.com", Type: "AAAA", Content: "2001:db8::7"},
		{Name: "example.com", Type: "TXT", Content: `"v=spf1 -all"`},
	}}}
	server := New(Options{Zones: func() []Zone { return zones }, Edge: netip.MustParseAddr("127.0.0.9")})
	ctx, stop := context.WithCancel(t.Context())
	at, ended := make(chan netip.AddrPort, 1), make(chan error, 1)
	go func() { ended <- server.Serve(ctx, "127.0.0.1:0", func(a netip.AddrPort) { at <- a }) }()
	address := (<-at).String()
	for name, c := range map[string]struct {
		host string
		kind uint16
		code int
		want string
	}{
		"a proxied name leads to the edge":       {"app.example.com", dns.TypeA, dns.RcodeSuccess, "127.0.0.9"},
		"another leads where its record says":    {"plain.example.com", dns.TypeA, dns.RcodeSuccess, "203.0.113.7"},
		"an alias answers for every type":        {"alias.example.com", dns.TypeA, dns.RcodeSuccess, "lb.example.net."},
		"no data is no absence":                  {"plain.example.com", dns.TypeAAAA, dns.RcodeSuccess, ""},
		"what has names below it exists":         {"deep.example.com", dns.TypeA, dns.RcodeSuccess, ""},
		"a name that isn't there":                {"new.example.com", dns.TypeA, dns.RcodeNameError, ""},
		"text":                                   {"example.com", dns.TypeTXT, dns.RcodeSuccess, "v=spf1 -all"},
		"a name of another's is not answered":    {"example.org", dns.TypeA, dns.RcodeRefused, ""},
		"a name that only ends alike isn't ours": {"notexample.com", dns.TypeA, dns.RcodeRefused, ""},
	} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(name+" over "+network, func(t *testing.T) {
				m := new(dns.Msg)
				m.SetQuestion(dns.Fqdn(c.host), c.kind)
				reply, _, err := (&dns.Client{Net: network}).ExchangeContext(t.Context(), m, address)
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				if len(reply.Answer) > 0 {
					got = dns.Field(reply.Answer[0], 1)
				}
				if reply.Rcode != c.code || got != c.want || reply.Authoritative != (c.code != dns.RcodeRefused) {
					t.Errorf("got %s %q (authoritative: %t), want %s %q", dns.RcodeToString[reply.Rcode], got, reply.Authoritative, dns.RcodeToString[c.code], c.want)
				}
			})
		}
	}
	server.Fail(true)
	m := new(dns.Msg)
	m.SetQuestion("new.example.com.", dns.TypeA)
	reply, _, err := new(dns.Client).ExchangeContext(t.Context(), m, address)
	if err != nil || reply.Rcode != dns.RcodeServerFailure {
		t.Errorf("a server that fails answers %v, %v", reply, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
