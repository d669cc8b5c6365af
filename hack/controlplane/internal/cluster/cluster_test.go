// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cluster

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/pki"
	"github.com/launchready/launchready/hack/controlplane/internal/ports"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
	"github.com/launchready/launchready/hack/controlplane/internal/programs"
)

// guardVariable makes the test binary the guard process, on systems that need one.
const guardVariable = "CONTROLPLANE_TEST_GUARD"

func TestMain(m *testing.M) {
	if os.Getenv(guardVariable) == "" {
		os.Exit(m.Run())
	}
	if process.Guard(os.Stdin) != nil {
		os.Exit(1)
	}
}

func newConfig(t *testing.T, bin string) Config {
	t.Helper()
	t.Setenv(guardVariable, "1")
	launcher, err := process.NewLauncher([]string{os.Args[0]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := launcher.Close(); err != nil {
			t.Error(err)
		}
	})
	return Config{Bin: bin, Dir: t.TempDir(), Launcher: launcher}
}

func start(t *testing.T, config Config) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func userClient(t *testing.T, c *Cluster, user string) *http.Client {
	t.Helper()
	return client(t, c.credentials.kubeCA, c.credentials.users[user])
}

func client(t *testing.T, ca []byte, pair pki.Pair) *http.Client {
	t.Helper()
	client, err := newClient(ca, pair)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func alive(p *process.Process) bool {
	return !errors.Is(syscall.Kill(p.PID(), 0), syscall.ESRCH)
}

// TestControlPlane looks at one control plane from several sides, as each costs seconds.
func TestControlPlane(t *testing.T) {
	c := start(t, newConfig(t, programs.Dir(t)))
	t.Run("serves the administrator", func(t *testing.T) { servesTheAdministrator(t, c) })
	t.Run("holds users to RBAC", func(t *testing.T) { holdsUsersToRBAC(t, c) })
	t.Run("verifies everybody", func(t *testing.T) { verifiesEverybody(t, c) })
	t.Run("keeps keys to its user", func(t *testing.T) { keepsKeysToItsUser(t, c) })
	t.Run("listens on loopback only", func(t *testing.T) { listensOnLoopbackOnly(t, c) })
	t.Run("stops the API server before etcd", func(t *testing.T) { stopsInOrder(t, c) })
}

func servesTheAdministrator(t *testing.T, c *Cluster) {
	admin := userClient(t, c, adminUser)
	for _, path := range []string{
		"/readyz", "/version", "/api/v1/nodes", "/api/v1/namespaces/default/serviceaccounts/default",
		"/api/v1/namespaces/default/services/kubernetes",
	} {
		if err := (probe{admin, c.Server() + path}).ask(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func holdsUsersToRBAC(t *testing.T, c *Cluster) {
	scheduler := userClient(t, c, schedulerUser)
	if err := (probe{scheduler, c.Server() + "/api/v1/nodes"}).ask(t.Context()); err != nil {
		t.Errorf("the scheduler may not see nodes: %v", err)
	}
	err := probe{scheduler, c.Server() + "/api/v1/secrets"}.ask(t.Context())
	if err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("the scheduler may see secrets: %v", err)
	}
}

// verifiesEverybody goes to every port with wrong papers.
func verifiesEverybody(t *testing.T, c *Cluster) {
	stranger, err := pki.NewAuthority("launchready-kubernetes", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := stranger.Issue(pki.Request{CommonName: adminUser, Groups: []string{adminsGroup}, Usages: usages(pki.Client)})
	if err != nil {
		t.Fatal(err)
	}
	k, e := c.credentials, c.endpoints
	admin := k.users[adminUser]
	// A client does not even show a certificate whose authority the server does not name: it is then nobody, whom RBAC refuses.
	const untrusted, refused, unauthorized, nobody = "unknown authority", "tls: ", "401", "403"
	tests := map[string]struct {
		client *http.Client
		url    string
		want   string
	}{
		"API server is not taken for another":         {client(t, stranger.Pair().CertPEM, admin), c.Server() + "/readyz", untrusted},
		"API server knows no forged administrator":    {client(t, k.kubeCA, forged), c.Server() + "/api/v1/nodes", unauthorized},
		"API server knows no holder of etcd's papers": {client(t, k.kubeCA, k.etcdClient), c.Server() + "/api/v1/nodes", nobody},
		"etcd is not taken for another":               {client(t, k.kubeCA, k.etcdClient), address(e.etcdClient) + "/readyz", untrusted},
		"etcd opens to no administrator":              {client(t, k.etcdCA, admin), address(e.etcdClient) + "/readyz", refused},
		"etcd's peers are verified":                   {client(t, k.etcdCA, admin), address(e.etcdPeer) + "/version", refused},
		"controller manager is not taken for another": {client(t, stranger.Pair().CertPEM, admin), address(e.manager) + "/healthz", untrusted},
		"controller manager asks who reads metrics":   {client(t, k.kubeCA, forged), address(e.manager) + "/metrics", unauthorized},
		"scheduler is not taken for another":          {client(t, stranger.Pair().CertPEM, admin), address(e.scheduler) + "/healthz", untrusted},
		"scheduler lets the administrator read":       {client(t, k.kubeCA, admin), address(e.scheduler) + "/metrics", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := probe{test.client, test.url}.ask(t.Context())
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func keepsKeysToItsUser(t *testing.T, c *Cluster) {
	files := 0
	for _, dir := range []string{pkiDir, kubeconfigDir} {
		err := filepath.WalkDir(filepath.Join(c.layout.dir, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s is open to others: %s", path, info.Mode())
			}
			files++
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if files < 20 {
		t.Errorf("%d files, want at least 20", files)
	}
	for _, p := range c.components {
		log, err := os.ReadFile(c.layout.log(p.Name()))
		if err != nil {
			t.Error(err)
		}
		if len(log) == 0 || strings.Contains(string(log), "PRIVATE KEY") {
			t.Errorf("the log of %s is empty or tells keys", p.Name())
		}
	}
}

func listensOnLoopbackOnly(t *testing.T, c *Cluster) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	e := c.endpoints
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		if !ok || network.IP.IsLoopback() || network.IP.To4() == nil {
			continue
		}
		for _, port := range []int{e.etcdClient, e.etcdPeer, e.apiServer, e.manager, e.scheduler} {
			conn, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: network.IP, Port: port})
			if err == nil {
				_ = conn.Close()
				t.Errorf("port %d is open on %s", port, network.IP)
			}
		}
	}
}

func stopsInOrder(t *testing.T, c *Cluster) {
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	ended := map[string]time.Time{}
	for _, p := range c.components {
		if alive(p) {
			t.Errorf("%s still runs", p.Name())
		}
		ended[p.Name()] = p.Ended()
	}
	if !ended[apiServer].Before(ended[etcd]) || !ended[manager].Before(ended[apiServer]) || !ended[scheduler].Before(ended[apiServer]) {
		t.Errorf("wrong order: %v", ended)
	}
	select {
	case err := <-c.Failed():
		t.Errorf("a component that was stopped counts as failed: %v", err)
	default:
	}
}

func TestTwoSideBySide(t *testing.T) {
	bin := programs.Dir(t)
	var clusters [2]*Cluster
	var errs [2]error
	var starts sync.WaitGroup
	for i := range clusters {
		config := newConfig(t, bin)
		starts.Go(func() { clusters[i], errs[i] = Start(t.Context(), config) })
	}
	starts.Wait()
	defer func() {
		for _, c := range clusters {
			if c != nil {
				_ = c.Stop(context.Background())
			}
		}
	}()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	// Stopping one leaves the other alone, and neither takes the other's papers.
	stranger := client(t, clusters[1].credentials.kubeCA, clusters[0].credentials.users[adminUser])
	if err := (probe{stranger, clusters[1].Server() + "/api/v1/nodes"}).ask(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("the administrator of one is known to the other: %v", err)
	}
	if err := clusters[0].Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := (probe{userClient(t, clusters[1], adminUser), clusters[1].Server() + "/readyz"}).ask(t.Context()); err != nil {
		t.Errorf("the second one after the first was stopped: %v", err)
	}
}

// halfWay is a start with one component replaced by a script, or missing.
type halfWay struct {
	component, script string
	// within bounds the wait for each component; 0 leaves it as it is.
	within time.Duration
	want   []string
}

func TestStartThatFailsHalfWayLeavesNothingRunning(t *testing.T) {
	const fails = "echo starting; echo the reason >&2; exit 3"
	const hangs = "echo starting; exec sleep 1000"
	tests := map[string]halfWay{
		"etcd fails":               {etcd, fails, 0, []string{"etcd: ended: exit status 3", "starting\nthe reason"}},
		"API server fails":         {apiServer, fails, 0, []string{"kube-apiserver: ended: exit status 3", "starting\nthe reason"}},
		"API server is missing":    {apiServer, "", 0, []string{"starting kube-apiserver: ", "no such file"}},
		"API server hangs":         {apiServer, hangs, 5 * time.Second, []string{"kube-apiserver: ", "connection refused", "its log:\nstarting"}},
		"controller manager fails": {manager, fails, 0, []string{"kube-controller-manager: ended: exit status 3", "the reason"}},
	}
	for name, test := range tests {
		t.Run(name, test.run)
	}
}

func (h halfWay) run(t *testing.T) {
	config := newConfig(t, programs.With(t, h.component, h.script))
	config.readyTimeout = h.within
	var started []*process.Process
	config.started = func(p *process.Process) { started = append(started, p) }
	c, err := Start(t.Context(), config)
	if err == nil {
		_ = c.Stop(t.Context())
		t.Fatal("it started")
	}
	for _, want := range h.want {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in the error: %v", want, err)
		}
	}
	if len(started) == 0 {
		t.Error("nothing was started before the failure")
	}
	for _, p := range started {
		if alive(p) {
			t.Errorf("%s still runs", p.Name())
		}
	}
}

func TestServingIsCalledBetweenTheAPIServerAndTheRest(t *testing.T) {
	config := newConfig(t, programs.Dir(t))
	var started []string
	config.started = func(p *process.Process) { started = append(started, p.Name()) }
	failure := errors.New("enough")
	config.Serving = func(ctx context.Context, kubeconfig string) error {
		kubectl := exec.CommandContext(ctx, filepath.Join(config.Bin, "kubectl"), "--kubeconfig", kubeconfig, "get", "nodes")
		if out, err := kubectl.CombinedOutput(); err != nil {
			t.Errorf("the API server is not of use: %v: %s", err, out)
		}
		return failure
	}
	if _, err := Start(t.Context(), config); !errors.Is(err, failure) {
		t.Errorf("Start: %v, want its error", err)
	}
	if !slices.Equal(started, []string{etcd, apiServer}) {
		t.Errorf("started by then: %v", started)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	config := newConfig(t, programs.With(t, apiServer, "exec sleep 1000"))
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	var started []*process.Process
	config.started = func(p *process.Process) {
		if started = append(started, p); p.Name() == apiServer {
			cancel(cause)
		}
	}
	if _, err := Start(ctx, config); !errors.Is(err, cause) {
		t.Errorf("Start: %v, want the cause", err)
	}
	for _, p := range started {
		if alive(p) {
			t.Errorf("%s still runs", p.Name())
		}
	}
	if len(started) != 2 {
		t.Errorf("%d components were started, want 2", len(started))
	}
}

func TestTakenPortMakesItStartAgain(t *testing.T) {
	config := newConfig(t, programs.With(t, apiServer, "echo listen: bind: address already in use; exit 1"))
	tries := 0
	config.reserve = func() (*ports.Reservation, error) {
		tries++
		return ports.Reserve(portCount)
	}
	if _, err := Start(t.Context(), config); err == nil || tries != attempts {
		t.Errorf("it tried %d times, want %d: %v", tries, attempts, err)
	}
}

func TestComponentThatEndsByItselfIsReported(t *testing.T) {
	c := start(t, newConfig(t, programs.Dir(t)))
	killed := c.components[slices.IndexFunc(c.components, func(p *process.Process) bool { return p.Name() == scheduler })]
	if err := killed.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var reported error
	select {
	case reported = <-c.Failed():
	case <-time.After(time.Minute):
		t.Fatal("nothing is reported")
	}
	failed, ok := errors.AsType[*ComponentError](reported)
	if !ok || failed.Component != scheduler || !strings.Contains(failed.Error(), "signal: killed") || failed.Log == "" {
		t.Errorf("reported: %v", failed)
	}
}

// recorder is a process that writes down what happens to it.
type recorder struct {
	name   string
	events *[]string
	mu     *sync.Mutex
	err    error
}

func (r recorder) Name() string { return r.name }

func (r recorder) Stop(context.Context) error {
	r.note("stop " + r.name)
	<-time.After(time.Second) // Of the test's own clock.
	r.note("ended " + r.name)
	return r.err
}

func (r recorder) note(event string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*r.events = append(*r.events, event)
}

func TestStopOrder(t *testing.T) { synctest.Test(t, stopOrder) }

func stopOrder(t *testing.T) {
	var events []string
	var mu sync.Mutex
	stuck := errors.New("stuck")
	component := func(name string, err error) recorder {
		return recorder{name: name, events: &events, mu: &mu, err: err}
	}
	err := stopStages(t.Context(), stages([]recorder{
		component(containerd, nil), component(etcd, nil), component(apiServer, stuck), component(manager, nil), component(kubelet, nil),
	}))
	if !errors.Is(err, stuck) {
		t.Errorf("the error is lost: %v", err)
	}
	// These two are stopped together, in either order.
	slices.Sort(events[0:2])
	slices.Sort(events[2:4])
	slices.Sort(events[4:6])
	slices.Sort(events[6:8])
	want := []string{
		"stop " + manager, "stop " + kubelet, "ended " + manager, "ended " + kubelet,
		"stop " + containerd, "stop " + apiServer, "ended " + containerd, "ended " + apiServer, "stop " + etcd, "ended " + etcd,
	}
	if !slices.Equal(events, want) {
		t.Errorf("order is %q, want %q", events, want)
	}
}

func TestNoFlagWeakensVerification(t *testing.T) {
	l, e := layout{dir: "/d"}, newEndpoints([]int{1, 2, 3, 4, 5, 6})
	all := slices.Concat(etcdArgs(l, e), apiServerArgs(l, e), managerArgs(l, e), schedulerArgs(l, e))
	for _, arg := range all {
		for _, weak := range []string{"insecure", "skip", "http://", "AlwaysAllow", "auto-tls", "token-auth-file", "0.0.0.0", "disable-admission"} {
			if strings.Contains(arg, weak) {
				t.Errorf("%s has %q", arg, weak)
			}
		}
	}
	// Where there is a node, the API server may listen on all addresses, for they are a namespace's.
	for _, arg := range append(nodeAPIServerArgs()[1:], kubeletClientArgs(l)...) {
		if strings.Contains(arg, "0.0.0.0") || strings.Contains(arg, "insecure") {
			t.Errorf("%s weakens the API server of a node", arg)
		}
	}
	for _, want := range []string{"--client-cert-auth=true", "--peer-client-cert-auth=true", "--authorization-mode=Node,RBAC"} {
		if !slices.Contains(all, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestEarlierStateIsRemovedAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	old, foreign := filepath.Join(dir, etcdDir, "old"), filepath.Join(dir, "notes", "mine")
	if err := errors.Join(os.MkdirAll(old, 0o700), os.MkdirAll(foreign, 0o700), (layout{dir}).clear()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("earlier state is still there: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("what is not ours is gone: %v", err)
	}
}
