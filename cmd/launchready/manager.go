// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/controllers"
	"github.com/launchready/launchready/internal/checks/rollback"
	"github.com/launchready/launchready/internal/checks/secrets"
	"github.com/launchready/launchready/internal/detect"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/probe/suites"
)

const (
	// leaseName is the Lease by which replicas agree on a leader.
	leaseName = "launchready-manager"
	// absence is how long nobody may have led before what aged meanwhile gets its grace anew. It is longer than an
	// ordinary restart or upgrade.
	absence = 10 * time.Minute
	// maxLogLevel is the most that may be logged. From level 8 on, client-go logs the bodies of the API server's
	// answers, Secrets among them.
	maxLogLevel = 2
)

// managerOptions are the flags of the manager.
type managerOptions struct {
	namespace            string
	watchNamespaces      []string
	metricsAddress       string
	metricsCertDir       string
	metricsInsecure      bool
	webhook              webhookOptions
	probeAddress         string
	leaderElect          bool
	resync               time.Duration
	checkTimeout         time.Duration
	concurrentReconciles int
	probeImage           string
	maxConcurrentProbes  int
	edge                 edgeOptions
	logLevel             int
}

func newManagerCommand() *cobra.Command {
	var o managerOptions
	cmd := &cobra.Command{
		Use:   "manager",
		Short: "Run the operator",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			logger := zap.New(zap.Level(zapcore.Level(-o.logLevel)), zap.JSONEncoder()) //nolint:gosec // validated to be small
			ctrl.SetLogger(logger)
			klog.SetLogger(logger)
			config, err := ctrl.GetConfig()
			if err != nil {
				return fmt.Errorf("finding the cluster: %w", err)
			}
			return runManager(cmd.Context(), config, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.namespace, "namespace", os.Getenv("POD_NAMESPACE"), "namespace of the operator itself, for its Lease, its fingerprint key and the webhook's certificate (default $POD_NAMESPACE)")
	f.StringSliceVar(&o.watchNamespaces, "watch-namespaces", nil, "namespaces to watch, separated by commas (default all)")
	f.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443", "address of the metrics endpoint, or 0 for none")
	f.StringVar(&o.metricsCertDir, "metrics-cert-dir", "", "folder with tls.crt and tls.key for the metrics endpoint (default: a certificate signed by itself)")
	f.BoolVar(&o.metricsInsecure, "metrics-insecure", false, "serve metrics over plain HTTP and to anybody; for development")
	f.StringVar(&o.webhook.address, "webhook-bind-address", "0", "address of the admission webhook for LaunchReadinesses, such as :9443, or 0 for none")
	f.StringVar(&o.webhook.certDir, "webhook-cert-dir", "", "folder with tls.crt and tls.key for the admission webhook (default: a certificate that the operator keeps in a Secret, and has the API server trust)")
	f.StringVar(&o.webhook.name, "webhook-name", "launchready-webhook", "name of the webhook's Service, which is that of its ValidatingWebhookConfiguration and of its Secret too")
	f.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz, or 0 for none")
	f.BoolVar(&o.leaderElect, "leader-elect", true, "let only one of several replicas work")
	f.DurationVar(&o.resync, "resync", 5*time.Minute, "how often an app that passes is measured without an event")
	f.DurationVar(&o.checkTimeout, "check-timeout", 30*time.Second, "how long a single check may take")
	f.IntVar(&o.concurrentReconciles, "concurrent-reconciles", 4, "how many apps are measured at once")
	f.StringVar(&o.probeImage, "probe-image", "", "image of the probes' Jobs (default: that of the operator's own pod, by $POD_NAME; outside of a cluster no Job is started without it)")
	f.IntVar(&o.maxConcurrentProbes, "max-concurrent-probes", 4, "how many probes may run at once over the cluster")
	o.edge.bind(f)
	f.IntVarP(&o.logLevel, "verbosity", "v", 0, "log level: 0 what an operator must know, 1 decisions, 2 traffic")
	return cmd
}

func (o managerOptions) validate() error {
	var errs []error
	if o.namespace == "" {
		errs = append(errs, errors.New("--namespace is empty: give the namespace of the operator, or set POD_NAMESPACE"))
	}
	if o.resync < time.Second {
		errs = append(errs, fmt.Errorf("--resync is %s: give at least 1s", o.resync))
	}
	if o.checkTimeout < time.Second {
		errs = append(errs, fmt.Errorf("--check-timeout is %s: give at least 1s", o.checkTimeout))
	}
	if o.concurrentReconciles < 1 {
		errs = append(errs, fmt.Errorf("--concurrent-reconciles is %d: give at least 1", o.concurrentReconciles))
	}
	if o.maxConcurrentProbes < 1 {
		errs = append(errs, fmt.Errorf("--max-concurrent-probes is %d: give at least 1", o.maxConcurrentProbes))
	}
	if err := o.edge.validate(); err != nil {
		errs = append(errs, err)
	}
	if err := o.webhook.validate(); err != nil {
		errs = append(errs, err)
	}
	if o.logLevel < 0 || o.logLevel > maxLogLevel {
		errs = append(errs, fmt.Errorf("--verbosity is %d: give 0 to %d", o.logLevel, maxLogLevel))
	}
	return errors.Join(errs...)
}

// runManager runs the operator until the context ends.
func runManager(ctx context.Context, config *rest.Config, o managerOptions) error {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	config = rest.CopyConfig(config)
	config.UserAgent = "launchready/" + version
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         o.cacheOptions(),
		Client:                        controllers.ClientOptions(),
		Metrics:                       o.metricsOptions(),
		HealthProbeBindAddress:        o.probeAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return fmt.Errorf("setting up the manager: %w", err)
	}
	if err := o.register(ctx, mgr); err != nil {
		return err
	}
	return start(ctx, mgr)
}

