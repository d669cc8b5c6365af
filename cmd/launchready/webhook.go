// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/internal/webhook"
)

// webhookOptions are the flags of the admission webhook.
type webhookOptions struct {
	address string
	certDir string
	name    string
}

// off says that no webhook is served.
func (o webhookOptions) off() bool { return o.address == "" || o.address == "0" }

func (o webhookOptions) validate() error {
	if o.off() {
		if o.certDir != "" {
			return errors.New("--webhook-cert-dir is set, but --webhook-bind-address is 0: give an address such as :9443")
		}
		return nil
	}
	var errs []error
	if _, _, err := webhook.ParseAddress(o.address); err != nil {
		errs = append(errs, fmt.Errorf("--webhook-bind-address: %w", err))
	}
	if wrong := validation.IsDNS1123Label(o.name); len(wrong) > 0 {
		errs = append(errs, fmt.Errorf("--webhook-name is %q: give the name of a Service, such as launchready-webhook", o.name))
	}
	return errors.Join(errs...)
}

// add adds the webhook to the manager. Every replica serves it, whoever leads.
func (o webhookOptions) add(mgr ctrl.Manager, direct client.Client, namespace string) error {
	if o.off() {
		return nil
	}
	handler, err := webhook.NewHandler()
	if err != nil {
		return err
	}
	options := webhook.ServerOptions{Address: o.address, CertDir: o.certDir}
	if o.certDir == "" {
		keeper := &webhook.Keeper{Client: direct, Namespace: namespace, Name: o.name, Clock: clock.RealClock{}}
		options.GetCertificate = keeper.GetCertificate
		if err := mgr.Add(keeper); err != nil {
			return fmt.Errorf("setting up the webhook's certificate: %w", err)
		}
	}
	server, err := webhook.NewServer(options, handler)
	if err != nil {
		return err
	}
	if err := mgr.Add(server); err != nil {
		return fmt.Errorf("setting up the webhook: %w", err)
	}
	return nil
}
