// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cluster

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
)

// Names of the components, which are the names of their programs and logs too.
const (
	etcd      = "etcd"
	apiServer = "kube-apiserver"
	manager   = "kube-controller-manager"
	scheduler = "kube-scheduler"
)

// serviceRange is kubeadm's default for Services' addresses, and firstServiceIP the address that the API server gives itself
// in it. Nothing routes there.
const (
	serviceRange   = "10.96.0.0/12"
	firstServiceIP = "10.96.0.1"
)

// endpoints are the ports of one control plane.
type endpoints struct{ etcdClient, etcdPeer, apiServer, manager, scheduler, kubelet int }

// portCount is the number of ports in endpoints.
const portCount = 6

func newEndpoints(ports []int) endpoints {
	return endpoints{apiServer: ports[0], etcdClient: ports[1], etcdPeer: ports[2], manager: ports[3], scheduler: ports[4], kubelet: ports[5]}
}

func address(port int) string { return "https://" + net.JoinHostPort(loopback, strconv.Itoa(port)) }

// etcdArgs starts a store of one member, which only holders of a certificate of its authority may talk to.
func etcdArgs(l layout, e endpoints) []string {
	return []string{
		"--name=default",
		"--data-dir=" + l.etcd(),
		"--listen-client-urls=" + address(e.etcdClient),
		"--advertise-client-urls=" + address(e.etcdClient),
		"--listen-peer-urls=" + address(e.etcdPeer),
		"--initial-advertise-peer-urls=" + address(e.etcdPeer),
		"--initial-cluster=default=" + address(e.etcdPeer),
		"--client-cert-auth=true",
		"--trusted-ca-file=" + l.pki("etcd-ca.crt"),
		"--cert-file=" + l.pki("etcd.crt"),
		"--key-file=" + l.pki("etcd.key"),
		"--peer-client-cert-auth=true",
		"--peer-trusted-ca-file=" + l.pki("etcd-ca.crt"),
		"--peer-cert-file=" + l.pki("etcd.crt"),
		"--peer-key-file=" + l.pki("etcd.key"),
		// As kubeadm sets it: the API server's watch cache learns that it is current.
		"--watch-progress-notify-interval=5s",
		// What is written need not survive a crash of the machine, as nothing here does; waiting for the disk is the larger
		// part of a write.
		"--unsafe-no-fsync=true",
		// See package ports.
		"--socket-reuse-port=true",
	}
}

func apiServerArgs(l layout, e endpoints) []string {
	return []string{
		"--etcd-servers=" + address(e.etcdClient),
		"--etcd-cafile=" + l.pki("etcd-ca.crt"),
		"--etcd-certfile=" + l.pki("etcd-client.crt"),
		"--etcd-keyfile=" + l.pki("etcd-client.key"),
		"--bind-address=" + loopback,
		"--advertise-address=" + loopback,
		// The Service "kubernetes" may not have a loopback address as an endpoint: it gets none.
		"--endpoint-reconciler-type=none",
		fmt.Sprintf("--secure-port=%d", e.apiServer),
		"--permit-port-sharing=true",
		"--tls-cert-file=" + l.pki("kube-apiserver.crt"),
		"--tls-private-key-file=" + l.pki("kube-apiserver.key"),
		"--client-ca-file=" + l.pki("ca.crt"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--service-cluster-ip-range=" + serviceRange,
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + l.pki("service-account.pub"),
		"--service-account-signing-key-file=" + l.pki("service-account.key"),
		"--requestheader-client-ca-file=" + l.pki("front-proxy-ca.crt"),
		"--requestheader-allowed-names=" + frontProxyUser,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + l.pki("front-proxy-client.crt"),
		"--proxy-client-key-file=" + l.pki("front-proxy-client.key"),
	}
}

func managerArgs(l layout, e endpoints) []string {
	return append(clientArgs(l, manager, managerUser, e.manager),
		// Each controller with its own account, as the built-in RBAC rules are made.
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+l.pki("service-account.key"),
		"--root-ca-file="+l.pki("ca.crt"),
		"--cluster-signing-cert-file="+l.pki("ca.crt"),
		"--cluster-signing-key-file="+l.pki("ca.key"),
	)
}

func schedulerArgs(l layout, e endpoints) []string {
	return clientArgs(l, scheduler, schedulerUser, e.scheduler)
}

// clientArgs are what the two clients of the API server have in common.
func clientArgs(l layout, name, user string, port int) []string {
	config := l.kubeconfig(user)
	return []string{
		"--kubeconfig=" + config,
		"--authentication-kubeconfig=" + config,
		"--authorization-kubeconfig=" + config,
		"--client-ca-file=" + l.pki("ca.crt"),
		"--requestheader-client-ca-file=" + l.pki("front-proxy-ca.crt"),
		"--bind-address=" + loopback,
		fmt.Sprintf("--secure-port=%d", port),
		"--permit-port-sharing=true",
		"--tls-cert-file=" + l.pki(name+".crt"),
		"--tls-private-key-file=" + l.pki(name+".key"),
		// At its start the controller manager makes an account for each of some forty controllers, one request after the other: the
		// default of 20 a second makes that seconds, in which nothing else happens.
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
		// There is no second one to elect.
		"--leader-elect=false",
	}
}

// program is the path of a component's program.
func program(bin, name string) string { return filepath.Join(bin, name) }
