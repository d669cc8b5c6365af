// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cluster

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/launchready/launchready/hack/controlplane/internal/pki"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
)

// Names of the node's components.
const (
	containerd = "containerd"
	kubelet    = "kubelet"
	proxy      = "kube-proxy"
	dns        = "dns"
	firewall   = "firewall"
)

// NodeIP is the node's address, at which pods find the API server, too; NodePrefix is the length of its network's. It is not
// among the Services' addresses: kube-proxy drops what is sent to those that no Service has.
const (
	NodeIP     = "10.245.0.1"
	NodePrefix = 24
)

const (
	nodeName  = "node"
	podRange  = "10.244.0.0/24"
	dnsIP     = "10.96.0.10"
	dnsDomain = "cluster.local"
	// PauseImage holds a pod's namespaces.
	PauseImage = "launchready.dev/pause:dev"
	// ContainerdSocket and the folders below are where they are on any node. Here they are private to its mount namespace.
	ContainerdSocket = "/run/containerd/containerd.sock"
	// ContainerdNamespace is the one in which the kubelet looks for images.
	ContainerdNamespace = "k8s.io"
)

// Users of the node. The groups and names of the first two are what built-in RBAC rules and the Node authorizer know.
const (
	nodeUser     = "system:node:" + nodeName
	proxyUser    = "system:kube-proxy"
	dnsUser      = "launchready:dns"
	firewallUser = "launchready:firewall"
	nodesGroup   = "system:nodes"
	// kubeletClient is as whom the API server asks the kubelet.
	kubeletClient = "kube-apiserver-kubelet-client"
)

// Node says that a node runs beside the control plane, in network and mount namespaces that hold nothing else.
type Node struct {
	// Programs finds the programs of this project and of the machine.
	Programs func(name string) (string, error)
	// Port is the API server's, the same inside and outside of the namespaces.
	Port int
	// Cgroup is the control group, in each hierarchy, below which pods get theirs.
	Cgroup string
	// Pause is the tarball of the image that holds a pod's namespaces.
	Pause string
	// CNI is the folder of the plugins that make pods' interfaces.
	CNI string
}

//go:embed node.yaml
var nodeObjects []byte

// nodeFiles writes what the node's components read. JSON is YAML.
func (c *Cluster) nodeFiles() error {
	l := c.layout
	if err := os.MkdirAll(l.node("cni"), 0o700); err != nil {
		return fmt.Errorf("preparing the node: %w", err)
	}
	var errs []error
	write := func(name string, content any) {
		text, err := json.MarshalIndent(content, "", "  ")
		errs = append(errs, err, l.write(l.node(name), text))
	}
	write("kubelet.json", kubeletConfig(l, c.config.Node.Cgroup))
	write("proxy.json", proxyConfig(l))
	write("cni/pods.conflist", cniConfig())
	errs = append(errs,
		l.write(l.node("containerd.toml"), []byte(containerdConfig(l, c.config.Node.CNI))),
		l.write(l.node("Corefile"), []byte(dnsConfig(l))))
	return errors.Join(errs...)
}

type object = map[string]any

func kubeletConfig(l layout, cgroup string) object {
	return object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"containerRuntimeEndpoint": "unix://" + ContainerdSocket,
		"address":                  NodeIP, "healthzBindAddress": loopback, "readOnlyPort": 0,
		"tlsCertFile": l.pki("kubelet.crt"), "tlsPrivateKeyFile": l.pki("kubelet.key"),
		"authentication": object{
			"anonymous": object{"enabled": false}, "webhook": object{"enabled": true},
			"x509": object{"clientCAFile": l.pki("ca.crt")},
		},
		"authorization": object{"mode": "Webhook"},
		"clusterDNS":    []string{dnsIP}, "clusterDomain": dnsDomain, "resolvConf": "",
		// The machine's own control groups stay as they are: pods get theirs below one that is removed in the end.
		"cgroupRoot": "/" + cgroup, "cgroupDriver": "cgroupfs", "cgroupsPerQOS": true, "enforceNodeAllocatable": []string{},
		"failCgroupV1": false, "failSwapOn": false,
		// It would change rules that kube-proxy no longer needs.
		"makeIPTablesUtilChains": false,
		// Images come from tarballs, so one that was removed could not be fetched again, and how full the machine's disk is does
		// not matter to anybody here.
		"imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99, "imageMaximumGCAge": "0s",
		"evictionHard": object{"memory.available": "50Mi"},
		// The default, somewhere in /usr, belongs to the machine.
		"volumePluginDir": l.node("volume-plugins"),
		// Status as soon as it changes, so that a test need not wait for a beat.
		"syncFrequency": "10s", "nodeStatusUpdateFrequency": "5s",
	}
}

