// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files")

func testLaunch(name string) *v1alpha1.LaunchReadiness {
	return &v1alpha1.LaunchReadiness{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", UID: types.UID(expected.LaunchUID)}}
}

func testOptions() JobOptions {
	return JobOptions{
		Launch: testLaunch("chat"), Spec: testSpec(), Image: "ghcr.io/launchready/launchready:v0.2.0@sha256:" + strings.Repeat("ab", 32),
		PullSecrets: []v1alpha1.SecretName{"registry"},
	}
}

func testJob(t *testing.T, change ...func(*JobOptions)) *batchv1.Job {
	t.Helper()
	o := testOptions()
	for _, c := range change {
		c(&o)
	}
	job, err := Job(o)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// fromServer reads an object as it comes back over the wire.
func fromServer[T any](t *testing.T, object T) T {
	t.Helper()
	data, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var back T
	if err := yaml.UnmarshalStrict(data, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// testPod is the pod that a sound cluster makes of a Job: with all that the API server, its admission plugins and the
// scheduler add.
func testPod(t *testing.T, job *batchv1.Job, jobUID types.UID) corev1.Pod {
	t.Helper()
	pod := corev1.Pod{ObjectMeta: *job.Spec.Template.ObjectMeta.DeepCopy(), Spec: fromServer(t, job.Spec.Template.Spec)}
	pod.Name, pod.Namespace, pod.UID = job.Name+"-x7f2k", job.Namespace, "uid-of-the-pod"
	pod.Labels[batchv1.JobNameLabel] = job.Name
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: job.Name, UID: jobUID, Controller: ptr.To(true)}}
	s := &pod.Spec
	s.ServiceAccountName, s.DeprecatedServiceAccount = "default", "default"
	s.NodeName, s.SchedulerName = "node-1", corev1.DefaultSchedulerName
	s.Priority, s.PreemptionPolicy, s.PriorityClassName = ptr.To[int32](0), ptr.To(corev1.PreemptLowerPriority), "default"
	s.Tolerations = []corev1.Toleration{{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, TolerationSeconds: ptr.To[int64](300)}}
	s.ImagePullSecrets = append(s.ImagePullSecrets, corev1.LocalObjectReference{Name: "of-the-service-account"})
	s.SecurityContext.SELinuxOptions = &corev1.SELinuxOptions{Level: "s0:c26,c5"}
	s.NodeSelector = map[string]string{"pool": "batch"}
	c := &s.Containers[0]
	c.ImagePullPolicy = corev1.PullAlways
	c.Resources.Limits[corev1.ResourceEphemeralStorage] = resource.MustParse("1Gi")
	c.Resources.Requests[corev1.ResourceCPU] = resource.MustParse("0.1")
	return pod
}

func golden(t *testing.T, name string, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +got; -update writes it):\n%s", file, diff)
	}
}

