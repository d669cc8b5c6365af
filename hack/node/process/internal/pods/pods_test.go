// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestExpandReplacesWhatIsKnown(t *testing.T) {
	values := map[string]string{"A": "a", "B": "$(A)", "EMPTY": ""}
	for text, want := range map[string]string{
		"plain": "plain", "$(A)": "a", "x$(A)y$(A)": "xaya", "$(NONE)": "$(NONE)", "$$(A)": "$(A)", "$$$(A)": "$a", "$(A": "$(A",
		"$": "$", "cost: $5": "cost: $5", "$(B)": "$(A)", "$(EMPTY)|": "|", "$()": "$()",
	} {
		if got := expand(text, values); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestUserIsTheContainersThenThePodsThenTheImages(t *testing.T) {
	id := func(n int64) *int64 { return &n }
	yes, no := true, false
	for name, c := range map[string]struct {
		pod       *corev1.PodSecurityContext
		container *corev1.SecurityContext
		image     string
		want      string
	}{
		"the image's":              {nil, nil, "65532:65533", "65532:65533"},
		"none":                     {nil, nil, "", "0:0"},
		"the pod's":                {&corev1.PodSecurityContext{RunAsUser: id(5), RunAsGroup: id(6)}, nil, "1:2", "5:6"},
		"the container's":          {&corev1.PodSecurityContext{RunAsUser: id(5)}, &corev1.SecurityContext{RunAsUser: id(7)}, "1:2", "7:2"},
		"a name":                   {nil, nil, "nonroot", `"nonroot" is a name`},
		"a name that is not asked": {&corev1.PodSecurityContext{RunAsUser: id(5)}, nil, "nonroot", "5:0"},
		"root where it must not":   {&corev1.PodSecurityContext{RunAsNonRoot: &yes}, nil, "", "would run as root"},
		"root where it may":        {&corev1.PodSecurityContext{RunAsNonRoot: &yes}, &corev1.SecurityContext{RunAsNonRoot: &no}, "", "0:0"},
	} {
		user, group, err := userOf(corev1.PodSpec{SecurityContext: c.pod}, corev1.Container{SecurityContext: c.container}, c.image)
		got := fmt.Sprintf("%d:%d", user, group)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestWhatWouldBeAnotherPodIsRefusedByItsField(t *testing.T) {
	yes := true
	always := corev1.ContainerRestartPolicyAlways
	sound := corev1.PodSpec{DNSPolicy: corev1.DNSClusterFirst, Containers: []corev1.Container{{Name: "app"}}}
	if field := unsupported(sound); field != "" {
		t.Errorf("a sound pod is refused for %s", field)
	}
	for want, change := range map[string]func(*corev1.PodSpec){
		"spec.initContainers":        func(s *corev1.PodSpec) { s.InitContainers = s.Containers },
		"spec.hostNetwork":           func(s *corev1.PodSpec) { s.HostNetwork = true },
		"spec.hostPID":               func(s *corev1.PodSpec) { s.HostPID = true },
		"spec.hostIPC":               func(s *corev1.PodSpec) { s.HostIPC = true },
		"spec.shareProcessNamespace": func(s *corev1.PodSpec) { s.ShareProcessNamespace = &yes },
		"spec.dnsPolicy":             func(s *corev1.PodSpec) { s.DNSPolicy = corev1.DNSDefault },
		"spec.dnsConfig":             func(s *corev1.PodSpec) { s.DNSConfig = &corev1.PodDNSConfig{} },
		"spec.hostAliases":           func(s *corev1.PodSpec) { s.HostAliases = []corev1.HostAlias{{}} },
		"spec.volumes[host]": func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{}}}}
		},
		"spec.containers[app].lifecycle":                  func(s *corev1.PodSpec) { s.Containers[0].Lifecycle = &corev1.Lifecycle{} },
		"spec.containers[app].stdin":                      func(s *corev1.PodSpec) { s.Containers[0].TTY = true },
		"spec.containers[app].restartPolicy":              func(s *corev1.PodSpec) { s.Containers[0].RestartPolicy = &always },
		"spec.containers[app].securityContext.privileged": func(s *corev1.PodSpec) { s.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: &yes} },
		"spec.containers[app].securityContext.capabilities.add": func(s *corev1.PodSpec) {
			s.Containers[0].SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN"}}}
		},
		"spec.containers[app].volumeMounts[/a].subPath": func(s *corev1.PodSpec) {
			s.Containers[0].VolumeMounts = []corev1.VolumeMount{{MountPath: "/a", SubPath: "b"}}
		},
		"spec.containers[app].ports.hostPort": func(s *corev1.PodSpec) { s.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80}} },
		"spec.containers[app].env[LIMIT].valueFrom": func(s *corev1.PodSpec) {
			s.Containers[0].Env = []corev1.EnvVar{{Name: "LIMIT", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{}}}}
		},
		"spec.containers[app].readinessProbe": func(s *corev1.PodSpec) {
			s.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{}}}
		},
	} {
		s := *sound.DeepCopy()
		change(&s)
		if got := unsupported(s); got != want {
			t.Errorf("it is refused for %q, want %q", got, want)
		}
	}
}

