// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/internal/netguard"
)

// input gathers what the launches of a group want of their zone.
func (r *ZoneReconciler) input(ctx context.Context, g group, state edge.State, ledger edge.Ledger) (edge.Input, error) {
	installation, err := r.Installation(ctx)
	if err != nil {
		return edge.Input{}, err
	}
	in := edge.Input{
		Marker:         edge.Marker{Installation: edge.ShortID(installation), Group: g.id(), Former: g.former(ledger.Groups), Theirs: append(ledger.RetainedElsewhere(g.id()), g.theirs...)},
		Ledger:         ledger,
		ManageSettings: g.manageSettings,
		ClaimTTL:       claimTTL(g.claimTTLOf),
		Elsewhere:      g.elsewhere,
		Now:            r.Clock.Now().Truncate(time.Second),
	}
	for _, m := range g.members {
		in.Launches = append(in.Launches, r.wish(ctx, m, state, ledger))
	}
	return in, nil
}

// wish is what one launch wants of its zone.
func (r *ZoneReconciler) wish(ctx context.Context, m member, state edge.State, ledger edge.Ledger) edge.Launch {
	lr := m.launch
	l := edge.Launch{
		LaunchID: m.id(), UID: string(lr.UID), Spec: *lr.Spec.DeepCopy(), Refused: m.refused, NoMail: m.noMail, Leaving: m.leaving(),
		Launched: !launchedAt(r.Key, lr).IsZero(),
		Failing:  requiredRowFails(lr), TLSHeldSince: trueSince(lr, string(v1alpha1.RowTLSEnforced)),
		Secret: LockSecret(r.Key, string(lr.UID), r.Clock.Now()),
	}
	if l.Spec.Cloudflare == nil {
		// It is leaving, and what it wanted is forgotten: what it has stays.
		l.Spec.Cloudflare = &v1alpha1.Cloudflare{Zone: v1alpha1.HostName(state.Zone.Name), Mode: v1alpha1.EdgeEnforce}
	}
	l.Targets, l.NoTargets = r.targets(ctx, lr)
	if l.Leaving {
		return l
	}
	l.Nonexistent = r.nonexistent(ctx, l, state, ledger)
	l.Strict = r.strict(ctx, l)
	return l
}

// requiredRowFails says whether a Required row fails, and isn't just unmeasured.
func requiredRowFails(lr *v1alpha1.LaunchReadiness) bool {
	c := meta.FindStatusCondition(lr.Status.Conditions, v1alpha1.ConditionLaunchable)
	return c != nil && c.Reason == v1alpha1.ReasonRowsFailing
}

func trueSince(lr *v1alpha1.LaunchReadiness, condition string) time.Time {
	c := meta.FindStatusCondition(lr.Status.Conditions, condition)
	if c == nil || c.Status != "True" {
		return time.Time{}
	}
	return c.LastTransitionTime.Time
}

// lockEpoch is how long a lock's secret is good for.
const lockEpoch = 7 * 24 * time.Hour

// LockSecret is what lets the probe of a launch through the edge lock: 128 bits that whoever lacks the operator's key can't guess.
// It changes every week.
func LockSecret(key []byte, launchUID string, now time.Time) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("launchready edge lock v1\x00" + launchUID + "\x00" + strconv.FormatInt(now.Unix()/int64(lockEpoch.Seconds()), 10)))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// nonexistent gives the hosts that every authoritative server says don't exist. It is asked about those alone of which the zone has
// nothing and that nobody has claimed: for the others it makes no difference.
func (r *ZoneReconciler) nonexistent(ctx context.Context, l edge.Launch, state edge.State, ledger edge.Ledger) []string {
	var out []string
	for _, host := range slices.Concat(l.Hosts(), l.Redirects()) {
		known := slices.ContainsFunc(ledger.Claims, func(c edge.Claim) bool {
			return c.Host == host && c.Namespace == l.Namespace && (c.UID == l.UID || c.LeftAt == nil)
		})
		there := slices.ContainsFunc(state.Records, func(rec edge.Record) bool {
			return rec.Name == host && (rec.Type == "A" || rec.Type == "AAAA" || rec.Type == "CNAME")
		})
		if known || there {
			continue
		}
		gone, err := r.Names.Nonexistent(ctx, state.Zone.Name, state.Zone.NameServers, host)
		if err != nil {
			ctrl.LoggerFrom(ctx).V(1).Info("can't tell whether a host exists", "host", host, "error", err.Error())
		}
		if gone {
			out = append(out, host)
		}
	}
	return out
}

