// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package agent is the node's program, in its namespaces: it registers the node, runs its pods, and answers to the API server as
// a kubelet does.
package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	"github.com/virtual-kubelet/virtual-kubelet/node"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"

	"github.com/launchready/launchready/hack/node/process/internal/images"
	"github.com/launchready/launchready/hack/node/process/internal/network"
	"github.com/launchready/launchready/hack/node/process/internal/pods"
	"github.com/launchready/launchready/hack/node/process/internal/rootless"
	"github.com/launchready/launchready/hack/node/process/internal/services"
)

// Config says which node to be. Folders are relative to the working folder or absolute.
type Config struct {
	NodeName string
	// Kubeconfig is the node's user's, Watcher that of a user who may read Services and EndpointSlices. The addresses in them are
	// not used: the way to the API server is rootless.DialAPI.
	Kubeconfig, Watcher string
	// CertFile and KeyFile are shown to the API server, ClientCA is whose clients may ask, and ClientName the only one of them.
	CertFile, KeyFile, ClientCA, ClientName string
	// Images is the folder of tarballs.
	Images string
	// Pods and Services are the networks, APIServer is the address of the Service kubernetes.
	Pods, Services, APIServer string
	Domain                    string
	// Port of the kubelet's API, and the address at which the API server finds it.
	Port   int
	HostIP string
}

// Folders below the working folder.
const (
	// Memory is where pods' files are, over which memory is mounted.
	Memory = "memory"
	logs   = "logs"
	files  = "images"
)

// clients are our two users of the API server.
type clients struct{ node, watcher kubernetes.Interface }

// Run is the node until ctx is over. The command calls container.Init.
func Run(ctx context.Context, config Config, initCommand []string) error {
	listener, err := rootless.Listener()
	if err != nil {
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := rootless.Prepare(filepath.Join(here, Memory)); err != nil {
		return err
	}
	addresses, err := config.addresses()
	if err != nil {
		return err
	}
	pool, err := network.New(addresses)
	if err != nil {
		return err
	}
	c, err := config.clients()
	if err != nil {
		return err
	}
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: c.node.CoreV1().Events(metav1.NamespaceAll)})
	defer broadcaster.Shutdown()
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "process-node", Host: config.NodeName})
	provider := pods.New(pods.Config{
		Memory: filepath.Join(here, Memory), Logs: filepath.Join(here, logs), Init: initCommand,
		Images:  &images.Store{Tarballs: config.Images, Files: filepath.Join(here, files)},
		Network: pool, Addresses: addresses, HostIP: config.HostIP, Domain: config.Domain, APIServer: config.APIServer,
		Client: c.node, Recorder: recorder,
	})
	return config.serve(ctx, c, addresses, provider, recorder, listener)
}

// serve runs the parts until one ends or ctx is over.
func (config Config) serve(ctx context.Context, c clients, addresses network.Config, provider *pods.Provider, recorder record.EventRecorder, listener net.Listener) error {
	factory := informers.NewSharedInformerFactory(c.watcher, 0)
	proxy, err := services.New(factory, rootless.DialAPI)
	if err != nil {
		return err
	}
	ours := informers.NewSharedInformerFactoryWithOptions(c.node, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", config.NodeName).String()
	}))
	// The library wants the other three, and reads them only for what we resolve ourselves: they are never started, and the
	// node's user could not list Secrets anyway.
	unused := informers.NewSharedInformerFactory(c.node, 0).Core().V1()
	podController, err := node.NewPodController(node.PodControllerConfig{
		PodClient: c.node.CoreV1(), PodInformer: ours.Core().V1().Pods(), EventRecorder: quiet{recorder}, Provider: provider,
		ConfigMapInformer: unused.ConfigMaps(), SecretInformer: unused.Secrets(), ServiceInformer: unused.Services(),
		SkipDownwardAPIResolution: true,
	})
	if err != nil {
		return err
	}
	nodeController, err := node.NewNodeController(node.NaiveNodeProvider{}, config.object(), c.node.CoreV1().Nodes(),
		node.WithNodeEnableLeaseV1(c.node.CoordinationV1().Leases(corev1.NamespaceNodeLease), node.DefaultLeaseDuration))
	if err != nil {
		return err
	}
	server, err := config.server(provider)
	if err != nil {
		return err
	}
	parts := []func(context.Context) error{
		proxy.Run,
		func(ctx context.Context) error {
			return services.NewDNS(proxy, config.Domain).Serve(ctx, addresses.Node())
		},
		func(ctx context.Context) error { return podController.Run(ctx, podWorkers) },
		nodeController.Run,
		func(context.Context) error { return server.ServeTLS(listener, "", "") },
	}
	factory.Start(ctx.Done())
	ours.Start(ctx.Done())
	return untilOne(ctx, parts)
}

// podWorkers is how many pods the library looks at at a time. They only start and stop there.
const podWorkers = 8

// untilOne runs all parts until one has ended.
func untilOne(ctx context.Context, parts []func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part(ctx) }()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		if err == nil {
			err = errors.New("a part of the node has ended by itself")
		}
		return err
	}
}

func (config Config) addresses() (network.Config, error) {
	pods, errPods := netip.ParsePrefix(config.Pods)
	services, errServices := netip.ParsePrefix(config.Services)
	return network.Config{Pods: pods, Services: services}, errors.Join(errPods, errServices)
}

func (config Config) clients() (clients, error) {
	var c clients
	for _, user := range []struct {
		file string
		made *kubernetes.Interface
	}{{config.Kubeconfig, &c.node}, {config.Watcher, &c.watcher}} {
		rest, err := clientcmd.BuildConfigFromFlags("", user.file)
		if err != nil {
			return clients{}, fmt.Errorf("reading a kubeconfig: %w", err)
		}
		rest.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return rootless.DialAPI(ctx) }
		rest.QPS, rest.Burst = 100, 200
		if *user.made, err = kubernetes.NewForConfig(rest); err != nil {
			return clients{}, err
		}
	}
	return c, nil
}

// object is the node as it registers itself.
func (config Config) object() *corev1.Node {
	now := metav1.Now()
	room := corev1.ResourceList{
		corev1.ResourceCPU: *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		// No limit is kept, so how much there is only has to let pods be scheduled.
		corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourceEphemeralStorage: resource.MustParse("16Gi"),
		corev1.ResourcePods: resource.MustParse("110"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: config.NodeName, Labels: map[string]string{
			corev1.LabelHostname: config.NodeName, corev1.LabelOSStable: runtime.GOOS, corev1.LabelArchStable: runtime.GOARCH,
		}},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room.DeepCopy(),
			Conditions: []corev1.NodeCondition{
				{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "ProcessNodeReady", Message: "the process node takes pods", LastHeartbeatTime: now, LastTransitionTime: now},
			},
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: config.HostIP}, {Type: corev1.NodeHostName, Address: config.NodeName}},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{
				KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(config.Port)}, //nolint:gosec // a port
			},
			NodeInfo: corev1.NodeSystemInfo{
				OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH, ContainerRuntimeVersion: "process://1", KubeletVersion: "v1.37.2-process-node",
			},
		},
	}
}