func TestLogGivesTheLastLinesAndNoMoreThanAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	long := strings.Repeat("x", 70<<10)
	n := func(i int64) *int64 { return &i }
	for name, c := range map[string]struct {
		text string
		o    corev1.PodLogOptions
		want string
	}{
		"all":                      {"a\nb\n", corev1.PodLogOptions{}, "a\nb\n"},
		"the last":                 {"a\nb\n", corev1.PodLogOptions{TailLines: n(1)}, "b\n"},
		"the last without its end": {"a\nb", corev1.PodLogOptions{TailLines: n(1)}, "b"},
		"more than there are":      {"a\nb\n", corev1.PodLogOptions{TailLines: n(5)}, "a\nb\n"},
		"none":                     {"a\nb\n", corev1.PodLogOptions{TailLines: n(0)}, ""},
		"empty lines count":        {"a\n\n\n", corev1.PodLogOptions{TailLines: n(2)}, "\n\n"},
		"over blocks":              {"a\n" + long + "\nb\n", corev1.PodLogOptions{TailLines: n(2)}, long + "\nb\n"},
		"bytes":                    {"a\nb\n", corev1.PodLogOptions{LimitBytes: n(3)}, "a\nb"},
		"nothing printed":          {"", corev1.PodLogOptions{TailLines: n(3)}, ""},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		log, err := openLog(t.Context(), path, c.o, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(log)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %.20q, %v, want %.20q", name, got, err, c.want)
		}
		_ = log.Close()
	}
}

func TestFollowedLogGoesOnUntilItsContainerEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // the test is over
	running := make(chan struct{})
	log, err := openLog(t.Context(), path, corev1.PodLogOptions{Follow: true}, running)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // only read
	buffer := make([]byte, 100)
	for _, text := range []string{"first\n", "second\n"} {
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if n, err := log.Read(buffer); err != nil || string(buffer[:n]) != text {
			t.Errorf("it reads %q, %v, want %q", buffer[:n], err, text)
		}
	}
	if _, err := file.WriteString("last\n"); err != nil {
		t.Fatal(err)
	}
	close(running)
	if got, err := io.ReadAll(log); err != nil || string(got) != "last\n" {
		t.Errorf("at the end it reads %q, %v", got, err)
	}
}

// TestProbeTellsWhenTheAnswerHasChanged has a clock of its own.
func TestProbeTellsWhenTheAnswerHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := "-++-+---++" // + is well
		probe := &corev1.Probe{InitialDelaySeconds: 5, PeriodSeconds: 2, SuccessThreshold: 2, FailureThreshold: 3}
		ctx, cancel := context.WithCancel(t.Context())
		begun, asked := time.Now(), 0
		var told []string
		ask(ctx, func(context.Context) error {
			asked++
			if asked == len(answers) {
				defer cancel()
			}
			if answers[asked-1] == '+' {
				return nil
			}
			return errors.New("unwell")
		}, probe, func(well bool) bool {
			told = append(told, fmt.Sprintf("%t after %s", well, time.Since(begun)))
			return true
		})
		// The last answer is not told: the container has ended when it came.
		if diff := cmp.Diff([]string{"true after 9s", "false after 19s"}, told); diff != "" {
			t.Error(diff)
		}
	})
}

