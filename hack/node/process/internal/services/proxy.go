// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package services makes Services reachable: it listens at the address of each, and answers to its name.
//
// It follows the API server's Services and EndpointSlices. It must not know how addresses come to be ours.
package services

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/launchready/launchready/hack/node/process/internal/rootless"
)

// dialTimeout bounds the wait for an endpoint.
const dialTimeout = 5 * time.Second

// Proxy listens at the addresses of Services, and hands connections on to their endpoints. It knows TCP only, and an endpoint
// sees the node as the other side.
type Proxy struct {
	services corelisters.ServiceLister
	slices   discoverylisters.EndpointSliceLister
	// DialAPI leads to the API server, which has no endpoint.
	dialAPI func(context.Context) (net.Conn, error)
	changed chan struct{}

	mu        sync.Mutex
	targets   map[netip.AddrPort][]string
	listeners map[netip.AddrPort]net.Listener
}

// New makes a proxy that follows what the informers tell. Start them after it.
func New(factory informers.SharedInformerFactory, dialAPI func(context.Context) (net.Conn, error)) (*Proxy, error) {
	services, endpoints := factory.Core().V1().Services(), factory.Discovery().V1().EndpointSlices()
	p := &Proxy{
		services: services.Lister(), slices: endpoints.Lister(), dialAPI: dialAPI, changed: make(chan struct{}, 1),
		targets: map[netip.AddrPort][]string{}, listeners: map[netip.AddrPort]net.Listener{},
	}
	notify := cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { p.notify() }, UpdateFunc: func(any, any) { p.notify() }, DeleteFunc: func(any) { p.notify() },
	}
	_, errServices := services.Informer().AddEventHandler(notify)
	_, errSlices := endpoints.Informer().AddEventHandler(notify)
	return p, errors.Join(errServices, errSlices)
}

func (p *Proxy) notify() {
	select {
	case p.changed <- struct{}{}:
	default: // one look sees all
	}
}

// Run follows until ctx is over.
func (p *Proxy) Run(ctx context.Context) error {
	defer p.close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.changed:
		}
		if err := p.sync(ctx); err != nil {
			return fmt.Errorf("following the Services: %w", err)
		}
	}
}

// sync listens where there is somebody behind a Service, and nowhere else: so a connection to one without is refused.
func (p *Proxy) sync(ctx context.Context) error {
	targets, err := p.wanted()
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets = targets
	for at, listener := range p.listeners {
		if _, still := targets[at]; !still {
			_ = listener.Close() // connections that are open stay
			delete(p.listeners, at)
		}
	}
	for at := range targets {
		if p.listeners[at] != nil {
			continue
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at.String())
		if err != nil {
			slog.ErrorContext(ctx, "a Service can't be reached", "address", at.String(), "error", err)
			continue
		}
		p.listeners[at] = listener
		go rootless.Relay(listener, func() (net.Conn, error) { return p.dial(ctx, at) })
	}
	return nil
}

// apiServer stands for the API server among endpoints.
const apiServer = ""

// wanted gives the endpoints behind each address.
func (p *Proxy) wanted() (map[netip.AddrPort][]string, error) {
	all, err := p.services.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	wanted := map[netip.AddrPort][]string{}
	for _, service := range all {
		addr, err := netip.ParseAddr(service.Spec.ClusterIP)
		if err != nil {
			continue // it has none
		}
		for _, port := range service.Spec.Ports {
			at := netip.AddrPortFrom(addr, uint16(port.Port)) //nolint:gosec // the API server checked it
			if service.Namespace == "default" && service.Name == "kubernetes" {
				wanted[at] = []string{apiServer}
				continue
			}
			if port.Protocol != corev1.ProtocolTCP {
				continue
			}
			ends, err := p.endpoints(service, port.Name)
			if err != nil {
				return nil, err
			}
			if len(ends) > 0 {
				wanted[at] = ends
			}
		}
	}
	return wanted, nil
}

// endpoints gives the ready endpoints of a Service's port.
func (p *Proxy) endpoints(service *corev1.Service, port string) ([]string, error) {
	found, err := p.slicesOf(service)
	if err != nil {
		return nil, err
	}
	var ends []string
	for _, slice := range found {
		for _, sp := range slice.Ports {
			if sp.Port == nil || sp.Name == nil || *sp.Name != port {
				continue
			}
			for _, addr := range ready(slice) {
				ends = append(ends, net.JoinHostPort(addr, fmt.Sprint(*sp.Port)))
			}
		}
	}
	slices.Sort(ends)
	return ends, nil
}

func (p *Proxy) slicesOf(service *corev1.Service) ([]*discoveryv1.EndpointSlice, error) {
	return p.slices.EndpointSlices(service.Namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service.Name}))
}

// ready gives the addresses of a slice that are ready; one that does not say is (discovery/v1, EndpointConditions).
func ready(slice *discoveryv1.EndpointSlice) []string {
	var addrs []string
	for _, e := range slice.Endpoints {
		if (e.Conditions.Ready == nil || *e.Conditions.Ready) && len(e.Addresses) > 0 {
			addrs = append(addrs, e.Addresses[0])
		}
	}
	return addrs
}

// dial connects to one of those behind an address.
func (p *Proxy) dial(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
	p.mu.Lock()
	ends := p.targets[at]
	p.mu.Unlock()
	if len(ends) == 0 {
		return nil, fmt.Errorf("nobody is behind %s any more", at)
	}
	end := ends[rand.IntN(len(ends))] //nolint:gosec // any will do
	if end == apiServer {
		return p.dialAPI(ctx)
	}
	return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", end)
}

func (p *Proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, listener := range p.listeners {
		_ = listener.Close()
		delete(p.listeners, at)
	}
}