func asYAML(t *testing.T, object any) string {
	t.Helper()
	data, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func testPolicy() NetworkPolicyOptions {
	return NetworkPolicyOptions{
		Launch: testLaunch("chat"), Selector: map[string]string{"app": "chat", "tier": "web"},
		Ports: []intstr.IntOrString{intstr.FromInt32(8080), intstr.FromString("http")},
	}
}

// testLogging has a sink that can't be asked, one that wants a key, and one that wants none.
func testLogging() *v1alpha1.Logging {
	request := v1alpha1.HTTPRequest{Path: "/events", Headers: map[string]v1alpha1.HeaderValue{"Authorization": "Bearer $(credentials.token)"}}
	return &v1alpha1.Logging{Sinks: []v1alpha1.LogSink{
		{Name: "files"},
		{Name: "tracker", Query: &v1alpha1.LogQuery{Host: "tracker.example.com", CredentialsSecretRef: &v1alpha1.SecretReference{Name: "tracker-reader"}, Request: request}},
		{Name: "open", Query: &v1alpha1.LogQuery{Host: "open.example.com:9443", Request: v1alpha1.HTTPRequest{Path: "/events"}}},
	}}
}

func TestSinksAreAskedByTheirOwnSuiteAlone(t *testing.T) {
	launch := &v1alpha1.LaunchReadinessSpec{App: &v1alpha1.App{}, Logging: testLogging()}
	for _, suite := range Suites() {
		var sinks, secrets []string
		if suite == SuiteLogging {
			sinks, secrets = []string{"tracker", "open"}, []string{"tracker-reader"}
		}
		var got []string
		for _, sink := range suite.Sinks(launch.Logging) {
			got = append(got, sink.Name)
		}
		if !slices.Equal(got, sinks) || !slices.Equal(suite.Secrets(launch), secrets) {
			t.Errorf("%s asks %v with %v", suite, got, suite.Secrets(launch))
		}
	}
}

func TestWhatIsCreated(t *testing.T) {
	golden(t, "job.golden.yaml", asYAML(t, testJob(t)))
	golden(t, "job-in-mesh.golden.yaml", asYAML(t, testJob(t, func(o *JobOptions) { o.Mesh = v1alpha1.MeshJoin })))
	golden(t, "job-injection.golden.yaml", asYAML(t, testJob(t, func(o *JobOptions) {
		o.Spec.Suite = SuiteInjection
		o.Spec.App.Chat = &v1alpha1.Chat{SystemPrompt: &v1alpha1.SystemPrompt{
			CanarySecretRef: v1alpha1.SecretReference{Name: "chat-canary"},
			TextSecretRef:   &v1alpha1.SecretKeyReference{SecretReference: v1alpha1.SecretReference{Name: "chat-prompt"}, Key: "instructions"},
		}}
	})))
	golden(t, "job-logging.golden.yaml", asYAML(t, testJob(t, func(o *JobOptions) {
		o.Spec.Suite = SuiteLogging
		o.Spec.Sinks = SuiteLogging.Sinks(testLogging())
	})))
	policy, err := NetworkPolicy(testPolicy())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "networkpolicy.golden.yaml", asYAML(t, policy))
	visiting := testPolicy()
	visiting.Launch.Spec.App = &v1alpha1.App{Login: &v1alpha1.Login{Hosts: []v1alpha1.PublicHost{"login.example.com:8443", "idp.example.com", "id.example.com:443"}}}
	if policy, err = NetworkPolicy(visiting); err != nil {
		t.Fatal(err)
	}
	golden(t, "networkpolicy-login.golden.yaml", asYAML(t, policy))
	visiting.Launch.Spec.Logging = testLogging()
	if policy, err = NetworkPolicy(visiting); err != nil {
		t.Fatal(err)
	}
	golden(t, "networkpolicy-sinks.golden.yaml", asYAML(t, policy))
	talking := testPolicy()
	talking.Launch.Spec.App = &v1alpha1.App{Chat: &v1alpha1.Chat{}}
	if policy, err = NetworkPolicy(talking); err != nil {
		t.Fatal(err)
	}
	golden(t, "networkpolicy-chat.golden.yaml", asYAML(t, policy))
	admitting, err := AdmittingYAML(testPolicy())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "admitting.golden.yaml", admitting)
}

func TestAPolicyIsNeverWiderThanTheTarget(t *testing.T) {
	for name, change := range map[string]func(*NetworkPolicyOptions){
		"every pod":  func(o *NetworkPolicyOptions) { o.Selector = nil },
		"every port": func(o *NetworkPolicyOptions) { o.Ports = nil },
		"no launch":  func(o *NetworkPolicyOptions) { o.Launch = nil },
	} {
		t.Run(name, func(t *testing.T) {
			o := testPolicy()
			change(&o)
			if p, err := NetworkPolicy(o); err == nil {
				t.Errorf("it gives %s", asYAML(t, p))
			}
			if text, err := AdmittingYAML(o); err == nil {
				t.Errorf("it gives %s", text)
			}
		})
	}
}