func proxyConfig(l layout) object {
	return object{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"mode": "nftables", "clusterCIDR": podRange, "hostnameOverride": nodeName,
		"clientConnection":   object{"kubeconfig": l.kubeconfig(proxyUser)},
		"healthzBindAddress": loopback + ":10256", "metricsBindAddress": loopback + ":10249",
		// Zero leaves the kernel's settings as they are.
		"conntrack": object{
			"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s",
		},
	}
}

// cniConfig gives each pod a route of its own, so that all that pods send is forwarded, where the firewall sees it.
func cniConfig() object {
	return object{"cniVersion": "0.4.0", "name": "pods", "plugins": []object{{
		"type": "ptp", "ipMasq": false, "ipam": object{
			"type": "host-local", "ranges": [][]object{{{"subnet": podRange}}}, "routes": []object{{"dst": "0.0.0.0/0"}},
		},
	}}}
}

// containerdConfig keeps containerd from /opt, and from lowering oom_score_adj, for which not every root has the right.
func containerdConfig(l layout, plugins string) string {
	return fmt.Sprintf(`version = 2
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`, PauseImage, plugins, l.node("cni"))
}

// dnsConfig knows Services and nothing else: there is nobody outside to ask.
func dnsConfig(l layout) string {
	return fmt.Sprintf(`.:53 {
  bind %s
  errors
  ready %s:8181
  kubernetes %s in-addr.arpa ip6.arpa {
    kubeconfig %s
    ttl 5
  }
}
`, NodeIP, loopback, dnsDomain, l.kubeconfig(dnsUser))
}

// startNode starts the node's components and waits until pods can run.
func (c *Cluster) startNode(ctx context.Context, client *http.Client, runtime *process.Process) error {
	l := c.layout
	plain := &http.Client{}
	defer plain.CloseIdleConnections()
	if err := c.await(ctx, runtime, socketProbe{ContainerdSocket}); err != nil {
		return err
	}
	if err := c.tool(ctx, nil, "ctr", "--namespace", ContainerdNamespace, "images", "import", c.config.Node.Pause); err != nil {
		return err
	}
	agent, err := c.launchNode(kubelet, "--config="+l.node("kubelet.json"), "--kubeconfig="+l.kubeconfig(nodeUser),
		"--hostname-override="+nodeName, "--node-ip="+NodeIP)
	if err != nil {
		return err
	}
	services, err := c.launchNode(proxy, "--config="+l.node("proxy.json"))
	if err != nil {
		return err
	}
	if err := c.tool(ctx, nodeObjects, "kubectl", "--kubeconfig="+c.Kubeconfig(), "apply", "--server-side", "--filename=-"); err != nil {
		return err
	}
	names, err := c.launchNode(dns, "-conf", l.node("Corefile"))
	if err != nil {
		return err
	}
	if err := c.await(ctx, agent, nodeProbe{probe{client, c.Server() + "/api/v1/nodes/" + nodeName}}); err != nil {
		return err
	}
	// It needs to know its node.
	rules, err := c.launchNode(firewall, "--kubeconfig="+l.kubeconfig(firewallUser), "--node="+nodeName, "--services="+serviceRange,
		"--health="+net.JoinHostPort(loopback, "20244"))
	if err != nil {
		return err
	}
	return errors.Join(
		c.await(ctx, services, probe{plain, "http://" + loopback + ":10256/healthz"}),
		c.await(ctx, names, probe{plain, "http://" + loopback + ":8181/ready"}),
		c.await(ctx, rules, probe{plain, "http://" + loopback + ":20244/healthz"}),
	)
}

