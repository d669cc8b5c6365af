// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// devices are those that every container has.
var devices = [...]string{"null", "zero", "full", "random", "urandom"}

// Init is the first process of a container: it makes the namespaces that it was started in ready, and becomes the program. It
// only returns if that failed, after it has told its starter why.
func Init() error {
	// Capabilities are a thread's, and the program gets those of the one that starts it.
	runtime.LockOSThread()
	failures := os.NewFile(errorFD, "failures")
	unix.CloseOnExec(errorFD)
	err := become()
	_, _ = failures.WriteString(err.Error()) // who does not listen any more has ended us
	return err
}

func become() error {
	var spec Spec
	input := os.NewFile(specFD, "spec")
	if err := errors.Join(json.NewDecoder(input).Decode(&spec), input.Close()); err != nil {
		return fmt.Errorf("reading what to start: %w", err)
	}
	if err := spec.mountAll(); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	if err := os.Chdir(spec.Dir); err != nil {
		return fmt.Errorf("working folder: %w", err)
	}
	path, err := spec.program()
	if err != nil {
		return err
	}
	if err := giveUpCapabilities(); err != nil {
		return fmt.Errorf("giving up capabilities: %w", err)
	}
	return fmt.Errorf("starting %s: %w", path, unix.Exec(path, spec.Args, spec.Env))
}

// mountAll makes the container's files, and leaves nothing else to be seen.
func (s Spec) mountAll() error {
	// Of what is mounted here the outside must not hear.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	root, err := s.root()
	if err != nil {
		return err
	}
	if err := mountSystem(root); err != nil {
		return err
	}
	for _, m := range s.Mounts {
		if err := bind(root, m); err != nil {
			return err
		}
	}
	// As pivot_root(2) has it: the old root is stacked on the new one, and then taken away.
	if err := errors.Join(os.Chdir(root), unix.PivotRoot(".", "."), unix.Unmount(".", unix.MNT_DETACH), os.Chdir("/")); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if s.ReadOnly {
		if err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("making the root read-only: %w", err)
		}
	}
	return nil
}

// root lays what the container writes over the files of its image.
func (s Spec) root() (string, error) {
	if err := unix.Mount("tmpfs", s.Scratch, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return "", fmt.Errorf("mounting memory for what it writes: %w", err)
	}
	upper, work, root := filepath.Join(s.Scratch, "upper"), filepath.Join(s.Scratch, "work"), filepath.Join(s.Scratch, "root")
	for _, dir := range []string{upper, work, root} {
		if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // whoever the program is, it may enter its root
			return "", err
		}
	}
	options := fmt.Sprintf("userxattr,lowerdir=%s,upperdir=%s,workdir=%s", s.Root, upper, work)
	if err := unix.Mount("overlay", root, "overlay", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return "", fmt.Errorf("laying memory over the image's files (overlayfs): %w", err)
	}
	return root, nil
}

// mountSystem mounts what programs expect of a Linux.
func mountSystem(root string) error {
	for _, dir := range []string{"proc", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil { //nolint:gosec // as in any image
			return err
		}
	}
	if err := unix.Mount("proc", filepath.Join(root, "proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", filepath.Join(root, "dev"), "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755"); err != nil {
		return fmt.Errorf("mounting /dev: %w", err)
	}
	for _, name := range devices {
		path := filepath.Join("/dev", name)
		if err := bind(root, Mount{Source: path, Target: path}); err != nil {
			return err
		}
	}
	return nil
}

// bind mounts a file or folder below the root.
func bind(root string, m Mount) error {
	fail := func(err error) error { return fmt.Errorf("mounting %s: %w", m.Target, err) }
	target, err := place(root, m)
	if err != nil {
		return fail(err)
	}
	if err := unix.Mount(m.Source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fail(err)
	}
	if !m.ReadOnly {
		return nil
	}
	// A namespace of less privilege must keep what the outer one has set.
	var stat unix.Statfs_t
	if err := unix.Statfs(target, &stat); err != nil {
		return fail(err)
	}
	kept := uintptr(stat.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME) //nolint:gosec // a set of bits
	if err := unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|kept, ""); err != nil {
		return fail(err)
	}
	return nil
}

// place makes the file or folder to mount over. A link in the image can't lead it out of the root.
func place(root string, m Mount) (string, error) {
	info, err := os.Stat(m.Source)
	if err != nil {
		return "", err
	}
	inside, err := os.OpenRoot(root)
	if err != nil {
		return "", err
	}
	defer inside.Close() //nolint:errcheck // only read
	name := strings.TrimPrefix(filepath.Clean("/"+m.Target), "/")
	folder := name
	if !info.IsDir() {
		folder = filepath.Dir(name)
	}
	if err := inside.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	if !info.IsDir() {
		file, err := inside.OpenFile(name, os.O_CREATE|os.O_RDONLY, 0o644)
		if err != nil {
			return "", err
		}
		_ = file.Close()
	}
	return filepath.Join(root, name), nil
}

// program finds the program, in the container's root and by its PATH.
func (s Spec) program() (string, error) {
	if len(s.Args) == 0 {
		return "", errors.New("the image has no entry point, and the pod no command")
	}
	name := s.Args[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, variable := range s.Env {
		list, found := strings.CutPrefix(variable, "PATH=")
		if !found {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%q: executable file not found in $PATH", name)
}

// giveUpCapabilities sees that the program, whoever it is, has none and gets none.
func giveUpCapabilities() error {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		// One that the kernel does not know needs no dropping.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	return errors.Join(
		unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0),
		unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}
