// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/launchready/launchready/internal/probe/listener"
)

// named hears for names at any port, and at another that stands for the usual one.
func named(t testing.TB, address string) *listener.Names {
	t.Helper()
	n, err := listener.ListenNames(netip.MustParseAddr(address), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func at(n *listener.Names) string { return netip.AddrPortFrom(n.Server(), n.Port()).String() }

// ask sends a question by udp or tcp.
func ask(t *testing.T, n *listener.Names, network string, m *dns.Msg) *dns.Msg {
	t.Helper()
	got, _, err := (&dns.Client{Net: network, Timeout: 5 * time.Second}).ExchangeContext(t.Context(), m, at(n))
	if err != nil {
		t.Fatalf("%v: %v", m.Question, err)
	}
	return got
}

func question(name string, kind uint16) *dns.Msg {
	return new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
}

func TestANameThatIsLookedUpIsKnown(t *testing.T) {
	n := named(t, "127.0.0.1")
	one, other := n.Name(), n.Name()
	if one == other || !strings.HasSuffix(one, ".test") || n.Asked(one) || n.Asked(other) || !n.Usual() {
		t.Fatalf("%s and %s", one, other)
	}
	const found, none, missing = "127.0.0.1", "", "NXDOMAIN"
	for name, test := range map[string]struct {
		name string
		kind uint16
		want string
	}{
		"as it is":                 {one, dns.TypeA, found},
		"in capitals":              {strings.ToUpper(one), dns.TypeA, found},
		"with a label in front":    {"in-front." + one, dns.TypeA, found},
		"a text":                   {one, dns.TypeTXT, none},
		"everything":               {one, dns.TypeANY, none},
		"the other family":         {one, dns.TypeAAAA, none},
		"with a search list's end": {one + ".shop.svc.cluster.local", dns.TypeA, missing},
		"with a label in between":  {strings.Replace(one, ".", ".between.", 1), dns.TypeA, missing},
	} {
		for _, network := range []string{"udp", "tcp"} {
			got := ask(t, n, network, question(test.name, test.kind))
			said := none
			if len(got.Answer) == 1 {
				said = got.Answer[0].(*dns.A).A.String() //nolint:errcheck,forcetypeassert // the test would end, as it should
			}
			if got.Rcode == dns.RcodeNameError {
				said = missing
			}
			if said != test.want || !got.Authoritative || got.RecursionAvailable || got.Truncated || got.Question[0].Name != dns.Fqdn(test.name) {
				t.Errorf("%s, by %s: %v", name, network, got)
			}
			if !n.Asked(one) || n.Asked(one) || n.Asked(other) {
				t.Errorf("%s, by %s: it is not known once, of the one alone", name, network)
			}
		}
	}
}

func TestWhatElseIsAskedIsRefused(t *testing.T) {
	n := named(t, "127.0.0.1")
	name := n.Name()
	token, zone, _ := strings.Cut(name, ".")
	chaos := question(name, dns.TypeTXT)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	notify := new(dns.Msg).SetNotify(dns.Fqdn(name))
	later := question(name, dns.TypeA).SetEdns0(4096, true)
	later.IsEdns0().SetVersion(1)
	for what, test := range map[string]struct {
		asked *dns.Msg
		rcode int
	}{
		"a stranger":           {question("example.com", dns.TypeA), dns.RcodeRefused},
		"the root":             {question(".", dns.TypeNS), dns.RcodeRefused},
		"the zone":             {question(zone, dns.TypeSOA), dns.RcodeRefused},
		"a transfer":           {question(zone, dns.TypeAXFR), dns.RcodeRefused},
		"a guess":              {question("lr0123456789abcdef."+zone, dns.TypeA), dns.RcodeRefused},
		"a longer token":       {question(token+"x."+zone, dns.TypeA), dns.RcodeRefused},
		"a token within":       {question("x"+token+"."+zone, dns.TypeA), dns.RcodeRefused},
		"another class":        {chaos, dns.RcodeRefused},
		"a notification":       {notify, dns.RcodeRefused},
		"an update":            {new(dns.Msg).SetUpdate(dns.Fqdn(zone)), dns.RcodeNotImplemented},
		"a later EDNS":         {later, dns.RcodeBadVers},
		"a dot within a label": {question(token+`\.`+zone, dns.TypeA), dns.RcodeRefused},
	} {
		for _, network := range []string{"udp", "tcp"} {
			got := ask(t, n, network, test.asked)
			if got.Rcode != test.rcode || len(got.Answer)+len(got.Ns) > 0 || n.Asked(name) {
				t.Errorf("%s, by %s: %v", what, network, got)
			}
		}
	}
}

// TestAnswersAreNoLongerThanQuestions holds that nobody is sent much by way of this server who did not ask.
func TestAnswersAreNoLongerThanQuestions(t *testing.T) {
	n := named(t, "127.0.0.1")
	const address = 2 + 2 + 2 + 4 + 2 + 4 // a record of type A whose name is a pointer: RFC 1035 §4.1.3 and §4.1.4
	name := n.Name()
	for _, asked := range []string{name, strings.Repeat("long-label.", 15) + name, "example.com"} {
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeTXT, dns.TypeMX, dns.TypeDNSKEY} {
			for _, extended := range []bool{false, true} {
				m := question(asked, kind)
				if extended {
					m.SetEdns0(4096, true)
				}
				packed, err := m.Pack()
				if err != nil {
					t.Fatal(err)
				}
				if got := send(t, n, "udp", packed, time.Second); len(got) == 0 || len(got) > len(packed)+address {
					t.Errorf("%s %s: %d bytes for %d", asked, dns.TypeToString[kind], len(got), len(packed))
				}
			}
		}
	}
}

func TestNoMoreIsAnsweredThanASecondIsFor(t *testing.T) {
	n := named(t, "127.0.0.1")
	const asked, atOnce, perSecond = 400, 200, 200
	m := question(n.Name(), dns.TypeA)
	for _, network := range []string{"udp", "tcp"} {
		started := time.Now()
		for range asked {
			ask(t, n, network, m)
		}
		if took, least := time.Since(started), (asked-atOnce)*time.Second/perSecond*9/10; took < least {
			t.Errorf("%d questions by %s took %s, and not %s", asked, network, took, least)
		}
	}
}

func TestWhereTheUsualPortIsTakenTheOwnOneIsLeft(t *testing.T) {
	taken := named(t, "127.0.0.1")
	n, err := listener.ListenNames(netip.MustParseAddr("127.0.0.1"), 0, taken.Port())
	if err != nil || n.Usual() {
		t.Fatalf("the usual port is taken: %v", err)
	}
	t.Cleanup(func() { _ = n.Close() })
	name := n.Name()
	if ask(t, n, "udp", question(name, dns.TypeA)); !n.Asked(name) {
		t.Error("nothing is heard at the other port")
	}
	if n, err := listener.ListenNames(netip.MustParseAddr("127.0.0.1"), taken.Port(), 0); err == nil {
		_ = n.Close()
		t.Error("a port that is taken is heard at")
	}
}

func TestWhoIsClosedAnswersNothing(t *testing.T) {
	n := named(t, "127.0.0.1")
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"udp", "tcp"} {
		if got, _, err := (&dns.Client{Net: network, Timeout: 200 * time.Millisecond}).ExchangeContext(t.Context(), question(n.Name(), dns.TypeA), at(n)); err == nil {
			t.Errorf("by %s: %v", network, got)
		}
	}
}

