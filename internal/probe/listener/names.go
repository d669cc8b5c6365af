// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"

	"github.com/launchready/launchready/internal/detect/marker"
)

const (
	// NamesPort is where the name server of a probe hears in any case.
	NamesPort = 18053
	// UsualPort is where most of what looks names up would ask. A process without privileges may hear there where Kubernetes lets it.
	UsualPort = 53

	// zone is what the names end in. It is nobody's, and no resolver answers for it by itself, as many do for .invalid: RFC 6761 §6.2.
	zone = "launchready.test."

	// perSecond is how many questions a port answers over UDP or TCP, and burst how many at once. More than that wait where the kernel
	// keeps few.
	perSecond = 200
	burst     = 200
	// perConnection is how many questions are taken over one connection.
	perConnection = 16
)

// Names is a name server that knows nothing but its own names, each made up for one attack. It hears until it is closed, and may be used
// by several goroutines.
type Names struct {
	address netip.Addr
	port    uint16
	usual   bool
	open    []io.Closer
	ended   func()
	// closed is closed when nobody is to wait any more.
	closed <-chan struct{}

	mu sync.Mutex
	// asked says of each token whether it was asked for since the last time that somebody looked.
	asked map[string]bool
}

// ListenNames begins to hear for names on an address, by UDP and TCP, at a port or, where it is 0, at any. It does so at the usual port
// besides, where it may.
func ListenNames(address netip.Addr, port, usual uint16) (*Names, error) {
	closed := make(chan struct{})
	n := &Names{address: address, asked: map[string]bool{}, closed: closed, ended: sync.OnceFunc(func() { close(closed) })}
	at, err := n.hear(port)
	if err != nil {
		return nil, fmt.Errorf("hearing for names on the probe's own address: %w", err)
	}
	n.port = at
	_, err = n.hear(usual)
	n.usual = err == nil
	return n, nil
}

// hear serves a port, and gives its number.
func (n *Names) hear(port uint16) (uint16, error) {
	connections, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(n.address, port)))
	if err != nil {
		return 0, err
	}
	at := netip.MustParseAddrPort(connections.Addr().String())
	packets, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return 0, errors.Join(err, connections.Close())
	}
	n.open = append(n.open, connections, packets)
	n.serve(&dns.Server{PacketConn: packets})
	n.serve(&dns.Server{Listener: netutil.LimitListener(connections, atOnce)})
	return at.Port(), nil
}

func (n *Names) serve(s *dns.Server) {
	s.Handler = n
	s.ReadTimeout, s.IdleTimeout, s.MaxTCPQueries = patience, func() time.Duration { return patience }, perConnection
	limit := rate.NewLimiter(perSecond, burst)
	s.DecorateReader = func(r dns.Reader) dns.Reader { return paced{r, limit, n.closed} }
	go func() { _ = s.ActivateAndServe() }() // it ends when what it reads is closed
}

// paced reads no faster than may be answered.
type paced struct {
	dns.Reader

	limit  *rate.Limiter
	closed <-chan struct{}
}

// wait ends when one more may be read.
func (p paced) wait() {
	select {
	case <-time.After(p.limit.Reserve().Delay()):
	case <-p.closed:
	}
}

// ReadUDP implements [dns.Reader].
func (p paced) ReadUDP(conn *net.UDPConn, timeout time.Duration) ([]byte, *dns.SessionUDP, error) {
	p.wait()
	return p.Reader.ReadUDP(conn, timeout)
}

// ReadTCP implements [dns.Reader].
func (p paced) ReadTCP(conn net.Conn, timeout time.Duration) ([]byte, error) {
	p.wait()
	return p.Reader.ReadTCP(conn, timeout)
}

// Close ends it.
func (n *Names) Close() error {
	n.ended()
	var errs []error
	for _, c := range n.open {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Server is where it may be asked, at Port in any case.
func (n *Names) Server() netip.Addr { return n.address }

// Port is the port that it has in any case.
func (n *Names) Port() uint16 { return n.port }

// Usual says whether it hears at the usual port, too.
func (n *Names) Usual() bool { return n.usual }

// Name makes a new name, which this server alone knows. Labels may be put in front of it.
func (n *Names) Name() string {
	token := strings.ToLower(marker.New().Secret)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked[token] = false
	return token + "." + strings.TrimSuffix(zone, ".")
}

// Asked says whether a name, or one below it, was looked up since the last time that it was asked.
func (n *Names) Asked(name string) bool {
	token, _, _ := strings.Cut(name, ".")
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.asked[token]
	if was {
		n.asked[token] = false
	}
	return was
}

// ServeDNS notes which name is looked up.
func (n *Names) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	_ = w.WriteMsg(n.answer(request)) // whoever has gone was here
}

// answer gives the server's own address for its names, and nothing for what else may be asked of them. No answer is longer than what was
// asked by more than that address, so that nobody can send more to others by way of it than they could send themselves.
func (n *Names) answer(request *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(request)
	m.Compress = true
	if opt := request.IsEdns0(); opt != nil { // RFC 6891 §6.1.1
		m.SetEdns0(dns.MinMsgSize, false)
		if opt.Version() != 0 {
			m.Rcode = dns.RcodeBadVers
			return m
		}
	}
	if len(request.Question) != 1 || request.Opcode != dns.OpcodeQuery || request.Question[0].Qclass != dns.ClassINET {
		m.Rcode = dns.RcodeRefused
		return m
	}
	question := request.Question[0]
	switch ours, ends := n.heard(question.Name); {
	case !ours:
		m.Rcode = dns.RcodeRefused
	case !ends:
		// It came with the end of a search list. Whoever is told that there is none tries it without.
		m.Authoritative, m.Rcode = true, dns.RcodeNameError
	default:
		m.Authoritative = true
		header := dns.RR_Header{Name: question.Name, Rrtype: question.Qtype, Class: dns.ClassINET} // nobody may keep it
		switch {
		case question.Qtype == dns.TypeA && n.address.Is4():
			m.Answer = []dns.RR{&dns.A{Hdr: header, A: n.address.AsSlice()}}
		case question.Qtype == dns.TypeAAAA && n.address.Is6():
			m.Answer = []dns.RR{&dns.AAAA{Hdr: header, AAAA: n.address.AsSlice()}}
		}
	}
	return m
}

// heard notes the token that stands in a name, if there is one that was made up here, and says whether that is followed by the zone and
// nothing else. Nothing else of the name is kept: what was put in front may be a secret.
func (n *Names) heard(name string) (ours, ends bool) {
	labels := dns.SplitDomainName(strings.ToLower(name))
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, label := range labels {
		if _, known := n.asked[label]; known {
			n.asked[label], ours = true, true
			ends = strings.Join(labels[i+1:], ".")+"." == zone
		}
	}
	return ours, ends
}
