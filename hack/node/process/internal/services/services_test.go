// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package services

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

func service(namespace, name, ip string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.ServiceSpec{ClusterIP: ip, Ports: ports}}
}

func port(name string, number int32, protocol corev1.Protocol) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: number, Protocol: protocol}
}

// slice has a ready endpoint for each address, and one that is not ready.
func slice(namespace, name, portName string, number int32, addrs ...string) *discoveryv1.EndpointSlice {
	no, yes := false, true
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		Ports:      []discoveryv1.EndpointPort{{Name: &portName, Port: &number}},
		Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.244.0.99"}, Conditions: discoveryv1.EndpointConditions{Ready: &no}}},
	}
	for _, addr := range addrs {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{addr}, Conditions: discoveryv1.EndpointConditions{Ready: &yes}})
	}
	return s
}

// newProxy follows objects that stay as they are.
func newProxy(t *testing.T, objects ...any) *Proxy {
	t.Helper()
	byNamespace := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	services, slices := cache.NewIndexer(cache.MetaNamespaceKeyFunc, byNamespace), cache.NewIndexer(cache.MetaNamespaceKeyFunc, byNamespace)
	for _, o := range objects {
		store := services
		if _, is := o.(*discoveryv1.EndpointSlice); is {
			store = slices
		}
		if err := store.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	return &Proxy{
		services: corelisters.NewServiceLister(services), slices: discoverylisters.NewEndpointSliceLister(slices), changed: make(chan struct{}, 1),
		targets: map[netip.AddrPort][]string{}, listeners: map[netip.AddrPort]net.Listener{},
	}
}

func TestProxyListensOnlyWhereSomebodyIsReady(t *testing.T) {
	p := newProxy(t,
		service("default", "kubernetes", "10.96.0.1", port("https", 443, corev1.ProtocolTCP)),
		service("shop", "chat", "10.96.0.2", port("", 80, corev1.ProtocolTCP), port("metrics", 9090, corev1.ProtocolTCP)),
		slice("shop", "chat", "", 8080, "10.244.0.3", "10.244.0.2"), slice("market", "chat", "", 8080, "10.244.0.4"),
		service("shop", "empty", "10.96.0.3", port("", 80, corev1.ProtocolTCP)), slice("shop", "empty", "", 8080),
		service("shop", "names", "10.96.0.4", port("", 53, corev1.ProtocolUDP)), slice("shop", "names", "", 53, "10.244.0.5"),
		service("shop", "headless", corev1.ClusterIPNone, port("", 80, corev1.ProtocolTCP)), slice("shop", "headless", "", 80, "10.244.0.6"),
	)
	got, err := p.wanted()
	if err != nil {
		t.Fatal(err)
	}
	want := map[netip.AddrPort][]string{
		netip.MustParseAddrPort("10.96.0.1:443"): {apiServer},
		netip.MustParseAddrPort("10.96.0.2:80"):  {"10.244.0.2:8080", "10.244.0.3:8080"},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Error(diff)
	}
}

// TestProxyHandsConnectionsOn uses loopback addresses in place of a node's.
func TestProxyHandsConnectionsOn(t *testing.T) {
	end, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed below
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close() //nolint:errcheck // the test is over
	go func() {
		for {
			conn, err := end.Accept()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(conn)
			_, _ = conn.Write([]byte(strings.ToUpper(string(text))))
			_ = conn.Close()
		}
	}()
	addr := netip.MustParseAddrPort(end.Addr().String())
	free, err := net.Listen("tcp", "127.0.0.2:0") //nolint:noctx // only to find a free port
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(free.Addr().String())
	_ = free.Close()
	chat := service("shop", "chat", at.Addr().String(), port("", int32(at.Port()), corev1.ProtocolTCP))
	p := newProxy(t, chat, slice("shop", "chat", "", int32(addr.Port()), "127.0.0.1"))
	if err := p.sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", at.String()) //nolint:noctx // it is this machine
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write([]byte("hello"))
	if half, is := conn.(interface{ CloseWrite() error }); is {
		_ = half.CloseWrite()
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "HELLO" {
		t.Errorf("it answered %q, %v", got, err)
	}
	_ = conn.Close()
	p.services = newProxy(t).services
	if err := p.sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", at.String()); err == nil { //nolint:noctx // it is this machine
		_ = conn.Close()
		t.Error("somebody listens for a Service that is gone")
	}
}

func TestDNSKnowsServicesAndNothingElse(t *testing.T) {
	d := NewDNS(newProxy(t,
		service("shop", "chat", "10.96.0.2"), service("shop", "headless", corev1.ClusterIPNone), slice("shop", "headless", "", 80, "10.244.0.6", "10.244.0.7"),
		service("shop", "idle", corev1.ClusterIPNone), service("shop", "outside", ""),
	), "cluster.local")
	for name, c := range map[string]struct {
		kind  uint16
		rcode int
		addrs []string
	}{
		"chat.shop.svc.cluster.local.":                        {dns.TypeA, dns.RcodeSuccess, []string{"10.96.0.2"}},
		"Chat.SHOP.svc.Cluster.local.":                        {dns.TypeA, dns.RcodeSuccess, []string{"10.96.0.2"}},
		"headless.shop.svc.cluster.local.":                    {dns.TypeA, dns.RcodeSuccess, []string{"10.244.0.6", "10.244.0.7"}},
		"idle.shop.svc.cluster.local.":                        {dns.TypeA, dns.RcodeNameError, nil},
		"outside.shop.svc.cluster.local.":                     {dns.TypeA, dns.RcodeNameError, nil},
		"chat.market.svc.cluster.local.":                      {dns.TypeA, dns.RcodeNameError, nil},
		"chat.shop.svc.cluster.local.shop.svc.cluster.local.": {dns.TypeA, dns.RcodeNameError, nil},
		"shop.svc.cluster.local.":                             {dns.TypeA, dns.RcodeSuccess, nil},
		"market.svc.cluster.local.":                           {dns.TypeA, dns.RcodeNameError, nil},
		"example.com.":                                        {dns.TypeA, dns.RcodeRefused, nil},
		"chat.shop.svc.notcluster.local.":                     {dns.TypeA, dns.RcodeRefused, nil},
	} {
		request := new(dns.Msg)
		request.SetQuestion(name, c.kind)
		check(t, d, request, c.rcode, c.addrs)
	}
	// A name that has an address of another kind exists: a client must not take it for absent.
	request := new(dns.Msg)
	request.SetQuestion("chat.shop.svc.cluster.local.", dns.TypeAAAA)
	check(t, d, request, dns.RcodeSuccess, nil)
}

func check(t *testing.T, d *DNS, request *dns.Msg, rcode int, addrs []string) {
	t.Helper()
	name := request.Question[0].Name
	answer := d.answer(request)
	var got []string
	for _, rr := range answer.Answer {
		if rr.Header().Name != name {
			t.Errorf("%s is answered for %s", name, rr.Header().Name)
		}
		if a, is := rr.(*dns.A); is {
			got = append(got, a.A.String())
		}
	}
	if answer.Rcode != rcode || answer.Id != request.Id {
		t.Errorf("%s: %s, want %s", name, dns.RcodeToString[answer.Rcode], dns.RcodeToString[rcode])
	}
	if diff := cmp.Diff(addrs, got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
	if packed, err := answer.Pack(); err != nil || len(packed) == 0 {
		t.Errorf("%s: the answer can't be sent: %v", name, err)
	}
}

// TestDialLeadsToTheAPIServer: it has no endpoint, since it listens at a loopback address.
func TestDialLeadsToTheAPIServer(t *testing.T) {
	p := newProxy(t, service("default", "kubernetes", "10.96.0.1", port("https", 443, corev1.ProtocolTCP)))
	asked := 0
	p.dialAPI = func(context.Context) (net.Conn, error) { asked++; return nil, io.EOF }
	var err error
	if p.targets, err = p.wanted(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.dial(t.Context(), netip.MustParseAddrPort("10.96.0.1:443")); err != io.EOF || asked != 1 { //nolint:errorlint // as it is
		t.Errorf("asked %d times: %v", asked, err)
	}
}
