// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func addrPorts(addrs ...string) []netip.AddrPort {
	var all []netip.AddrPort
	for _, a := range addrs {
		all = append(all, netip.MustParseAddrPort(a))
	}
	return all
}

func TestTheProvenAddressIsReached(t *testing.T) {
	app := newServer(t, nil)
	g := newGuard(t, Options{
		Hosts:    []string{"app.example"},
		Proven:   []netip.AddrPort{app.addr},
		Resolver: always(map[string][]string{"app.example": {"127.0.0.1"}}),
	})
	client := newClient(t, g)
	for _, target := range []string{app.URL + "/by-address", "http://app.example:" + app.port + "/by-name"} {
		if status, err := get(t.Context(), client, target); err != nil || status != http.StatusOK {
			t.Errorf("%s: got %d, %v", target, status, err)
		}
	}
	if diff := cmp.Diff([]string{"GET /by-address", "GET /by-name"}, app.seen()); diff != "" {
		t.Errorf("what the app saw (-want +got):\n%s", diff)
	}
}

// The same server, found in every other way: it is never reached.
func TestAnAddressThatIsNotProvenIsNotReached(t *testing.T) {
	app, other := newServer(t, nil), newServer(t, nil)
	g := newGuard(t, Options{
		Hosts:  []string{"app.example", "app.example:" + other.port},
		Proven: []netip.AddrPort{app.addr},
		Resolver: always(map[string][]string{
			"app.example": {"127.0.0.1"}, "evil.example": {"127.0.0.1"}, "localhost": {"127.0.0.1"},
		}),
	})
	client := newClient(t, g)
	for name, target := range map[string]string{
		"another port, by address":   other.URL,
		"another port, by name":      "http://app.example:" + other.port,
		"a name that is not its own": "http://evil.example:" + app.port,
		"localhost":                  "http://localhost:" + app.port,
		"another loopback address":   "http://127.0.0.2:" + app.port,
		"mapped":                     "http://[::ffff:127.0.0.1]:" + app.port,
		"short":                      "http://127.1:" + app.port,
		// net/http makes 127.0.0.1 of it before it dials.
		"circled digits": "http://①②⑦.0.0.1:" + other.port,
		"unspecified":    "http://0.0.0.0:" + app.port,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := get(t.Context(), client, target)
			wantRefused(t, err)
		})
	}
	if diff := cmp.Diff([]string(nil), append(app.seen(), other.seen()...)); diff != "" {
		t.Errorf("what was reached (-want +got):\n%s", diff)
	}
}