// start runs the manager until the context ends. A manager that still waits for its caches, for want of a role, say, does not
// hear that; nothing runs yet that would have to be brought to its end.
func start(ctx context.Context, mgr ctrl.Manager) error {
	running := make(chan struct{})
	if err := mgr.Add(whenRunning(func() { close(running) })); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case <-running:
		return <-ended
	default:
		return nil
	}
}

// whenRunning is called once the caches are filled, by whatever replica.
type whenRunning func()

// Start implements manager.Runnable.
func (w whenRunning) Start(context.Context) error {
	w()
	return nil
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (whenRunning) NeedLeaderElection() bool { return false }

// register wires reconcilers, checks, metrics and health probes to the manager.
func (o managerOptions) register(ctx context.Context, mgr ctrl.Manager) error {
	// The cache does not run yet: what is needed before comes from the API server itself.
	direct, err := client.New(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme()})
	if err != nil {
		return fmt.Errorf("connecting to the cluster: %w", err)
	}
	key, err := controllers.FingerprintKey(ctx, direct, o.namespace)
	if err != nil {
		return err
	}
	since, err := measurableSince(ctx, direct, o.namespace, time.Now())
	if err != nil {
		return err
	}
	book := controllers.NewEdgeBook()
	checks, err := newChecks(mgr, key)
	if err != nil {
		return err
	}
	checks = append(checks, o.edge.check(book, key))
	builtIn, err := launch.BuiltInPolicies()
	if err != nil {
		return err
	}
	resolver := &launch.Resolver{Cached: mgr.GetClient(), Live: mgr.GetAPIReader(), BuiltIn: builtIn}
	launches := &controllers.LaunchReadinessReconciler{
		Client: mgr.GetClient(), Resolver: resolver, Events: mgr.GetEventRecorder("launchready"), Clock: clock.RealClock{},
		Checks: &controllers.CheckRunner{Checks: checks, Timeout: o.checkTimeout}, MeasurableSince: since, Resync: o.resync,
		WatchNamespaces: o.watchNamespaces, Key: key, Edge: book,
	}
	zones, err := o.edge.zones(mgr, direct, o.namespace, key, book)
	if err != nil {
		return err
	}
	if launches.Probes, err = o.probes(ctx, mgr.GetConfig(), direct); err != nil {
		return err
	}
	waivers := &controllers.LaunchWaiverReconciler{Client: mgr.GetClient(), Resolver: resolver, Clock: clock.RealClock{}}
	policies := &controllers.LaunchPolicyReconciler{Client: mgr.GetClient(), Clock: clock.RealClock{}}
	requirements := &controllers.RequirementReconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), WatchNamespaces: o.watchNamespaces}
	collector := &controllers.Collector{Reader: mgr.GetClient(), Elected: mgr.Elected(), Now: time.Now}
	return errors.Join(
		launches.SetupWithManager(ctx, mgr, controller.Options{MaxConcurrentReconciles: o.concurrentReconciles}),
		zones.SetupWithManager(mgr, controller.TypedOptions[controllers.ZoneRequest]{MaxConcurrentReconciles: o.concurrentReconciles}),
		waivers.SetupWithManager(mgr),
		policies.SetupWithManager(mgr),
		requirements.SetupWithManager(mgr),
		collector.Register(metrics.Registry),
		o.webhook.add(mgr, direct, o.namespace),
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("ping", healthz.Ping),
	)
}

// newChecks makes the checks of all rows that this version can measure.
func newChecks(mgr ctrl.Manager, key []byte) ([]controllers.Check, error) {
	detector, err := detect.New()
	if err != nil {
		return nil, fmt.Errorf("setting up the secret detector: %w", err)
	}
	return []controllers.Check{
		secrets.New(mgr.GetAPIReader(), detector, key),
		rollback.New(mgr.GetClient(), mgr.GetAPIReader(), key),
	}, nil
}

