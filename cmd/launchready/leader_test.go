// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate"
)

const (
	// killings is how often the leader is killed.
	killings = 20
	// transition is about how long it takes from a change until its verdict stands everywhere.
	transition = 150 * time.Millisecond
	// playsOperator lets the test's own binary be the program.
	playsOperator = "LAUNCHREADY_TEST_PLAYS_OPERATOR"
)

// TestMain is the program itself where a test starts it as a process of its own, that it can kill.
func TestMain(m *testing.M) {
	if os.Getenv(playsOperator) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestLeaderIsKilled runs two replicas, as processes, and kills the one that leads at random moments while the app turns from
// open to failing and back. The other goes on; in the end the status and the Namespace say the same, and no Event was told
// twice.
func TestLeaderIsKilled(t *testing.T) {
	t.Parallel()
	m := newCluster(t)
	r := m.replicas(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	m.create(t, secretsOnly(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: gatedNamespace}})
	app := gatedApp()
	refer(app)
	m.create(t, settingsOfApp(), app, gatedService(), gatedLaunch())
	told := m.transitions(t)
	r.start(t)
	m.agree(t, "at first", gate.StateOpen)
	r.start(t)
	for i := range killings {
		wanted := gate.StateFailing
		if i%2 == 0 {
			m.remove(t, settingsOfApp())
		} else {
			wanted = gate.StateOpen
			m.create(t, settingsOfApp())
		}
		<-time.After(time.Duration(random.Int64N(int64(transition))))
		r.killLeader(t)
		r.start(t)
		m.agree(t, fmt.Sprintf("killed %d times", i+1), wanted)
	}
	m.noEventTwice(t, told)
	m.wasNeverRefused(t)
}

// TestManagerEndsBeforeItRuns: without its roles the operator never gets its caches filled, and ends when it is told to.
func TestManagerEndsBeforeItRuns(t *testing.T) {
	t.Parallel()
	m := newCluster(t)
	r := m.replicas(t)
	m.remove(t, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "launchready-manager"}})
	log := r.launch(t)
	m.poll(t, "it can't list launches", func(context.Context) (bool, error) { return log.contains("forbidden"), nil })
	ended := make(chan error, 1)
	go func() { ended <- r.running[0].Wait() }()
	if err := r.running[0].Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("it does not end")
	}
}

// replicas are processes of the operator, the leading one first.
type replicas struct {
	*managed
	kubeconfig string
	running    []*exec.Cmd
}

// replicas gives those of a cluster, of which none runs yet.
func (m *managed) replicas(t *testing.T) *replicas {
	t.Helper()
	return &replicas{managed: m, kubeconfig: m.kubeconfig(t)}
}

// kubeconfig writes one by which a process is the operator.
func (m *managed) kubeconfig(t *testing.T) string {
	t.Helper()
	config := m.asOperator()
	const name = "test"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{name: {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{name: {
			ClientCertificateData: config.CertData, ClientKeyData: config.KeyData,
			Impersonate: config.Impersonate.UserName, ImpersonateGroups: config.Impersonate.Groups,
		}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	}, file)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// start starts one more replica, and waits until it leads or stands by.
func (r *replicas) start(t *testing.T) {
	t.Helper()
	log := r.launch(t)
	r.poll(t, "the replica asks for the Lease", func(context.Context) (bool, error) { return log.contains("Attempting to acquire leader lease"), nil })
}

// launch starts one more replica, and gives what it logs.
func (r *replicas) launch(t *testing.T) *synced {
	t.Helper()
	log := &synced{}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "manager", "--namespace=launchready-system", "--resync=1h", //nolint:gosec // this very program
		"--metrics-bind-address=0", "--health-probe-bind-address=0")
	cmd.Env = append(os.Environ(), playsOperator+"=1", "KUBECONFIG="+r.kubeconfig)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = cmd.Process.Kill(), cmd.Wait() // most were killed before
		if t.Failed() {
			t.Logf("replica %d said:\n%s", cmd.Process.Pid, log.tail())
		}
	})
	r.running = append(r.running, cmd)
	return log
}