func TestLookupJudgesEveryAnswer(t *testing.T) {
	names := map[string][]string{
		"app.example":      {"1.1.1.1", "2606:4700:4700::1111"},
		"mapped.example":   {"::ffff:1.1.1.1"},
		"proven.example":   {"10.1.2.3"},
		"both.example":     {"1.1.1.1", "10.1.2.3"},
		"mixed.example":    {"1.1.1.1", "10.0.0.9"},
		"mixed6.example":   {"fd00::9", "1.1.1.1"},
		"zoned.example":    {"fe80::1%eth0"},
		"metadata.example": {"169.254.169.254"},
		"hidden.example":   {"64:ff9b::a9fe:a9fe"},
		"dns64.example":    {"64:ff9b::1.1.1.1"},
		"cluster.example":  {"44.0.0.5"},
		"inside.example":   {"64:ff9b::44.0.0.5"},
		"own.example":      {"44.0.0.7"},
		"broken.example":   {"2606:4700:4700::1111", "::ffff:127.0.0.1"},
		"none.example":     {},
	}
	z := always(names)
	z.aliases = map[string]string{
		"alias.example":    "app.example",
		"internal.example": "first.example", "first.example": "redis.shop.svc.cluster.local",
	}
	z.answers["redis.shop.svc.cluster.local"] = [][]string{{"10.96.0.7"}}
	o := Options{
		Hosts:           []string{"app.example", "app.example:8443", "alias.example", "internal.example"},
		Proven:          addrPorts("10.1.2.3:80", "10.1.2.3:9000", "[::ffff:44.0.0.7]:80"),
		ClusterPrefixes: []netip.Prefix{netip.MustParsePrefix("44.0.0.1/24")},
		Resolver:        z,
	}
	for name := range names {
		o.Hosts = append(o.Hosts, name)
	}
	g := newGuard(t, o)
	tests := []struct {
		address string
		want    []netip.AddrPort
		refused string // the reason, or that of an error
	}{
		{address: "app.example:443", want: addrPorts("1.1.1.1:443", "[2606:4700:4700::1111]:443")},
		{address: "APP.example.:80", want: addrPorts("1.1.1.1:80", "[2606:4700:4700::1111]:80")},
		{address: "app.example:8443", want: addrPorts("1.1.1.1:8443", "[2606:4700:4700::1111]:8443")},
		{address: "app.example:22", refused: "its port"},
		// A proven address has this port, a public one doesn't.
		{address: "app.example:9000", refused: "its port"},
		{address: "mapped.example:80", want: addrPorts("1.1.1.1:80")},
		{address: "proven.example:9000", want: addrPorts("10.1.2.3:9000")},
		{address: "proven.example:443", refused: "a private address"},
		{address: "both.example:80", want: addrPorts("1.1.1.1:80", "10.1.2.3:80")},
		{address: "both.example:443", refused: "a private address"},
		{address: "mixed.example:80", refused: "a private address"},
		{address: "mixed6.example:80", refused: "a private address"},
		{address: "zoned.example:80", refused: "own links"},
		{address: "metadata.example:80", refused: "a cloud's metadata service"},
		{address: "hidden.example:80", refused: "a NAT64 spelling of a cloud's metadata service"},
		{address: "dns64.example:80", want: addrPorts("[64:ff9b::1.1.1.1]:80")},
		{address: "cluster.example:80", refused: "the cluster's own 44.0.0.0/24"},
		{address: "inside.example:80", refused: "the cluster's own 44.0.0.0/24"},
		{address: "own.example:80", want: addrPorts("44.0.0.7:80")},
		{address: "own.example:443", refused: "the cluster's own 44.0.0.0/24"},
		{address: "broken.example:80", refused: "a loopback address"},
		{address: "alias.example:80", want: addrPorts("1.1.1.1:80", "[2606:4700:4700::1111]:80")},
		{address: "internal.example:80", refused: "a private address"},
		{address: "none.example:80", refused: "has no address"},
		{address: "evil.example:80", refused: "not a host of the target"},
		{address: "10.1.2.3:9000", want: addrPorts("10.1.2.3:9000")},
		{address: "10.1.2.3:9001", refused: "a private address"},
		{address: "44.0.0.5:80", refused: "the cluster's own 44.0.0.0/24"},
		{address: "1.1.1.1:80", refused: "not a host of the target"},
	}
	for _, tt := range tests {
		t.Run(tt.address, func(t *testing.T) {
			got, err := g.Lookup(t.Context(), "tcp", tt.address)
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Errorf("addresses (-want +got):\n%s", diff)
			}
			if (err == nil) != (tt.refused == "") || (err != nil && !strings.Contains(err.Error(), tt.refused)) {
				t.Errorf("got error %v, want %q", err, tt.refused)
			}
		})
	}
}

