// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Command firewall enforces NetworkPolicies on one node: it is kube-router's policy controller alone, without the routing,
// the proxy and the BGP speaker, which are most of kube-router and which nothing here needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	kubeconfig := flag.String("kubeconfig", "", "file with the way to the API server")
	node := flag.String("node", "", "name of the Node")
	services := flag.String("services", "", "the range of the Services' addresses")
	health := flag.String("health", "", "address on which /healthz says whether the rules are in force")
	flag.Parse()
	if err := run(ctx, *kubeconfig, *node, *services, *health); err != nil {
		fmt.Fprintln(os.Stderr, "firewall:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, node, services, health string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	settings := options.NewKubeRouterConfig()
	settings.EnableIPv4, settings.HostnameOverride, settings.ClusterIPCIDRs = true, node, []string{services}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())

	iptables, ipsets, err := netpol.NewIPTablesHandlers(settings)
	if err != nil {
		return err
	}
	controller, err := netpol.NewNetworkPolicyController(client, settings, pods, policies, namespaces, &sync.Mutex{}, iptables, ipsets)
	if err != nil {
		return err
	}
	_, errPods := pods.AddEventHandler(controller.PodEventHandler)
	_, errNamespaces := namespaces.AddEventHandler(controller.NamespaceEventHandler)
	_, errPolicies := policies.AddEventHandler(controller.NetworkPolicyEventHandler)
	if err := errors.Join(errPods, errNamespaces, errPolicies); err != nil {
		return err
	}
	beats := make(chan *healthcheck.ControllerHeartbeat, 1)
	var running sync.WaitGroup
	running.Add(1)
	go controller.Run(beats, ctx.Done(), &running)
	err = serve(ctx, health, beats)
	running.Wait()
	return err
}

// serve answers /healthz from the first full synchronisation on, which begins with a heartbeat.
func serve(ctx context.Context, address string, beats <-chan *healthcheck.ControllerHeartbeat) error {
	synced := make(chan struct{})
	go func() {
		var once sync.Once
		for {
			select {
			case <-beats:
				once.Do(func() { close(synced) })
			case <-ctx.Done():
				return
			}
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-synced:
		default:
			http.Error(w, "the rules are not in force yet", http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