func (c *Cluster) launchNode(name string, args ...string) (*process.Process, error) {
	path, err := c.config.Node.Programs(name)
	if err != nil {
		return nil, err
	}
	return c.launchProgram(name, path, args)
}

// tool runs a program that does its work and ends.
func (c *Cluster) tool(ctx context.Context, input []byte, name string, args ...string) error {
	path := program(c.config.Bin, name)
	if name == "ctr" {
		var err error
		if path, err = c.config.Node.Programs(name); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.readyTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Stdin = c.layout.dir, bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("preparing the node: %s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

// socketProbe asks whether somebody listens on a Unix socket.
type socketProbe struct{ path string }

func (p socketProbe) ask(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: askTimeout}).DialContext(ctx, "unix", p.path)
	if err != nil {
		return err
	}
	return conn.Close()
}

// nodeProbe asks whether pods are started on the node: it is Ready, and nothing keeps them off it any more.
type nodeProbe struct{ probe }

func (p nodeProbe) ask(ctx context.Context) error {
	body, err := p.get(ctx)
	if err != nil {
		return err
	}
	var node struct {
		Spec struct {
			Taints []struct{ Key string } `json:"taints"`
		} `json:"spec"`
		Status struct {
			Conditions []struct{ Type, Status, Message string } `json:"conditions"`
		} `json:"status"`
	}
	if err := json.Unmarshal(body, &node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status != "True" {
			return fmt.Errorf("the node is not ready: %s", condition.Message)
		}
	}
	if len(node.Status.Conditions) == 0 || len(node.Spec.Taints) > 0 {
		return fmt.Errorf("the node takes no pods yet: taints %v", node.Spec.Taints)
	}
	return nil
}

// issueNode makes the certificates of a node.
func (c *credentials) issueNode(issuer *issuer, kube *pki.Authority) {
	issuer.issue(kube, "kubelet", pki.Request{CommonName: nodeUser, Groups: []string{nodesGroup}, Hosts: []string{nodeName, NodeIP, loopback}, Usages: usages(pki.Server)})
	// As kubeadm makes it: the kubelet asks the API server what its holder may do.
	issuer.issue(kube, "kubelet-client", pki.Request{CommonName: kubeletClient, Groups: []string{adminsGroup}, Usages: usages(pki.Client)})
	for _, user := range []string{nodeUser, proxyUser, dnsUser, firewallUser, watcherUser} {
		request := pki.Request{CommonName: user, Usages: usages(pki.Client)}
		if user == nodeUser {
			request.Groups = []string{nodesGroup}
		}
		c.users[user] = issuer.make(kube, request)
	}
}

// nodeAPIServerArgs replace some of the API server's arguments where there is a node: the namespace is the cluster's alone, so
// all its addresses may be served, and pods get to it.
func nodeAPIServerArgs() []string {
	return []string{
		"--bind-address=" + net.IPv4zero.String(),
		"--advertise-address=" + NodeIP,
		"--endpoint-reconciler-type=lease",
	}
}

// kubeletClientArgs let the API server ask whoever runs pods, as itself and verified.
func kubeletClientArgs(l layout) []string {
	return []string{
		"--kubelet-certificate-authority=" + l.pki("ca.crt"),
		"--kubelet-client-certificate=" + l.pki("kubelet-client.crt"),
		"--kubelet-client-key=" + l.pki("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
	}
}

// ClearNode makes the empty folders of a node. What an earlier one left there is removed.
func ClearNode(dir string) error {
	l := layout{dir}
	errs := []error{os.RemoveAll(l.node(""))}
	for _, folder := range NodeFolders() {
		errs = append(errs, os.MkdirAll(l.node(folder), 0o700))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("preparing the folder of the node: %w", err)
	}
	return nil
}

// NodeFolders are the folders for what grows, by the path at which the node's programs look for them.
func NodeFolders() []string {
	return []string{"var/lib/kubelet", "var/lib/containerd", "var/log/pods"}
}

// NodeFolder is where such a folder is in truth.
func NodeFolder(dir, name string) string { return filepath.Join(layout{dir}.node(""), name) }

// Kubeconfig is where the administrator's kubeconfig of the control plane in a folder is.
func Kubeconfig(dir string) string { return layout{dir}.kubeconfig(adminUser) }

// Address is the address of an API server.
func Address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