func TestVolumeHasTheKeysAndModesThatItNames(t *testing.T) {
	data := map[string][]byte{"a": []byte("A"), "b": []byte("B")}
	mode := func(m int32) *int32 { return &m }
	yes := true
	for name, c := range map[string]struct {
		items    []corev1.KeyToPath
		mode     *int32
		optional *bool
		want     string
	}{
		"all":                   {nil, mode(0o440), nil, "a=A 0440, b=B 0440"},
		"one, elsewhere":        {[]corev1.KeyToPath{{Key: "a", Path: "x/y", Mode: mode(0o400)}}, mode(0o440), nil, "x/y=A 0400"},
		"an absent key":         {[]corev1.KeyToPath{{Key: "c", Path: "c"}}, nil, nil, "there is no key c"},
		"an absent, unneeded":   {[]corev1.KeyToPath{{Key: "c", Path: "c"}}, nil, &yes, ""},
		"a path that leaves it": {[]corev1.KeyToPath{{Key: "a", Path: "../a"}}, nil, nil, "escapes"},
	} {
		dir := filepath.Join(t.TempDir(), "volume")
		files, err := chosen(data, nil, c.items, c.mode, c.optional)
		if err == nil {
			err = write(dir, files)
		}
		got := tree(t, dir)
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func tree(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, _ := os.ReadFile(path) //nolint:gosec // the test's own
		info, _ := e.Info()
		relative, _ := filepath.Rel(dir, path)
		all = append(all, fmt.Sprintf("%s=%s %04o", relative, content, info.Mode().Perm()))
		return nil
	})
	return strings.Join(all, ", ")
}

func TestTerminationMessageIsTheContainersOrTheEndOfItsLog(t *testing.T) {
	dir := t.TempDir()
	message, log := filepath.Join(dir, "message"), filepath.Join(dir, "log")
	fallback := corev1.TerminationMessageFallbackToLogsOnError
	for name, c := range map[string]struct {
		message, log string
		policy       corev1.TerminationMessagePolicy
		code         int32
		want         string
	}{
		"its own":         {"why", "log\n", fallback, 1, "why"},
		"too long":        {strings.Repeat("m", 5000), "", fallback, 1, strings.Repeat("m", 4096)},
		"the log":         {"", "log\n", fallback, 1, "log\n"},
		"all went well":   {"", "log\n", fallback, 0, ""},
		"not asked for":   {"", "log\n", corev1.TerminationMessageReadFile, 1, ""},
		"the log's end":   {"", strings.Repeat("l\n", 200), fallback, 1, strings.Repeat("l\n", 79)},
		"the log's bytes": {"", strings.Repeat("l", 5000), fallback, 1, strings.Repeat("l", 2048)},
	} {
		if err := errors.Join(os.WriteFile(message, []byte(c.message), 0o600), os.WriteFile(log, []byte(c.log), 0o600)); err != nil {
			t.Fatal(err)
		}
		got := new(pod).terminationMessage(corev1.Container{TerminationMessagePolicy: c.policy}, message, log, c.code)
		if got != c.want {
			t.Errorf("%s: %d bytes %.20q, want %d %.20q", name, len(got), got, len(c.want), c.want)
		}
	}
}

func TestStatusFollowsFromTheContainers(t *testing.T) {
	running := corev1.ContainerStatus{Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	unready := corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	waiting := corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}}
	for name, c := range map[string]struct {
		before     corev1.PodPhase
		containers []corev1.ContainerStatus
		want       string
	}{
		"it waits":           {corev1.PodPending, []corev1.ContainerStatus{waiting}, "Pending False ContainersNotReady"},
		"it runs":            {corev1.PodPending, []corev1.ContainerStatus{running}, "Running True "},
		"one is not ready":   {corev1.PodPending, []corev1.ContainerStatus{running, unready}, "Running False ContainersNotReady"},
		"it waits once more": {corev1.PodRunning, []corev1.ContainerStatus{waiting}, "Running False ContainersNotReady"},
		"it has failed":      {corev1.PodFailed, []corev1.ContainerStatus{running}, "Failed False PodFailed"},
		"it has succeeded":   {corev1.PodSucceeded, []corev1.ContainerStatus{waiting}, "Succeeded False PodCompleted"},
	} {
		then := metav1.NewTime(time.Now().Add(-time.Hour))
		s := corev1.PodStatus{Phase: c.before, ContainerStatuses: c.containers, Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: then}, {Type: "Foreign", Status: corev1.ConditionTrue},
		}}
		derive(&s)
		ready := s.Conditions[0]
		if got := fmt.Sprintf("%s %s %s", s.Phase, ready.Status, ready.Reason); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if moved := !ready.LastTransitionTime.Equal(&then); moved != (ready.Status == corev1.ConditionTrue) {
			t.Errorf("%s: the time of the last change is %s", name, ready.LastTransitionTime)
		}
		if len(s.Conditions) != 4 || s.Conditions[1].Type != "Foreign" {
			t.Errorf("%s: others' conditions are gone: %v", name, s.Conditions)
		}
	}
}
