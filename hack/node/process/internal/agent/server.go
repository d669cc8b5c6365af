// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/virtual-kubelet/virtual-kubelet/errdefs"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/launchready/launchready/hack/node/process/internal/pods"
)

// server answers to the API server and to nobody else: what it tells are pods' logs.
func (config Config) server(provider *pods.Provider) (*http.Server, error) {
	pair, err := tls.LoadX509KeyPair(config.CertFile, config.KeyFile)
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(config.ClientCA)
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("no certificate authority in %s", config.ClientCA)
	}
	return &http.Server{
		Handler: only(config.ClientName, logsHandler(provider)), ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
		},
	}, nil
}

// only lets one client in.
func only(name string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 || r.TLS.PeerCertificates[0].Subject.CommonName != name {
			http.Error(w, "only the API server may ask", http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// logReader gives what containers have printed.
type logReader interface {
	ContainerLogs(ctx context.Context, namespace, pod, container string, o corev1.PodLogOptions) (io.ReadCloser, error)
}

// logsHandler is the only part of the kubelet's API that there is: the API server tells who wants more that it is not found.
func logsHandler(reader logReader) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		o, err := logOptions(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		log, err := reader.ContainerLogs(r.Context(), r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"), o)
		switch {
		case errdefs.IsNotFound(err):
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer log.Close() //nolint:errcheck // only read
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusOK)
		// Who follows a log and goes is no error.
		_, _ = io.Copy(flusher{w, http.NewResponseController(w)}, log)
	})
	return mux
}

// logOptions reads what the API server hands on: it has checked what people gave it.
func logOptions(query url.Values) (corev1.PodLogOptions, error) {
	var o corev1.PodLogOptions
	var errs []error
	number := func(name string) *int64 {
		text := query.Get(name)
		if text == "" {
			return nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			errs = append(errs, fmt.Errorf("%s %q is no number from 0 on", name, text))
		}
		return &n
	}
	yes := func(name string) bool { return query.Get(name) == "true" }
	o.TailLines, o.LimitBytes, o.SinceSeconds = number("tailLines"), number("limitBytes"), number("sinceSeconds")
	o.Follow, o.Previous, o.Timestamps = yes("follow"), yes("previous"), yes("timestamps")
	if query.Get("sinceTime") != "" {
		// Whenever that was: it is refused.
		o.SinceTime = &metav1.Time{}
	}
	return o, errors.Join(errs...)
}

// flusher sends what is written at once: who follows a log waits for it.
type flusher struct {
	io.Writer
	controller *http.ResponseController
}

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.controller.Flush()
	}
	return n, err
}