func TestAJobIsForALaunchThatIsThere(t *testing.T) {
	for name, change := range map[string]func(*JobOptions){
		"no launch":                func(o *JobOptions) { o.Launch = nil },
		"no uid":                   func(o *JobOptions) { o.Launch.UID = "" },
		"another launch's spec":    func(o *JobOptions) { o.Spec.LaunchUID = "x" },
		"another namespace's spec": func(o *JobOptions) { o.Spec.Namespace = "x" },
		"no image":                 func(o *JobOptions) { o.Image = "" },
		"no nonce":                 func(o *JobOptions) { o.Spec.Nonce = "" },
		"a TTL of years":           func(o *JobOptions) { o.TTL = 1e6 * time.Hour },
		"a deadline of years":      func(o *JobOptions) { o.Spec.DeadlineSeconds = 1 << 60 },
		"a mesh that is none":      func(o *JobOptions) { o.Mesh = "join" },
		"an identity twice":        func(o *JobOptions) { o.Spec.App.Identities[1].Name = "alice" },
		"an identity that climbs":  func(o *JobOptions) { o.Spec.App.Identities[1].Name = "../alice" },
		"an identity that is ..":   func(o *JobOptions) { o.Spec.App.Identities[1].Name = ".." },
		"an identity without name": func(o *JobOptions) { o.Spec.App.Identities[1].CredentialsSecretRef.Name = "" },
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions()
			change(&o)
			if job, err := Job(o); err == nil {
				t.Errorf("it gives Job %s", job.Name)
			}
		})
	}
}

