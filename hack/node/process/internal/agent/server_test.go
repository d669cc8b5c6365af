// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/virtual-kubelet/virtual-kubelet/errdefs"
	corev1 "k8s.io/api/core/v1"
)

// told tells what was asked for in place of a log.
type told struct{}

func (told) ContainerLogs(_ context.Context, namespace, pod, container string, o corev1.PodLogOptions) (io.ReadCloser, error) {
	if namespace != "shop" {
		return nil, errdefs.NotFound("no such pod")
	}
	n := func(i *int64) string {
		if i == nil {
			return "-"
		}
		return fmt.Sprint(*i)
	}
	return io.NopCloser(strings.NewReader(fmt.Sprintf("%s/%s/%s tail %s, limit %s, since %s %t, %t %t %t", namespace, pod, container,
		n(o.TailLines), n(o.LimitBytes), n(o.SinceSeconds), o.SinceTime != nil, o.Follow, o.Previous, o.Timestamps))), nil
}

func TestLogsAreGivenToTheAPIServerAlone(t *testing.T) {
	for name, c := range map[string]struct {
		client, path string
		code         int
		want         string
	}{
		"nothing else asked for": {"api", "/containerLogs/shop/p/c", 200, "shop/p/c tail -, limit -, since - false, false false false"},
		"everything asked for": {
			"api", "/containerLogs/shop/p/c?tailLines=0&limitBytes=9&sinceSeconds=3&sinceTime=2026-01-01T00:00:00Z&follow=true&previous=true&timestamps=true", 200,
			"shop/p/c tail 0, limit 9, since 3 true, true true true",
		},
		"what is no number": {"api", "/containerLogs/shop/p/c?tailLines=x", 400, `tailLines "x" is no number`},
		"a pod of no name":  {"api", "/containerLogs/market/p/c", 404, "no such pod"},
		"another question":  {"api", "/exec/shop/p/c", 404, ""},
		"another client":    {"somebody", "/containerLogs/shop/p/c", 403, "only the API server"},
		"no client":         {"", "/containerLogs/shop/p/c", 403, "only the API server"},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, http.NoBody)
			request.TLS = &tls.ConnectionState{}
			if c.client != "" {
				request.TLS.PeerCertificates = []*x509.Certificate{{Subject: pkix.Name{CommonName: c.client}}}
			}
			recorder := httptest.NewRecorder()
			only("api", logsHandler(told{})).ServeHTTP(recorder, request)
			if recorder.Code != c.code || !strings.Contains(recorder.Body.String(), c.want) {
				t.Errorf("it answers %d %s, want %d %s", recorder.Code, recorder.Body, c.code, c.want)
			}
		})
	}
}
