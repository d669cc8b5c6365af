// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pods

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// health asks a container how it is until ctx is over, tells it in the pod's status, and says so once it is to be ended.
func (p *pod) health(ctx context.Context, i int, c corev1.Container, unwell chan<- struct{}) {
	if c.StartupProbe != nil {
		began := make(chan bool, 1)
		ask(ctx, p.checker(c, c.StartupProbe), c.StartupProbe, func(well bool) bool {
			began <- well
			return false
		})
		if ctx.Err() != nil {
			return
		}
		if !<-began {
			unwell <- struct{}{}
			return
		}
	}
	p.updateIf(ctx, func(s *corev1.PodStatus) {
		yes := true
		s.ContainerStatuses[i].Started = &yes
		s.ContainerStatuses[i].Ready = c.ReadinessProbe == nil
	})
	if c.LivenessProbe != nil {
		go ask(ctx, p.checker(c, c.LivenessProbe), c.LivenessProbe, func(well bool) bool {
			if !well {
				unwell <- struct{}{}
			}
			return well
		})
	}
	if c.ReadinessProbe != nil {
		ask(ctx, p.checker(c, c.ReadinessProbe), c.ReadinessProbe, func(well bool) bool {
			p.updateIf(ctx, func(s *corev1.PodStatus) { s.ContainerStatuses[i].Ready = well })
			return true
		})
	}
}

// updateIf changes the status unless the container has ended meanwhile.
func (p *pod) updateIf(ctx context.Context, change func(*corev1.PodStatus)) {
	p.update(func(s *corev1.PodStatus) {
		if ctx.Err() == nil {
			change(s)
		}
	})
}

// ask asks in the probe's rhythm. It tells when the answer has been another one often enough in a row, and goes on if told to.
func ask(ctx context.Context, check func(context.Context) error, probe *corev1.Probe, tell func(well bool) bool) {
	wait := time.Duration(probe.InitialDelaySeconds) * time.Second
	known, was, inARow, last := false, false, int32(0), false
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		well := check(ctx) == nil
		if ctx.Err() != nil {
			return
		}
		if well != last {
			inARow = 0
		}
		inARow++
		last = well
		threshold := probe.FailureThreshold
		if well {
			threshold = probe.SuccessThreshold
		}
		if inARow >= threshold && (!known || was != well) {
			known, was = true, well
			if !tell(well) {
				return
			}
		}
		wait = time.Duration(probe.PeriodSeconds) * time.Second
	}
}

// checker gives what a probe asks.
func (p *pod) checker(c corev1.Container, probe *corev1.Probe) func(context.Context) error {
	timeout := time.Duration(probe.TimeoutSeconds) * time.Second
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if probe.HTTPGet != nil {
			return checkHTTP(ctx, p.network.Addr.String(), c, probe.HTTPGet)
		}
		port, err := portOf(c, probe.TCPSocket.Port)
		if err != nil {
			return err
		}
		host := p.network.Addr.String()
		if probe.TCPSocket.Host != "" {
			host = probe.TCPSocket.Host
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// checkHTTP asks as a kubelet does: from 200 to 399 is well, and nobody verifies the certificate.
func checkHTTP(ctx context.Context, host string, c corev1.Container, get *corev1.HTTPGetAction) error {
	port, err := portOf(c, get.Port)
	if err != nil {
		return err
	}
	if get.Host != "" {
		host = get.Host
	}
	path, query, _ := strings.Cut(get.Path, "?")
	target := url.URL{Scheme: strings.ToLower(string(get.Scheme)), Host: net.JoinHostPort(host, port), Path: path, RawQuery: query}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "kube-probe/process")
	for _, h := range get.HTTPHeaders {
		if strings.EqualFold(h.Name, "Host") {
			request.Host = h.Value
			continue
		}
		request.Header.Add(h.Name, h.Value)
	}
	client := &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as a kubelet does
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // not read
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("it answered %s", response.Status)
	}
	return nil
}

// portOf gives a port's number, also by its name.
func portOf(c corev1.Container, port intstr.IntOrString) (string, error) {
	if port.Type == intstr.Int {
		return strconv.Itoa(int(port.IntVal)), nil
	}
	for _, p := range c.Ports {
		if p.Name == port.StrVal {
			return strconv.Itoa(int(p.ContainerPort)), nil
		}
	}
	return "", errors.New("no port of the container is named " + port.StrVal)
}