func TestNamesAreValidAndOneAnAttempt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := testSpec()
		spec.Launch = rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?){0,3}`).Draw(t, "launch")
		name := JobName(spec)
		if errs := validation.IsDNS1123Label(name); len(errs) > 0 {
			t.Errorf("name %q: %v", name, errs)
		}
		if errs := validation.IsValidLabelValue(LaunchLabelValue(spec.Launch)); len(errs) > 0 {
			t.Errorf("label %q: %v", LaunchLabelValue(spec.Launch), errs)
		}
		if errs := validation.IsDNS1123Subdomain(NetworkPolicyName(spec.Launch)); len(errs) > 0 {
			t.Errorf("policy %q: %v", NetworkPolicyName(spec.Launch), errs)
		}
	})
	spec := testSpec()
	for name, change := range map[string]func(*Spec){
		"attempt":       func(s *Spec) { s.Attempt++ },
		"run":           func(s *Spec) { s.Run++ },
		"revision":      func(s *Spec) { s.Revision = "another" },
		"inputs":        func(s *Spec) { s.InputsHashes = map[v1alpha1.Row]string{v1alpha1.RowAuthEnforced: "cccc"} },
		"launch of old": func(s *Spec) { s.LaunchUID = "another" },
	} {
		other := testSpec()
		change(&other)
		if JobName(other) == JobName(spec) || Nonce(testKey, other) == Nonce(testKey, spec) {
			t.Errorf("another %s has the same name or nonce", name)
		}
	}
	// Where the target stands and what the image is called may change while a Job runs: it keeps its name.
	spec.Target.Addresses, spec.Version, spec.Nonce = nil, "0.3.0", ""
	if JobName(spec) != JobName(testSpec()) || Nonce(testKey, spec) != Nonce(testKey, testSpec()) {
		t.Error("the same attempt has two names or nonces")
	}
	if Nonce([]byte("another key"), spec) == Nonce(testKey, spec) {
		t.Error("the nonce can be told without the key")
	}
	if a, b := LaunchLabelValue(strings.Repeat("a", 80)), LaunchLabelValue(strings.Repeat("a", 81)); a == b {
		t.Error("two launches share a label")
	}
}

func TestAPodOfASoundClusterIsTheSame(t *testing.T) {
	job := testJob(t)
	pod := testPod(t, job, "job")
	if err := SameSpec(job, &pod); err != nil {
		t.Error(err)
	}
	if err := SameJob(job, fromServer(t, job)); err != nil {
		t.Error(err)
	}
	bare := testJob(t, func(o *JobOptions) { o.Spec.App.Identities, o.PullSecrets = nil, nil })
	pod = testPod(t, bare, "job")
	pod.Spec.Volumes, pod.Spec.Containers[0].VolumeMounts = []corev1.Volume{}, []corev1.VolumeMount{}
	if err := SameSpec(bare, &pod); err != nil {
		t.Errorf("without identities: %v", err)
	}
}

func TestAPodThatWasTamperedWithIsNot(t *testing.T) {
	first := func(s *corev1.PodSpec) *corev1.Container { return &s.Containers[0] }
	for name, test := range map[string]struct {
		change func(*corev1.PodSpec)
		want   string
	}{
		"a sidecar": {func(s *corev1.PodSpec) {
			s.Containers = append(s.Containers, corev1.Container{Name: "istio-proxy"})
		}, "istio-proxy was added"},
		"a sidecar before us":      {func(s *corev1.PodSpec) { s.InitContainers = []corev1.Container{{Name: "evil\u202e"}} }, `evil\u{202E} was added`},
		"our container twice":      {func(s *corev1.PodSpec) { s.Containers = append(s.Containers, s.Containers[0]) }, "containers"},
		"our container is gone":    {func(s *corev1.PodSpec) { s.Containers[0].Name = "other" }, "no container probe"},
		"a debugger":               {func(s *corev1.PodSpec) { s.EphemeralContainers = make([]corev1.EphemeralContainer, 1) }, "ephemeralContainers"},
		"another image":            {func(s *corev1.PodSpec) { first(s).Image = "evil" }, "image"},
		"a command":                {func(s *corev1.PodSpec) { first(s).Command = []string{"sh"} }, "command"},
		"other args":               {func(s *corev1.PodSpec) { first(s).Args = []string{"probe", "--pass"} }, "args"},
		"another nonce":            {func(s *corev1.PodSpec) { first(s).Env[0].Value = "{}" }, "env"},
		"a proxy":                  {func(s *corev1.PodSpec) { first(s).Env = append(first(s).Env, corev1.EnvVar{Name: "HTTP_PROXY"}) }, "env"},
		"variables of a ConfigMap": {func(s *corev1.PodSpec) { first(s).EnvFrom = make([]corev1.EnvFromSource, 1) }, "envFrom"},
		"other credentials":        {func(s *corev1.PodSpec) { s.Volumes[0].Secret.SecretName = "probe-bob" }, "volumes"},
		"a volume more": {func(s *corev1.PodSpec) {
			s.Volumes = append(s.Volumes, corev1.Volume{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		}, "volumes"},
		"credentials swapped":       {func(s *corev1.PodSpec) { first(s).VolumeMounts[0].Name = "credentials-1" }, "volumeMounts"},
		"a hook":                    {func(s *corev1.PodSpec) { first(s).Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{}} }, "lifecycle"},
		"a health check":            {func(s *corev1.PodSpec) { first(s).LivenessProbe = &corev1.Probe{} }, "health check"},
		"another message":           {func(s *corev1.PodSpec) { first(s).TerminationMessagePath = "/v/message" }, "terminationMessagePath"},
		"a message from the log":    {func(s *corev1.PodSpec) { first(s).TerminationMessagePolicy = "FallbackToLogsOnError" }, "terminationMessagePolicy"},
		"root":                      {func(s *corev1.PodSpec) { s.SecurityContext.RunAsUser = ptr.To[int64](0) }, "securityContext"},
		"a sysctl":                  {func(s *corev1.PodSpec) { s.SecurityContext.Sysctls = make([]corev1.Sysctl, 1) }, "securityContext"},
		"privileged":                {func(s *corev1.PodSpec) { first(s).SecurityContext.Privileged = ptr.To(true) }, "securityContext"},
		"the host's network":        {func(s *corev1.PodSpec) { s.HostNetwork = true }, "hostNetwork"},
		"the host's processes":      {func(s *corev1.PodSpec) { s.HostPID = true }, "hostPID"},
		"shared processes":          {func(s *corev1.PodSpec) { s.ShareProcessNamespace = ptr.To(true) }, "shareProcessNamespace"},
		"other hosts":               {func(s *corev1.PodSpec) { s.HostAliases = make([]corev1.HostAlias, 1) }, "hostAliases"},
		"another resolver":          {func(s *corev1.PodSpec) { s.DNSConfig = &corev1.PodDNSConfig{Nameservers: []string{"10.6.6.6"}} }, "dnsConfig"},
		"the node's resolver":       {func(s *corev1.PodSpec) { s.DNSPolicy = corev1.DNSDefault }, "dnsPolicy"},
		"service variables":         {func(s *corev1.PodSpec) { s.EnableServiceLinks = ptr.To(true) }, "enableServiceLinks"},
		"elsewhere":                 {func(s *corev1.PodSpec) { first(s).WorkingDir = "/v" }, "workingDir"},
		"a device":                  {func(s *corev1.PodSpec) { first(s).VolumeDevices = make([]corev1.VolumeDevice, 1) }, "volumeDevices"},
		"a container that restarts": {func(s *corev1.PodSpec) { first(s).RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways) }, "restartPolicy"},
		"a terminal":                {func(s *corev1.PodSpec) { first(s).Stdin = true }, "stdin"},
		"a token of the cluster's":  {func(s *corev1.PodSpec) { s.AutomountServiceAccountToken = nil }, "automountServiceAccountToken"},
		"restarts":                  {func(s *corev1.PodSpec) { s.RestartPolicy = corev1.RestartPolicyOnFailure }, "restartPolicy"},
		"less memory": {func(s *corev1.PodSpec) {
			first(s).Resources.Limits[corev1.ResourceMemory] = resource.MustParse("1Mi")
		}, "resources"},
	} {
		t.Run(name, func(t *testing.T) {
			job := testJob(t)
			pod := testPod(t, job, "job")
			test.change(&pod.Spec)
			if err := SameSpec(job, &pod); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("it gives %v, want an error about %s", err, test.want)
			}
		})
	}
}

func TestInAMeshOnlyWhatTheMeshAddsIsLetPass(t *testing.T) {
	join := func(o *JobOptions) { o.Mesh = v1alpha1.MeshJoin }
	job := testJob(t, join)
	pod := testPod(t, job, "job")
	pod.Spec.Containers = append([]corev1.Container{{Name: "istio-proxy"}}, pod.Spec.Containers...)
	pod.Spec.InitContainers = []corev1.Container{{Name: "istio-init"}}
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "istio-envoy"})
	if err := SameSpec(job, &pod); err != nil {
		t.Error(err)
	}
	pod.Spec.Containers[1].Command = []string{"sh"}
	if err := SameSpec(job, &pod); err == nil {
		t.Error("our container may be changed")
	}
}

func TestAJobThatIsThereAlreadyIsCompared(t *testing.T) {
	for name, change := range map[string]func(*batchv1.Job){
		"of nobody":         func(j *batchv1.Job) { j.OwnerReferences = nil },
		"of another launch": func(j *batchv1.Job) { j.OwnerReferences[0].UID = "x" },
		"in parallel":       func(j *batchv1.Job) { j.Spec.Parallelism = ptr.To[int32](5) },
		"without a deadline": func(j *batchv1.Job) {
			j.Spec.ActiveDeadlineSeconds = nil
		},
		"with retries":         func(j *batchv1.Job) { j.Spec.BackoffLimit = ptr.To[int32](6) },
		"run by somebody else": func(j *batchv1.Job) { j.Spec.ManagedBy = ptr.To("example.com/evil") },
		"without its label":    func(j *batchv1.Job) { delete(j.Spec.Template.Labels, LaunchLabel) },
		"with another image":   func(j *batchv1.Job) { j.Spec.Template.Spec.Containers[0].Image = "evil" },
	} {
		t.Run(name, func(t *testing.T) {
			job := testJob(t)
			change(job)
			if err := SameJob(testJob(t), job); err == nil {
				t.Error("it is taken for ours")
			}
		})
	}
}