// strict tries the origin for each host, at each of its addresses until one doesn't stand the trial.
func (r *ZoneReconciler) strict(ctx context.Context, l edge.Launch) map[string]edge.Preflight {
	out := map[string]edge.Preflight{}
	for _, host := range l.Hosts() {
		for _, t := range l.Targets {
			out[host] = r.Origins.Try(ctx, t, host)
			if !out[host].OK {
				break
			}
		}
	}
	return out
}

// targets gives the records that lead to a launch's origin, or why there are none.
func (r *ZoneReconciler) targets(ctx context.Context, lr *v1alpha1.LaunchReadiness) ([]edge.Target, string) {
	if lr.Spec.Domains == nil || lr.Spec.Domains.Origin == nil {
		return nil, "spec.domains.origin is not given: there is nothing that the hosts could lead to."
	}
	o := lr.Spec.Domains.Origin
	var names []string
	var err error
	switch {
	case o.Hostname != "":
		return []edge.Target{{Type: "CNAME", Content: string(o.Hostname)}}, ""
	case len(o.Addresses) > 0:
		for _, a := range o.Addresses {
			names = append(names, string(a))
		}
	case o.IngressRef != nil:
		names, err = r.ofIngress(ctx, lr.Namespace, o.IngressRef.Name)
	case o.ServiceRef != nil:
		names, err = r.ofService(ctx, lr.Namespace, o.ServiceRef.Name)
	case o.GatewayRef != nil:
		names, err = r.ofGateway(ctx, lr.Namespace, o.GatewayRef.Name)
	}
	if err != nil {
		return nil, err.Error()
	}
	return targetsOf(names)
}

// forDocumentation is what netguard says of addresses that lead nowhere and to nobody's harm.
const forDocumentation = "an address for documentation"

// targetsOf makes records of addresses and names. Cloudflare can't reach private addresses.
func targetsOf(names []string) ([]edge.Target, string) {
	var out []edge.Target
	for _, n := range names {
		addr, err := netip.ParseAddr(n)
		if err != nil {
			return []edge.Target{{Type: "CNAME", Content: n}}, "" // a CNAME stands alone (RFC 1034 §3.6.2)
		}
		if kind, special := netguard.Special(addr); special && kind != forDocumentation {
			return nil, fmt.Sprintf("The origin's address %s is not public (%s): Cloudflare can't reach it.", addr, kind)
		}
		t := edge.Target{Type: "A", Content: addr.Unmap().String()}
		if addr.Unmap().Is6() {
			t.Type = "AAAA"
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	if len(out) == 0 {
		return nil, "The origin has no address yet: it is looked at again."
	}
	return out, ""
}

func (r *ZoneReconciler) ofIngress(ctx context.Context, namespace, name string) ([]string, error) {
	var ingress networkingv1.Ingress
	if err := r.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &ingress); err != nil {
		return nil, missing("Ingress", namespace, name, err)
	}
	var names []string
	for _, at := range ingress.Status.LoadBalancer.Ingress {
		names = append(names, cmp.Or(at.Hostname, at.IP))
	}
	return names, nil
}

func (r *ZoneReconciler) ofService(ctx context.Context, namespace, name string) ([]string, error) {
	var service corev1.Service
	if err := r.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &service); err != nil {
		return nil, missing("Service", namespace, name, err)
	}
	var names []string
	for _, at := range service.Status.LoadBalancer.Ingress {
		names = append(names, cmp.Or(at.Hostname, at.IP))
	}
	return names, nil
}

// gatewayKind is read by its shape: the Gateway API may not be installed.
var gatewayKind = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "Gateway"}

func (r *ZoneReconciler) ofGateway(ctx context.Context, namespace, name string) ([]string, error) {
	gateway := &unstructured.Unstructured{}
	gateway.SetGroupVersionKind(gatewayKind)
	if err := r.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, gateway); err != nil {
		return nil, missing("Gateway", namespace, name, err)
	}
	addresses, _, _ := unstructured.NestedSlice(gateway.Object, "status", "addresses")
	var names []string
	for _, a := range addresses {
		if address, ok := a.(map[string]any); ok {
			if value, ok := address["value"].(string); ok {
				names = append(names, value)
			}
		}
	}
	return names, nil
}

func missing(kind, namespace, name string, err error) error {
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return fmt.Errorf("the origin's %s %s/%s does not exist: correct spec.domains.origin, or create it", kind, namespace, name)
	}
	return fmt.Errorf("the origin's %s %s/%s could not be read: it is tried again", kind, namespace, name)
}