// probes gives what runs Jobs; nil where it can't be told of which image.
func (o managerOptions) probes(ctx context.Context, config *rest.Config, reader client.Reader) (*controllers.ProbeRunner, error) {
	image, ids, err := o.imageOfProbes(ctx, reader)
	if err != nil {
		return nil, err
	}
	if image == "" {
		ctrl.Log.Info("no probe is started: this is no pod, and --probe-image is not set")
		return nil, nil //nolint:nilnil // no Jobs are a way to run
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the cluster: %w", err)
	}
	kinds, err := suites.Kinds()
	if err != nil {
		return nil, err
	}
	return &controllers.ProbeRunner{
		Image: image, ImageIDs: ids, Version: version, Limit: o.maxConcurrentProbes, Logs: podLogs{clients.CoreV1()},
		APIServer: controllers.APIServerAddress(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")),
		Suites:    kinds,
	}, nil
}

// imageOfProbes gives the image of the flag, or that of the operator's own pod with the id that it has on its node.
func (o managerOptions) imageOfProbes(ctx context.Context, reader client.Reader) (image string, ids []string, err error) {
	name := os.Getenv("POD_NAME")
	if o.probeImage != "" || name == "" {
		return o.probeImage, nil, nil
	}
	var pod corev1.Pod
	if err := reader.Get(ctx, client.ObjectKey{Namespace: o.namespace, Name: name}, &pod); err != nil {
		return "", nil, fmt.Errorf("reading the operator's own pod for its image: %w", err)
	}
	for _, c := range pod.Spec.Containers {
		if c.Name == managerContainer {
			image = c.Image
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name == managerContainer && s.ImageID != "" {
			ids = append(ids, s.ImageID)
		}
	}
	if image != "" {
		return image, ids, nil
	}
	return "", nil, fmt.Errorf("pod %s/%s has no container %s: set --probe-image", o.namespace, name, managerContainer)
}

// managerContainer is the operator's container in its pod.
const managerContainer = "manager"

// podLogs reads logs of pods.
type podLogs struct{ pods corev1client.PodsGetter }

// Logs implements controllers.LogReader.
func (l podLogs) Logs(ctx context.Context, namespace, pod, container string, limit int64) ([]byte, error) {
	stream, err := l.pods.Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, LimitBytes: &limit}).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Close() //nolint:errcheck // it was read
	return io.ReadAll(io.LimitReader(stream, limit))
}

// Since implements controllers.LogReader.
func (l podLogs) Since(ctx context.Context, namespace, pod, container string, since time.Time, previous bool) (io.ReadCloser, error) {
	from := metav1.NewTime(since)
	options := &corev1.PodLogOptions{Container: container, SinceTime: &from, Previous: previous}
	stream, err := l.pods.Pods(namespace).GetLogs(pod, options).Stream(ctx)
	if apierrors.IsBadRequest(err) {
		// Virtual nodes may not know when a line was printed: then it is all that there is.
		options.SinceTime = nil
		stream, err = l.pods.Pods(namespace).GetLogs(pod, options).Stream(ctx)
	}
	return stream, err
}

func (o managerOptions) cacheOptions() cache.Options {
	options := controllers.CacheOptions()
	if len(o.watchNamespaces) > 0 {
		options.DefaultNamespaces = make(map[string]cache.Config, len(o.watchNamespaces))
		for _, ns := range o.watchNamespaces {
			options.DefaultNamespaces[ns] = cache.Config{}
		}
	}
	return options
}

func (o managerOptions) metricsOptions() metricsserver.Options {
	options := metricsserver.Options{BindAddress: o.metricsAddress, CertDir: o.metricsCertDir}
	if !o.metricsInsecure {
		options.SecureServing = true
		options.FilterProvider = filters.WithAuthenticationAndAuthorization
		// HTTP/1.1 alone: HTTP/2 brings nothing to a scrape, and had CVE-2023-44487.
		options.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }}
	}
	return options
}

// measurableSince is now if nobody has led for longer than an ordinary restart takes, by the Lease that the last
// leader left; else zero.
func measurableSince(ctx context.Context, c client.Reader, namespace string, now time.Time) (time.Time, error) {
	var lease coordinationv1.Lease
	err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: leaseName}, &lease)
	if apierrors.IsNotFound(err) {
		return now, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("reading Lease %s/%s: %w", namespace, leaseName, err)
	}
	if renewed := lease.Spec.RenewTime; renewed != nil && now.Sub(renewed.Time) < absence {
		return time.Time{}, nil
	}
	return now, nil
}
