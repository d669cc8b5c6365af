// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cluster

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/pki"
)

// loopback is the only address anything here listens on.
const loopback = "127.0.0.1"

// Users of the API server. The names and groups of the last two are what the built-in RBAC rules bind
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles).
const (
	adminUser      = "admin"
	managerUser    = "system:kube-controller-manager"
	schedulerUser  = "system:kube-scheduler"
	adminsGroup    = "system:masters"
	frontProxyUser = "front-proxy-client"
)

// credentials are the keys and certificates of a control plane that our own process needs, after the others were written.
type credentials struct {
	etcdCA     []byte
	etcdClient pki.Pair
	kubeCA     []byte
	users      map[string]pki.Pair
}

// writeCredentials makes three authorities as kubeadm does (https://kubernetes.io/docs/setup/best-practices/certificates/):
// one for Kubernetes, one for etcd, so that no Kubernetes client certificate opens the store, and one for aggregated API
// servers, so that none of the others can speak for a user.
func writeCredentials(l layout, now time.Time, node bool) (*credentials, error) {
	kube, errKube := pki.NewAuthority("launchready-kubernetes", now)
	etcd, errEtcd := pki.NewAuthority("launchready-etcd", now)
	front, errFront := pki.NewAuthority("launchready-front-proxy", now)
	if err := errors.Join(errKube, errEtcd, errFront); err != nil {
		return nil, err
	}
	issuer := issuer{layout: l}
	c := &credentials{etcdCA: etcd.Pair().CertPEM, kubeCA: kube.Pair().CertPEM, users: map[string]pki.Pair{}}

	issuer.file("etcd-ca.crt", etcd.Pair().CertPEM)
	// etcd's own gateway dials etcd with the serving certificate, hence both usages; so do peers.
	local := []string{"localhost", loopback}
	issuer.issue(etcd, "etcd", pki.Request{CommonName: "etcd", Hosts: local, Usages: usages(pki.Server, pki.Client)})
	c.etcdClient = issuer.issue(etcd, "etcd-client", pki.Request{CommonName: "kube-apiserver", Usages: usages(pki.Client)})

	issuer.file("ca.crt", kube.Pair().CertPEM)
	// The controller manager signs what CertificateSigningRequests ask for.
	issuer.file("ca.key", kube.Pair().KeyPEM)
	issuer.issue(kube, "kube-apiserver", pki.Request{CommonName: "kube-apiserver", Hosts: apiServerHosts(), Usages: usages(pki.Server)})
	issuer.issue(kube, "kube-controller-manager", pki.Request{CommonName: "kube-controller-manager", Hosts: local, Usages: usages(pki.Server)})
	issuer.issue(kube, "kube-scheduler", pki.Request{CommonName: "kube-scheduler", Hosts: local, Usages: usages(pki.Server)})
	c.users[adminUser] = issuer.make(kube, pki.Request{CommonName: adminUser, Groups: []string{adminsGroup}, Usages: usages(pki.Client)})
	c.users[managerUser] = issuer.make(kube, pki.Request{CommonName: managerUser, Usages: usages(pki.Client)})
	c.users[schedulerUser] = issuer.make(kube, pki.Request{CommonName: schedulerUser, Usages: usages(pki.Client)})
	if node {
		c.issueNode(&issuer, kube)
	}

	issuer.file("front-proxy-ca.crt", front.Pair().CertPEM)
	issuer.issue(front, "front-proxy-client", pki.Request{CommonName: frontProxyUser, Usages: usages(pki.Client)})

	private, public, err := pki.NewSigningKey()
	issuer.file("service-account.key", private)
	issuer.file("service-account.pub", public)
	return c, errors.Join(issuer.err, err)
}

// issuer makes and writes certificates, and keeps the first error for the end, so that the list above reads as one.
type issuer struct {
	layout layout
	err    error
}

func (i *issuer) make(authority *pki.Authority, request pki.Request) pki.Pair {
	pair, err := authority.Issue(request)
	i.err = errors.Join(i.err, err)
	return pair
}

func (i *issuer) issue(authority *pki.Authority, name string, request pki.Request) pki.Pair {
	pair := i.make(authority, request)
	i.file(name+".crt", pair.CertPEM)
	i.file(name+".key", pair.KeyPEM)
	return pair
}

func (i *issuer) file(name string, content []byte) {
	if i.err == nil {
		i.err = i.layout.write(i.layout.pki(name), content)
	}
}

func usages(all ...x509.ExtKeyUsage) []x509.ExtKeyUsage { return all }

// apiServerHosts are the names by which clients in a cluster and on this machine reach the API server.
func apiServerHosts() []string {
	return []string{
		"localhost", loopback, firstServiceIP,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}
}

// kubeconfig is the part of client-go's format that is needed here. JSON is YAML, and needs no quoting rules of our own.
type kubeconfig struct {
	APIVersion     string         `json:"apiVersion"`
	Kind           string         `json:"kind"`
	Clusters       []namedCluster `json:"clusters"`
	Users          []namedUser    `json:"users"`
	Contexts       []namedContext `json:"contexts"`
	CurrentContext string         `json:"current-context"`
}

type namedCluster struct {
	Name    string `json:"name"`
	Cluster struct {
		Server string `json:"server"`
		CA     []byte `json:"certificate-authority-data"`
	} `json:"cluster"`
}

type namedUser struct {
	Name string `json:"name"`
	User struct {
		Cert []byte `json:"client-certificate-data"`
		Key  []byte `json:"client-key-data"`
	} `json:"user"`
}

type namedContext struct {
	Name    string `json:"name"`
	Context struct {
		Cluster string `json:"cluster"`
		User    string `json:"user"`
	} `json:"context"`
}

// contextName is what "kubectl config current-context" shows.
const contextName = "launchready"

func (c *credentials) writeKubeconfigs(l layout, server string) error {
	for user, pair := range c.users {
		content, err := json.MarshalIndent(newKubeconfig(server, c.kubeCA, user, pair), "", "  ")
		if err != nil {
			return fmt.Errorf("kubeconfig of %s: %w", user, err)
		}
		if err := l.write(l.kubeconfig(user), content); err != nil {
			return err
		}
	}
	return nil
}

func newKubeconfig(server string, ca []byte, user string, pair pki.Pair) kubeconfig {
	cluster := namedCluster{Name: contextName}
	cluster.Cluster.Server, cluster.Cluster.CA = server, ca
	named := namedUser{Name: user}
	named.User.Cert, named.User.Key = pair.CertPEM, pair.KeyPEM
	context := namedContext{Name: contextName}
	context.Context.Cluster, context.Context.User = contextName, user
	return kubeconfig{
		APIVersion: "v1", Kind: "Config", CurrentContext: contextName,
		Clusters: []namedCluster{cluster}, Users: []namedUser{named}, Contexts: []namedContext{context},
	}
}