// killLeader kills the replica that leads, and lets the other take its place at once: when the Lease runs out is client-go's.
func (r *replicas) killLeader(t *testing.T) {
	t.Helper()
	leader := r.running[0]
	r.running = r.running[1:]
	if err := leader.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = leader.Wait() // it was killed
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "launchready-system", Name: leaseName}}
	r.update(t, lease, func(client.Object) { lease.Spec.HolderIdentity = ptr.To("") })
}

// agree waits until the launch's status and the Namespace say what they are to say.
func (m *managed) agree(t *testing.T, what string, wanted gate.State) {
	t.Helper()
	var said string
	m.poll(t, fmt.Sprintf("%s: status and Namespace say %s", what, wanted), func(ctx context.Context) (bool, error) {
		lr, ns := &v1alpha1.LaunchReadiness{}, &corev1.Namespace{}
		if err := m.client.Get(ctx, client.ObjectKey{Namespace: gatedNamespace, Name: "chat"}, lr); err != nil {
			return false, err
		}
		if err := m.client.Get(ctx, client.ObjectKey{Name: gatedNamespace}, ns); err != nil {
			return false, err
		}
		record, _ := gate.Notes(ns.Annotations).Record("chat")
		open := meta.IsStatusConditionTrue(lr.Status.Conditions, v1alpha1.ConditionLaunchable)
		said = fmt.Sprintf("the status says Launchable=%t, the Namespace %s in mode %s", open, record.State, record.Mode)
		return record.State == wanted && open == (wanted == gate.StateOpen) && record.Mode == v1alpha1.GateEnforce, nil
	})
	t.Logf("%s: %s", what, said)
}

// told is a change of a condition, as an Event tells it.
type told struct{ condition, reason string }

// transitions counts the changes of the launch's conditions from now on. What it gives may be called once.
func (m *managed) transitions(t *testing.T) (count func() map[told]int) {
	t.Helper()
	watching, err := client.NewWithWatch(m.config, client.Options{Scheme: m.client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := watching.Watch(t.Context(), &v1alpha1.LaunchReadinessList{}, client.InNamespace(gatedNamespace))
	if err != nil {
		t.Fatal(err)
	}
	counted, last := map[told]int{}, map[string]metav1.Condition{}
	var all sync.WaitGroup
	all.Go(func() {
		for event := range stream.ResultChan() {
			lr, ok := event.Object.(*v1alpha1.LaunchReadiness)
			if !ok {
				continue
			}
			for _, c := range lr.Status.Conditions {
				if before := last[c.Type]; before.Status != c.Status || before.Reason != c.Reason {
					counted[told{c.Type, c.Reason}]++
				}
				last[c.Type] = c
			}
		}
	})
	return func() map[told]int {
		stream.Stop()
		all.Wait()
		return counted
	}
}

// noEventTwice sees that there are not more Events of a kind than transitions.
func (m *managed) noEventTwice(t *testing.T, transitions func() map[told]int) {
	t.Helper()
	var events eventsv1.EventList
	if err := m.client.List(t.Context(), &events, client.InNamespace(gatedNamespace)); err != nil {
		t.Fatal(err)
	}
	happened, told := transitions(), map[told]int{}
	for _, e := range events.Items {
		times := 1
		if e.Series != nil {
			times = int(e.Series.Count)
		}
		told[toldBy(e)] += times
	}
	for what, times := range told {
		if times > happened[what] {
			t.Errorf("%s became %s %d times, and %d Events tell of it", what.condition, what.reason, happened[what], times)
		}
	}
	launchable := told[toldBy(eventsv1.Event{Action: v1alpha1.ConditionLaunchable, Reason: v1alpha1.ReasonRowsFailing})]
	t.Logf("%d transitions of Launchable to failing, %d Events", killings/2, launchable)
	if launchable == 0 {
		t.Error("no Event tells of any transition")
	}
}

func toldBy(e eventsv1.Event) told { return told{e.Action, e.Reason} }

// synced is a log that one goroutine writes and another reads.
type synced struct {
	lock sync.Mutex
	text bytes.Buffer
}

func (s *synced) Write(p []byte) (int, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.text.Write(p)
}

func (s *synced) contains(words string) bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	return bytes.Contains(s.text.Bytes(), []byte(words))
}

// tail gives the last 2,000 bytes.
func (s *synced) tail() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return string(s.text.Bytes()[max(0, s.text.Len()-2000):])
}