func TestNamesOverIPv6(t *testing.T) {
	n, err := listener.ListenNames(netip.IPv6Loopback(), 0, 0)
	if err != nil {
		t.Skipf("NO IPv6 HERE, so that names are not tested over it: %v", err)
	}
	t.Cleanup(func() { _ = n.Close() })
	name := n.Name()
	got := ask(t, n, "udp", question(name, dns.TypeAAAA))
	if len(got.Answer) != 1 || !strings.HasSuffix(got.Answer[0].String(), "\t::1") || !n.Asked(name) {
		t.Errorf("%v", got)
	}
}

// FuzzNames sends whatever there is, by UDP and TCP, and sees that the server is still there, and heard nothing.
func FuzzNames(f *testing.F) {
	n := named(f, "127.0.0.1")
	secret, alive := n.Name(), n.Name()
	for _, m := range []*dns.Msg{
		question(n.Name(), dns.TypeA), question("example.com", dns.TypeANY).SetEdns0(4096, true), new(dns.Msg).SetUpdate("example."),
		new(dns.Msg).SetReply(question("example.com", dns.TypeA)), new(dns.Msg).SetAxfr("example."), new(dns.Msg).SetNotify("example."),
	} {
		packed, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
		f.Add(packed[:len(packed)-3])
	}
	f.Add([]byte{})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(append([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12}, 0, 1, 0, 1))     // a name that points at itself
	f.Add(append([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63}, make([]byte, 500)...)) // a label and no end
	f.Add(append([]byte{0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, make([]byte, 60<<10)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, network := range []string{"udp", "tcp"} {
			if got := send(t, n, network, data, 5*time.Millisecond); len(got) > len(data)+64 {
				t.Errorf("by %s, %d bytes for %d", network, len(got), len(data))
			}
		}
		if n.Asked(secret) {
			t.Error("a name was heard that nobody asked for")
		}
		if ask(t, n, "udp", question(alive, dns.TypeA)); !n.Asked(alive) {
			t.Error("the server hears no more")
		}
	})
}

// send writes some bytes, and gives what comes back: by UDP in one packet, and by TCP, with the length in front, until nothing comes any more.
func send(t *testing.T, n *listener.Names, network string, data []byte, patience time.Duration) []byte {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), network, at(n))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if network == "tcp" {
		data = append([]byte{byte(len(data) >> 8), byte(len(data))}, data...)
	}
	if _, err := conn.Write(data); err != nil && network == "tcp" { // of UDP, the kernel refuses what is too long
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, 64<<10)
	if network == "udp" {
		length, _ := conn.Read(back) // nothing may come
		return back[:length]
	}
	length, _ := io.ReadFull(conn, back)
	return back[:length]
}
