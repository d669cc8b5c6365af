// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/launchready/launchready/hack/controlplane/internal/pki"
	"github.com/launchready/launchready/hack/controlplane/internal/process"
)

const (
	// readyTimeout bounds the wait for each component. An idle machine of two cores needs a few seconds for the API server, one
	// that has twenty times as much to do as it can was seen to need fifty.
	readyTimeout = 3 * time.Minute
	// askTimeout bounds one question.
	askTimeout = 10 * time.Second
)

// errNotReady is the cause when a component's time is over.
var errNotReady = errors.New("not ready in time")

// ComponentError says which component failed, and quotes the end of its log.
type ComponentError struct {
	Component string
	Err       error
	Log       string
}

func (e *ComponentError) Error() string {
	return fmt.Sprintf("%s: %v; the end of its log:\n%s", e.Component, e.Err, e.Log)
}

func (e *ComponentError) Unwrap() error { return e.Err }

// probe asks whether something is there: any answer but 200 is a no.
type probe struct {
	client *http.Client
	url    string
}

func (p probe) ask(ctx context.Context) error {
	_, err := p.get(ctx)
	return err
}

func (p probe) get(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	// Read to the end, so that the connection serves the next question.
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", p.url, response.Status)
	}
	return body, err
}

// question is what is asked until the answer is yes.
type question interface {
	ask(ctx context.Context) error
}

// await waits until all probes of a component have succeeded, in turn.
func (c *Cluster) await(ctx context.Context, p *process.Process, probes ...question) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.config.readyTimeout, fmt.Errorf("%w (%s)", errNotReady, c.config.readyTimeout))
	defer cancel()
	for _, probe := range probes {
		var last error
		err := process.Poll(ctx, func(ctx context.Context) (bool, error) {
			select {
			case <-p.Done():
				return false, endedError(p)
			default:
			}
			answer := probe.ask(ctx)
			// That time was over while we asked says nothing about the component.
			if ctx.Err() == nil {
				last = answer
			}
			return answer == nil, nil
		})
		if errors.Is(err, errNotReady) {
			err = errors.Join(err, last)
		}
		if err != nil {
			return &ComponentError{Component: p.Name(), Err: err, Log: p.LogTail()}
		}
	}
	now := time.Now()
	c.delays = append(c.delays, Delay{Component: p.Name(), Duration: now.Sub(c.last)})
	c.last = now
	return nil
}

// endedError says how a process that should run has ended.
func endedError(p *process.Process) error {
	if err := p.Err(); err != nil {
		return fmt.Errorf("ended: %w", err)
	}
	return errors.New("ended: exit status 0")
}

// newClient makes a client that trusts one authority and shows one certificate.
func newClient(ca []byte, pair pki.Pair) (*http.Client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("no certificate authority to trust")
	}
	certificate, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	return &http.Client{Transport: &http.Transport{
		// No proxy: it is this machine.
		TLSClientConfig: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			RootCAs:      roots,
			Certificates: []tls.Certificate{certificate},
		},
	}}, nil
}
