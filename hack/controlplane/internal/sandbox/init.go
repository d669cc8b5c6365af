// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/launchready/launchready/hack/controlplane/internal/cluster"
)

// bridge is the link that has the node's address. Pods' links are not on it.
const bridge = "node0"

// tunables are what the kubelet wants of the kernel. It is shown that it is so, instead.
var tunables = [...]struct{ name, value string }{
	{"vm/overcommit_memory", "1"},
	{"vm/panic_on_oom", "0"},
	{"kernel/panic", "10"},
	{"kernel/panic_on_oops", "1"},
	{"kernel/keys/root_maxkeys", "1000000"},
	{"kernel/keys/root_maxbytes", "25000000"},
}

// Init is the first process in the namespaces. It makes them ready, starts the command with the same files, and reaps, until
// the command has ended, whose exit code it returns. The kernel then ends all that is left.
func Init(text string) (int, error) {
	var config Config
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return 1, err
	}
	reports := os.NewFile(reportFD, "report")
	if err := errors.Join(prepareMounts(config.Dir), prepareNetwork()); err != nil {
		return 1, errors.Join(err, json.NewEncoder(reports).Encode(report{Error: err.Error()}))
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	child, err := os.StartProcess(config.Inside[0], append(config.Inside, text), &os.ProcAttr{
		Dir: config.Dir, Env: append(os.Environ(), "PATH="+searchPath()),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, os.NewFile(listenerFD, "listener"), reports},
	})
	if err != nil {
		return 1, err
	}
	// The command alone says that all is over.
	if err := reports.Close(); err != nil {
		return 1, err
	}
	go func() {
		for range signals {
			_ = child.Signal(syscall.SIGTERM)
		}
	}()
	return reap(child.Pid)
}

// reap waits for all processes, which have only us where their parent has ended, until one of them has ended.
func reap(child int) (int, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 1, fmt.Errorf("waiting for processes: %w", err)
		case pid != child:
		case status.Signaled():
			return 128 + int(status.Signal()), nil
		default:
			return status.ExitStatus(), nil
		}
	}
}

// searchPath has the folders of the system's programs, which not every user's path has.
func searchPath() string {
	return strings.Join([]string{os.Getenv("PATH"), "/usr/sbin", "/usr/bin", "/sbin", "/bin"}, string(os.PathListSeparator))
}

// mounting makes mounts, and keeps the first error.
type mounting struct{ err error }

func (m *mounting) mount(source, target, kind string, flags uintptr, data string) {
	if m.err != nil {
		return
	}
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		m.err = fmt.Errorf("mounting %s: %w", target, err)
	}
}

func (m *mounting) bind(source, target string) {
	m.mount(source, target, "", unix.MS_BIND|unix.MS_REC, "")
}

func (m *mounting) folder(path string) {
	if m.err == nil {
		m.err = os.MkdirAll(path, 0o755) //nolint:gosec // no secrets, and in our own mounts
	}
}

func (m *mounting) file(path, content string) {
	if m.err == nil {
		m.err = os.WriteFile(path, []byte(content), 0o644) //nolint:gosec // no secrets, and in our own mounts
	}
}

// prepareMounts hides from the node what it would change on the machine.
func prepareMounts(dir string) error {
	m := &mounting{}
	// Nothing gets out any more.
	m.mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	m.mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	// Held by a descriptor, in case it is below what is now covered.
	state, err := os.Open(dir) //nolint:gosec // our own folder
	if err != nil {
		return err
	}
	defer func() { _ = state.Close() }()
	m.mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755")
	m.prepareVar()
	m.folder(dir)
	m.bind("/proc/self/fd/"+strconv.Itoa(int(state.Fd())), dir)
	for _, name := range cluster.NodeFolders() {
		m.folder("/" + name)
		m.bind(cluster.NodeFolder(dir, name), "/"+name)
	}
	m.prepareSysctls()
	// But pods and kubelet see each other's mounts.
	m.mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
	return m.err
}

// prepareVar makes /var look as it is, while what is written goes to memory.
func (m *mounting) prepareVar() {
	const upper, work = "/run/launchready/var/upper", "/run/launchready/var/work"
	m.folder(upper)
	m.folder(work)
	m.mount("overlay", "/var", "overlay", 0, "lowerdir=/var,upperdir="+upper+",workdir="+work)
}

// prepareSysctls lets only those of the network be written, which are the namespace's own.
func (m *mounting) prepareSysctls() {
	const all, network = "/proc/sys", "/proc/sys/net"
	m.bind(all, all)
	m.bind(network, network)
	m.mount("", all, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	m.folder("/run/launchready/sysctl")
	for _, tunable := range tunables {
		shown := filepath.Join("/run/launchready/sysctl", strings.ReplaceAll(tunable.name, "/", "."))
		m.file(shown, tunable.value+"\n")
		m.bind(shown, filepath.Join(all, tunable.name))
	}
}

// prepareNetwork gives the namespace an address, and a way out that leads nowhere: without one the kernel would refuse to
// send to Services, whose addresses are rewritten only after it has looked for a way.
func prepareNetwork() error {
	address := fmt.Sprintf("%s/%d", cluster.NodeIP, cluster.NodePrefix)
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", bridge, "type", "bridge"},
		{"address", "add", address, "dev", bridge},
		{"link", "set", bridge, "up"},
		{"route", "add", "default", "dev", bridge},
	} {
		cmd := exec.Command("ip", args...) //nolint:noctx // it can't hang
		cmd.Env = append(os.Environ(), "PATH="+searchPath())
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1\n"), 0o600); err != nil {
		return fmt.Errorf("forwarding for pods: %w", err)
	}
	return nil
}
