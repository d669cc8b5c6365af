// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// byParser marks what url.Parse itself refuses: no URL comes of it.
const byParser = "the parser"

// tricks are ways to write a URL that leads elsewhere than it seems, and the reason why it doesn't get there.
var tricks = []struct{ raw, reason string }{
	// The addresses themselves.
	{"http://127.0.0.1/", "a loopback address"},
	{"http://127.0.0.1:8080/", "a loopback address"},
	{"http://127.1.2.3/", "a loopback address"},
	{"http://127.0.0.1./", "a loopback address"},
	{"http://0.0.0.0/", "the unspecified address"},
	{"http://10.0.0.1/", "a private address"},
	{"http://172.16.0.1/", "a private address"},
	{"http://192.168.0.1/", "a private address"},
	{"http://100.64.0.1/", "a shared address"},
	{"http://169.254.169.254/latest/meta-data/", "a cloud's metadata service"},
	{"http://169.254.170.2/v2/credentials", "a link-local address"},
	{"http://100.100.100.200/", "a cloud's metadata service"},
	{"http://168.63.129.16/", "a cloud's metadata service"},
	{"http://192.0.0.192/", "a cloud's metadata service"},
	{"http://198.18.0.1/", "an address for benchmarks"},
	{"http://192.0.2.1/", "an address for documentation"},
	{"http://224.0.0.1/", "a multicast address"},
	{"http://255.255.255.255/", "the broadcast address"},
	{"http://240.0.0.1/", "a reserved address"},
	{"http://[::]/", "the unspecified address"},
	{"http://[::1]/", "a loopback address"},
	{"http://[0:0:0:0:0:0:0:1]/", "a loopback address"},
	{"http://[0000::1]:80/", "a loopback address"},
	{"http://[fe80::1]/", "a link-local address"},
	{"http://[fc00::1]/", "a private address"},
	{"http://[FD00:EC2::254]/", "a cloud's metadata service"},
	{"http://[fec0::1]/", "a site-local address"},
	{"http://[ff02::1]/", "a multicast address"},
	{"http://[100::1]/", "a discard-only address"},

	// IPv4 in IPv6.
	{"http://[::ffff:127.0.0.1]/", "an IPv6 spelling"},
	{"http://[::ffff:7f00:1]/", "an IPv6 spelling"},
	{"http://[0:0:0:0:0:ffff:169.254.169.254]/", "an IPv6 spelling"},
	{"http://[::ffff:8.8.8.8]/", "an IPv6 spelling"},
	{"http://[::127.0.0.1]/", "an IPv4-compatible address"},
	{"http://[::ffff:0:127.0.0.1]/", "an IPv4-translated address"},
	{"http://[64:ff9b::169.254.169.254]/", "a NAT64 spelling of a cloud's metadata service"},
	{"http://[64:ff9b::a00:1]/", "a NAT64 spelling of a private address"},
	{"http://[64:ff9b:1::a9fe:a9fe]/", "a local NAT64 address"},
	{"http://[2002:7f00:1::]/", "a 6to4 address"},
	{"http://[2001:0:a9fe:a9fe::]/", "a Teredo address"},
	{"http://[2606:4700::5efe:10.0.0.1]/", "an ISATAP address"},

	// Numbers that inet_aton reads as an address.
	{"http://2130706433/", "ends in a number"},
	{"http://2852039166/latest/meta-data/", "ends in a number"},
	{"http://0x7f000001/", "ends in a number"},
	{"http://0X7F000001/", "ends in a number"},
	{"http://0xA9FEA9FE/", "ends in a number"},
	{"http://017700000001/", "ends in a number"},
	{"http://0177.0.0.1/", "ends in a number"},
	{"http://0000177.0.0.1/", "ends in a number"},
	{"http://0x7f.0.0.1/", "ends in a number"},
	{"http://0x7f.1/", "ends in a number"},
	{"http://127.1/", "ends in a number"},
	{"http://127.0.1/", "ends in a number"},
	{"http://0/", "ends in a number"},
	{"http://127.0x0.0.01/", "ends in a number"},
	{"http://010.0.0.1/", "ends in a number"},
	{"http://127.000.000.001/", "ends in a number"},
	{"http://425.510.425.510/", "ends in a number"},
	{"http://4294967296/", "ends in a number"},
	{"http://127.0.0.1.1/", "ends in a number"},
	{"http://1.1.1.0x/", "ends in a number"},
	{"http://2130706433./", "ends in a number"},
	{"http://app.example.0x7f000001/", "ends in a number"},
	{"http://127.0.0.1../", "not a host name"},

	// Characters that become others.
	{"http://①②⑦.⓪.⓪.①/", "characters that no host name has"},
	{"http://①②⑦.0.0.1/", "characters that no host name has"},
	{"http://１２７.０.０.１/", "characters that no host name has"},
	{"http://127。0。0。1/", "characters that no host name has"},
	{"http://127.0.0.1\u200b/", "characters that no host name has"},
	{"http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "characters that no host name has"},
	{"http://app.example\u00ad/", "characters that no host name has"},
	{"http://%E2%91%A0.0.0.1/", "characters that no host name has"},
	{"http://%31%32%37.0.0.1/", byParser},
	{"http://127%2e0%2e0%2e1/", byParser},
	{"http://app.example%00.evil.example/", byParser},
	{"http://app.example%2f@evil.example/", "user or password"},

	// Who is the host?
	{"http://app.example@evil.example/", "user or password"},
	{"http://app.example:80@127.0.0.1/", "user or password"},
	{"http://@127.0.0.1/", "user or password"},
	{"http://a@b@127.0.0.1/", "user or password"},
	{"http://user:secret@app.example/", "user or password"},
	{`http://app.example\@evil.example/`, byParser},
	{`http://127.0.0.1\.app.example/`, byParser},
	{`http:\\127.0.0.1/`, "no // after its scheme"},
	{"http://[::1%25eth0]/", "a zone"},
	{"http://[fe80::1%25lo]/", "a zone"},
	{"http://[::1%eth0]/", byParser},
	{"http://[app.example]/", byParser},
	{"http://[127.0.0.1]/", byParser},
	{"http://::1/", byParser},
	{"http://[v1.127.0.0.1]/", byParser},
	{"http://app.example:/", "more than one way"},
	{"http://app.example:80:81/", byParser},
	{"http://app.example:0/", "port is not a number"},
	{"http://app.example:65616/", "port is not a number"},
	{"http://app.example:http/", byParser},
	{"http://app.example:+80/", byParser},
	{"http:///127.0.0.1/", "names no host"},
	{"http://:80/", "names no host"},
	{"http://./", "not a host name"},
	{"http://app..example/", "not a host name"},
	{"http://-app.example/", "not a host name"},
	{"http://app_1.example/", "not a host name"},
	{"http://*.example/", "not a host name"},
	{"http://app.example;127.0.0.1.evil/", "not a host name"},
	{"http://app.example,evil/", "not a host name"},
	{"http:// 127.0.0.1/", byParser},
	{"http://127.0.0.1\t/", byParser},
	{"http://app.example\r\nHost: evil.example/", byParser},

	// Other schemes.
	{"//127.0.0.1/", "neither http nor https"},
	{"127.0.0.1", "neither http nor https"},
	{"/admin", "neither http nor https"},
	{"http:127.0.0.1", "no // after its scheme"},
	{"file:///etc/passwd", "neither http nor https"},
	{"gopher://127.0.0.1:6379/_INFO", "neither http nor https"},
	{"dict://127.0.0.1:11211/stat", "neither http nor https"},
	{"ftp://127.0.0.1/", "neither http nor https"},
	{"jar:http://127.0.0.1!/", "neither http nor https"},
	{"unix:///var/run/docker.sock", "neither http nor https"},
	{"javascript:alert(1)", "neither http nor https"},
	{"data:text/plain,x", "neither http nor https"},
	{"h2c://127.0.0.1/", "neither http nor https"},

	// Names of our own network.
	{"http://localhost/", "our own network only"},
	{"http://LOCALHOST./", "our own network only"},
	{"http://app.localhost/", "our own network only"},
	{"http://kubernetes/", "our own network only"},
	{"http://kubernetes.default.svc/", "our own network only"},
	{"http://kubernetes.default.svc.cluster.local/", "our own network only"},
	{"http://metadata.google.internal/", "our own network only"},
	{"http://printer.home.arpa/", "our own network only"},
}

// With Public every host may be meant that isn't forbidden, so that is where a trick has to show.
func TestTricksAreRefused(t *testing.T) {
	wide := newGuard(t, Options{Public: true})
	narrow := newGuard(t, Options{Hosts: []string{"app.example"}})
	for _, tt := range tricks {
		t.Run(tt.raw, func(t *testing.T) {
			u, err := url.Parse(tt.raw)
			if err != nil || tt.reason == byParser {
				if err == nil || tt.reason != byParser {
					t.Fatalf("url.Parse: got %v, want refused by %s", err, tt.reason)
				}
				return
			}
			wantRefused(t, narrow.CheckURL(u))
			refused := refusal(t, wide.CheckURL(u))
			if !strings.Contains(refused.Reason, tt.reason) {
				t.Errorf("got %q, want it to say %q", refused, tt.reason)
			}
		})
	}
}

// A URL need not come from a parser, and a parser need not be as strict as ours.
func TestURLsThatNoParserMadeAreRefused(t *testing.T) {
	tests := map[string]*url.URL{
		"none":                 nil,
		"empty":                {},
		"no host":              {Scheme: "http"},
		"upper-case scheme":    {Scheme: "HTTP", Host: "app.example"},
		"opaque":               {Scheme: "http", Opaque: "//127.0.0.1/", Host: "app.example"},
		"userinfo":             {Scheme: "http", User: url.User(""), Host: "app.example"},
		"at sign":              {Scheme: "http", Host: "app.example@evil.example"},
		"at sign after a port": {Scheme: "http", Host: "app.example:80@evil.example"},
		"slash":                {Scheme: "http", Host: "evil.example/app.example"},
		"backslash":            {Scheme: "http", Host: `evil.example\.app.example`},
		"question mark":        {Scheme: "http", Host: "evil.example?.app.example"},
		"fragment":             {Scheme: "http", Host: "evil.example#.app.example"},
		"percent":              {Scheme: "http", Host: "%31%32%37.0.0.1"},
		"space":                {Scheme: "http", Host: "app.example evil"},
		"newline":              {Scheme: "http", Host: "app.example\r\nX-Evil: 1"},
		"nul":                  {Scheme: "http", Host: "app.example\x00.evil.example"},
		"broken UTF-8":         {Scheme: "http", Host: "app.example\xff"},
		"bare IPv6":            {Scheme: "http", Host: "2606:4700:4700::1111"},
		"bare IPv6 and port":   {Scheme: "http", Host: "2606:4700:4700::1111:443"},
		"name in brackets":     {Scheme: "http", Host: "[app.example]"},
		"IPv4 in brackets":     {Scheme: "http", Host: "[1.1.1.1]"},
		"text after brackets":  {Scheme: "http", Host: "[2606:4700:4700::1111]evil"},
		"text before brackets": {Scheme: "http", Host: "evil[2606:4700:4700::1111]"},
		"unclosed bracket":     {Scheme: "http", Host: "[2606:4700:4700::1111"},
		"two ports":            {Scheme: "http", Host: "app.example:80:443"},
		"port of a service":    {Scheme: "http", Host: "app.example:http"},
		"port below zero":      {Scheme: "http", Host: "app.example:-80"},
		"port beyond the last": {Scheme: "http", Host: "app.example:65536"},
		"label too long":       {Scheme: "http", Host: strings.Repeat("a", 64) + ".example"},
		"name too long":        {Scheme: "http", Host: strings.Repeat("a.", 124) + "example"},
	}
	g := newGuard(t, Options{Public: true, Hosts: []string{"app.example"}})
	for name, u := range tests {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, g.CheckURL(u))
		})
	}
}