func TestTheErrorIsTheSameInWhateverOrderAnswersCome(t *testing.T) {
	g := newGuard(t, Options{Hosts: []string{"app.example"}, Resolver: &zone{answers: map[string][][]string{
		"app.example": {{"10.0.0.9", "1.1.1.1", "10.0.0.1"}, {"1.1.1.1", "10.0.0.1", "10.0.0.9"}},
	}}})
	want := "refused to reach app.example:443 (10.0.0.1:443): it is a private address, and not proven to be the app's; " +
		"point the host at the app's Service or at public addresses only"
	for range 2 {
		_, err := g.Lookup(t.Context(), "tcp", "app.example:443")
		if diff := cmp.Diff(want, refusal(t, err).Error()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestOnlyTCPToAHostAndAPortIsDialled(t *testing.T) {
	z := always(map[string][]string{"app.example": {"1.1.1.1"}})
	g := newGuard(t, Options{Hosts: []string{"app.example"}, Public: true, Resolver: z})
	for _, tt := range []struct{ network, address string }{
		{"udp", "app.example:80"},
		{"unix", "/var/run/docker.sock"},
		{"ip", "1.1.1.1"},
		{"", "app.example:80"},
		{"TCP", "app.example:80"},
		{"tcp", ""},
		{"tcp", ":80"},
		{"tcp", "app.example"},
		{"tcp", "app.example:"},
		{"tcp", "app.example:http"},
		{"tcp", "app.example:0"},
		{"tcp", "app.example:080x"},
		{"tcp", "app.example:65616"},
		{"tcp", "app.example:80:80"},
		{"tcp", "[::1%lo]:80"},
		{"tcp", "[::ffff:1.1.1.1]:80"},
		{"tcp", "0x7f000001:80"},
		{"tcp", "127.1:80"},
		{"tcp", "①.1.1.1:80"},
		{"tcp", "app.example\x00:80"},
		{"tcp", "localhost:80"},
	} {
		t.Run(tt.network+" "+tt.address, func(t *testing.T) {
			conn, err := g.DialContext(t.Context(), tt.network, tt.address)
			wantRefused(t, err)
			if conn != nil {
				t.Error("got a connection as well")
			}
		})
	}
	if asked := z.questions(); len(asked) > 0 {
		t.Errorf("the resolver was asked %q", asked)
	}
}

func TestEachDialAsksTheResolverOnce(t *testing.T) {
	for _, tt := range []struct{ network, want string }{
		{"tcp", "ip app.example"}, {"tcp4", "ip4 app.example"},
	} {
		t.Run(tt.network, func(t *testing.T) {
			app, internal := newServer(t, nil), newServer(t, nil)
			z := &zone{answers: map[string][][]string{"app.example": {{"127.0.0.1"}, {"127.0.0.2"}}}}
			g := newGuard(t, Options{Hosts: []string{"app.example"}, Proven: []netip.AddrPort{app.addr}, Resolver: z})

			conn, err := g.DialContext(t.Context(), tt.network, "app.example:"+app.port)
			if err != nil {
				t.Fatal(err)
			}
			closeAtEnd(t, conn)
			if got := conn.RemoteAddr().String(); got != app.addr.String() {
				t.Errorf("connected to %s, want %s", got, app.addr)
			}
			if diff := cmp.Diff([]string{tt.want}, z.questions()); diff != "" {
				t.Errorf("questions (-want +got):\n%s", diff)
			}
			if len(internal.seen()) > 0 {
				t.Error("something else was reached")
			}
		})
	}
}

// The name leads to the app when it is looked at, and elsewhere when the next connection is made.
func TestRebindingIsRefused(t *testing.T) {
	for name, second := range map[string][]string{
		"to metadata":              {"169.254.169.254"},
		"to another loopback":      {"127.0.0.2"},
		"to IPv6 loopback":         {"::1"},
		"the good one stays first": {"127.0.0.1", "127.0.0.2"},
		"the good one stays last":  {"10.0.0.1", "127.0.0.1"},
		"to the cluster":           {"10.96.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			app := newServer(t, nil)
			z := &zone{answers: map[string][][]string{"app.example": {{"127.0.0.1"}, second}}}
			g := newGuard(t, Options{Hosts: []string{"app.example"}, Proven: []netip.AddrPort{app.addr}, Resolver: z})
			transport := g.Transport()
			// Every request makes a connection, and so a lookup.
			transport.DisableKeepAlives = true
			client := &http.Client{Transport: transport}
			target := "http://app.example:" + app.port

			if _, err := get(t.Context(), client, target+"/first"); err != nil {
				t.Fatal(err)
			}
			_, err := get(t.Context(), client, target+"/second")
			refused := refusal(t, err)
			if !refused.Addr.IsValid() {
				t.Errorf("the refused address is missing from %v", refused)
			}
			if diff := cmp.Diff([]string{"GET /first"}, app.seen()); diff != "" {
				t.Errorf("what the app saw (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"ip app.example", "ip app.example"}, z.questions()); diff != "" {
				t.Errorf("questions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheNextAddressIsTriedWhenOneDoesNotAnswer(t *testing.T) {
	app := newServer(t, nil)
	// Nobody listens at this port of the other address.
	silent := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), app.addr.Port())
	g := newGuard(t, Options{
		Hosts:    []string{"app.example"},
		Proven:   []netip.AddrPort{app.addr, silent},
		Resolver: always(map[string][]string{"app.example": {"127.0.0.2", "127.0.0.1"}}),
	})
	conn, err := g.DialContext(t.Context(), "tcp", "app.example:"+app.port)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, conn)
	if got := conn.RemoteAddr().String(); got != app.addr.String() {
		t.Errorf("connected to %s, want %s", got, app.addr)
	}
	if _, err := g.DialContext(t.Context(), "tcp", silent.String()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want that the connection was refused", err)
	}
}

func TestADialerIsGoodForOneAddress(t *testing.T) {
	app, other := newServer(t, nil), newServer(t, nil)
	conn, err := dialer(app.addr).DialContext(t.Context(), "tcp", app.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, conn)
	_, err = dialer(app.addr).DialContext(t.Context(), "tcp", other.addr.String())
	wantRefused(t, err)
}

// The last look, at the socket itself: nothing before it should ever let one of these come so far.
func TestASocketForAnotherAddressIsRefused(t *testing.T) {
	judged := netip.MustParseAddrPort("127.0.0.1:8080")
	for _, tt := range []struct {
		network, address string
		ok               bool
	}{
		{"tcp4", "127.0.0.1:8080", true},
		{"tcp6", "[::ffff:127.0.0.1]:8080", true},
		{"tcp4", "127.0.0.1:8081", false},
		{"tcp4", "127.0.0.2:8080", false},
		{"tcp6", "[::1]:8080", false},
		{"udp4", "127.0.0.1:8080", false},
		{"unix", "/var/run/docker.sock", false},
		{"tcp4", "app.example:8080", false},
	} {
		t.Run(tt.network+" "+tt.address, func(t *testing.T) {
			err := only(judged)(t.Context(), tt.network, tt.address, nil)
			if tt.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefused(t, err)
		})
	}
}

func TestPublicNamesAreLookedUpAsTheyAre(t *testing.T) {
	z := always(map[string][]string{"cdn.example.": {"1.1.1.1"}, "trap.example.": {"1.1.1.1", "127.0.0.1"}})
	g := newGuard(t, Options{Public: true, Resolver: z})
	for _, tt := range []struct {
		address string
		want    []netip.AddrPort
	}{
		{"cdn.example:443", addrPorts("1.1.1.1:443")},
		{"cdn.example:8443", nil},
		{"trap.example:443", nil},
		{"8.8.8.8:443", addrPorts("8.8.8.8:443")},
		{"8.8.8.8:53", nil},
		{"[64:ff9b::7f00:1]:443", nil},
	} {
		got, err := g.Lookup(t.Context(), "tcp", tt.address)
		if tt.want == nil {
			wantRefused(t, err)
			continue
		}
		if err != nil || len(got) != 1 || got[0] != tt.want[0] {
			t.Errorf("%s: got %v, %v, want %v", tt.address, got, err, tt.want)
		}
	}
	if diff := cmp.Diff([]string{"ip cdn.example.", "ip trap.example."}, z.questions()); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
}

// TestMain has set proxies for everything. Go's own rule would spare loopback addresses, so the app goes by a name.
func TestProxiesOfTheEnvironmentAreIgnored(t *testing.T) {
	target := mustParse(t, "http://app.example/")
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: target}); err != nil || proxy == nil {
		t.Fatalf("the control: the environment's proxy is %v, %v", proxy, err)
	}
	app := newServer(t, nil)
	g := newGuard(t, Options{
		Hosts:    []string{"app.example"},
		Proven:   []netip.AddrPort{app.addr},
		Resolver: always(map[string][]string{"app.example": {"127.0.0.1"}}),
	})
	target.Host = net.JoinHostPort("app.example", app.port)
	if status, err := get(t.Context(), newClient(t, g), target.String()); err != nil || status != http.StatusOK {
		t.Errorf("got %d, %v", status, err)
	}
}

// A transport takes https connections past DialContext where it has a dialer for them.
func TestHTTPSIsGuardedToo(t *testing.T) {
	app, other := newTLSServer(t, nil), newTLSServer(t, nil)
	g := newGuard(t, Options{
		Hosts:    []string{"example.com"},
		Proven:   []netip.AddrPort{app.addr},
		Resolver: always(map[string][]string{"example.com": {"127.0.0.1"}}),
	})
	client := trusting(t, g, app)
	if status, err := get(t.Context(), client, "https://example.com:"+app.port); err != nil || status != http.StatusOK {
		t.Errorf("the app: got %d, %v", status, err)
	}
	for _, target := range []string{"https://example.com:" + other.port, other.URL} {
		_, err := get(t.Context(), client, target)
		wantRefused(t, err)
	}
	if hits := other.seen(); len(hits) > 0 {
		t.Errorf("the other server saw %q", hits)
	}
}

// trusting is a client that takes a test server's certificate, which is for example.com.
func trusting(t testing.TB, g *Guard, s *server) *http.Client {
	t.Helper()
	client := newClient(t, g)
	theirs, ok := s.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("the test server's client has another transport")
	}
	ours, ok := client.Transport.(*http.Transport)
	if !ok {
		t.Fatal("our client has another transport")
	}
	ours.TLSClientConfig = theirs.TLSClientConfig
	return client
}

func TestARefusalIsFoundWithinTheClientsError(t *testing.T) {
	g := newGuard(t, Options{Hosts: []string{"app.example"}, Resolver: always(map[string][]string{"app.example": {"169.254.169.254"}})})
	_, err := get(t.Context(), newClient(t, g), "http://app.example/secret-path?token=x")
	want := &RefusedError{
		Host:   "app.example:80",
		Addr:   netip.MustParseAddrPort("169.254.169.254:80"),
		Reason: "it is a cloud's metadata service, and not proven to be the app's; point the host at the app's Service or at public addresses only",
	}
	if diff := cmp.Diff(want, refusal(t, err), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A login's hosts are reached on their own port, at public addresses: by a name of the cluster's, or on another port, nothing is.
func TestHostsOfALogin(t *testing.T) {
	z := &zone{answers: map[string][][]string{
		"idp.example.com": {{"93.184.215.14"}}, "inside.example.com": {{"10.0.0.7"}}, "both.example.com": {{"93.184.215.14", "10.0.0.7"}},
		"metadata.example.com": {{"169.254.169.254"}}, "app.example.com": {{"93.184.215.15"}},
	}}
	g, err := New(Options{Hosts: []string{"idp.example.com:443", "inside.example.com:443", "both.example.com:443", "metadata.example.com:443"}, Resolver: z})
	if err != nil {
		t.Fatal(err)
	}
	for address, ok := range map[string]bool{
		"idp.example.com:443": true, "idp.example.com:80": false, "idp.example.com:8443": false, "93.184.215.14:443": false,
		"inside.example.com:443": false, "both.example.com:443": false, "metadata.example.com:443": false, "app.example.com:443": false, "127.0.0.1:443": false,
	} {
		addrs, err := g.Lookup(t.Context(), "tcp", address)
		if (err == nil) != ok {
			t.Errorf("%s: %v, %v", address, addrs, err)
		}
	}
}