func TestURLsOfTheTargetPass(t *testing.T) {
	g := newGuard(t, Options{
		Hosts: []string{
			"app.example", "api.app.example:8443", "xn--bcher-kva.example", "chat.shop.svc.cluster.local:8080",
			"1.1.1.1", "[2606:4700:4700::1111]:443",
		},
		Proven: []netip.AddrPort{netip.MustParseAddrPort("10.1.2.3:9000"), netip.MustParseAddrPort("[fd00::5]:9000")},
	})
	for _, raw := range []string{
		"http://app.example", "https://app.example/", "https://app.example:443/x?y#z", "http://APP.example./",
		"https://app.example:80/", `https://app.example/\evil.example`, "https://app.example/@evil.example",
		"https://app.example#@evil.example/", "https://app.example?@evil.example/",
		"https://app.example/?u=http://127.0.0.1/", "https://api.app.example:8443/", "https://xn--bcher-kva.example/",
		"http://chat.shop.svc.cluster.local:8080/", "http://1.1.1.1/", "https://[2606:4700:4700::1111]/",
		"https://[2606:4700:4700:0::1111]:443/",
		// The address behind the name decides.
		"http://app.example:9000/",
		"http://10.1.2.3:9000/", "http://[FD00:0::5]:9000/",
	} {
		if err := g.CheckURL(mustParse(t, raw)); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestURLsOfOthersAreRefused(t *testing.T) {
	g := newGuard(t, Options{
		Hosts:  []string{"app.example", "api.app.example:8443", "1.1.1.1"},
		Proven: []netip.AddrPort{netip.MustParseAddrPort("10.1.2.3:9000")},
	})
	for _, raw := range []string{
		"http://evil.example/", "http://app.example.evil.example/", "http://www.app.example/", "http://example/",
		"http://xapp.example/", "http://app.example:22/", "https://app.example:8443/", "https://api.app.example/",
		"http://8.8.8.8/", "http://1.1.1.1:9000/", "http://10.1.2.3/", "http://10.1.2.3:9001/", "http://10.1.2.4:9000/",
		"http://evil.example:9000/", "http://localhost/",
	} {
		t.Run(raw, func(t *testing.T) {
			wantRefused(t, g.CheckURL(mustParse(t, raw)))
		})
	}
}

func TestNothingIsReachedWithoutOptions(t *testing.T) {
	g := newGuard(t, Options{})
	for _, raw := range []string{"https://app.example/", "https://1.1.1.1/", "http://127.0.0.1/"} {
		wantRefused(t, g.CheckURL(mustParse(t, raw)))
		_, err := g.DialContext(t.Context(), "tcp", net.JoinHostPort(mustParse(t, raw).Hostname(), "443"))
		wantRefused(t, err)
	}
}

func TestOptionsThatCannotBeMeantAreErrors(t *testing.T) {
	tests := map[string]Options{
		"host with a scheme":      {Hosts: []string{"https://app.example"}},
		"host with a path":        {Hosts: []string{"app.example/x"}},
		"wildcard":                {Hosts: []string{"*.example"}},
		"international name":      {Hosts: []string{"bücher.example"}},
		"short address":           {Hosts: []string{"127.1"}},
		"port of a service":       {Hosts: []string{"app.example:https"}},
		"port 0":                  {Hosts: []string{"app.example:0"}},
		"no host":                 {Hosts: []string{""}},
		"proven nothing":          {Proven: []netip.AddrPort{{}}},
		"proven without a port":   {Proven: []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), 0)}},
		"proven with a zone":      {Proven: []netip.AddrPort{netip.MustParseAddrPort("[fd00::1%eth0]:80")}},
		"proven metadata":         {Proven: []netip.AddrPort{netip.MustParseAddrPort("169.254.169.254:80")}},
		"proven metadata, mapped": {Proven: []netip.AddrPort{netip.MustParseAddrPort("[::ffff:169.254.169.254]:80")}},
		"proven metadata, IPv6":   {Proven: []netip.AddrPort{netip.MustParseAddrPort("[fd00:ec2::254]:80")}},
		"proven metadata, NAT64":  {Proven: []netip.AddrPort{netip.MustParseAddrPort("[64:ff9b::a9fe:a9fe]:80")}},
		"proven Azure":            {Proven: []netip.AddrPort{netip.MustParseAddrPort("168.63.129.16:80")}},
		"proven link-local":       {Proven: []netip.AddrPort{netip.MustParseAddrPort("[fe80::1]:80")}},
		"proven unspecified":      {Proven: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:80")}},
		"proven multicast":        {Proven: []netip.AddrPort{netip.MustParseAddrPort("224.0.0.1:80")}},
		"no prefix":               {ClusterPrefixes: []netip.Prefix{{}}},
		"mapped prefix":           {ClusterPrefixes: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("::ffff:10.0.0.0"), 104)}},
	}
	for name, o := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := New(o); err == nil {
				t.Error("got a guard, want an error")
			}
		})
	}
}

func TestErrorsHoldNoForeignTextAsItCame(t *testing.T) {
	tests := map[string]struct{ host, want string }{
		"escape sequence": {"evil\x1b[2J", `evil\u{1B}[2J`},
		"right to left":   {"evil\u202egpj", `evil\u{202E}gpj`},
		"line break":      {"evil\nPass", `evil\u{A}Pass`},
		"look-alike":      {"аpp.example", `\u{430}pp.example`},
		"broken UTF-8":    {"evil\xff", `evil\u{FFFD}`},
		"too long":        {strings.Repeat("x", 500), strings.Repeat("x", 197) + "..."},
		"cut at a border": {strings.Repeat("x", 195) + "\n\n", strings.Repeat("x", 195) + "..."},
		"nothing":         {"", "(no host)"},
	}
	g := newGuard(t, Options{Hosts: []string{"app.example"}})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			refused := refusal(t, g.CheckURL(&url.URL{Scheme: "https", Host: tt.host}))
			if refused.Host != tt.want {
				t.Errorf("got %q, want %q", refused.Host, tt.want)
			}
			if !strings.HasPrefix(refused.Error(), "refused to reach "+tt.want+": ") {
				t.Errorf("the error is %q", refused)
			}
		})
	}
}
