// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/internal/gate"
	"github.com/launchready/launchready/internal/launch"
)

const (
	// EdgeFinalizer keeps a launch until what it has in its zone is taken away, or left on purpose.
	EdgeFinalizer = "launchready.dev/edge"
	// edgeZoneAnnotation names the zone that a launch has something in, also when its spec no longer does.
	edgeZoneAnnotation = "launchready.dev/edge-zone"
)

// group are the launches of a zone that are served with one token.
type group struct {
	zone string
	// secret holds the token, in key.
	secret client.ObjectKey
	key    string
	// manageSettings says that settings of the whole zone may be tightened.
	manageSettings bool
	claimTTLOf     []v1alpha1.LaunchPolicy
	members        []member
	// elsewhere are the hosts that launches of other groups have, theirs all names that those declare, whether they may have them or not.
	elsewhere, theirs []string
	// groups are the ids of all groups of the zone; nil where a launch has no token, so that it isn't known which its rules are.
	groups []string
	// obstacle is why there is no token.
	obstacle *EdgeObstacle
}

// id names the group in the marks of its rules.
func (g group) id() string { return edge.ShortID(g.secret.String() + "/" + g.key) }

// former are the groups that there were and that are no more.
func (g group) former(ever []string) []string {
	if g.groups == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(ever), func(id string) bool { return slices.Contains(g.groups, id) })
}

// member is a launch in a zone.
type member struct {
	launch  *v1alpha1.LaunchReadiness
	refused []edge.Refusal
	// noMail are the domains whose mail records it was not given.
	noMail []string
}

func (m member) id() edge.LaunchID {
	return edge.LaunchID{Namespace: m.launch.Namespace, Name: m.launch.Name}
}

func (m member) mode() v1alpha1.EdgeMode {
	return edge.Launch{Spec: m.launch.Spec}.Mode()
}

// leaving says whether the launch is on its way out of the zone: deleted, or no longer naming it.
func (m member) leaving() bool {
	return controllerutil.ContainsFinalizer(m.launch, EdgeFinalizer) && (!m.launch.DeletionTimestamp.IsZero() || m.launch.Spec.Cloudflare == nil)
}

// retains says whether what the launch has in the zone stays when it leaves.
func (m member) retains() bool {
	return m.launch.Spec.Cloudflare == nil || m.launch.Spec.Cloudflare.DeletionPolicy != v1alpha1.EdgeDelete
}

// zoneOf gives the zone that a launch is in, or was in and has not left yet.
func zoneOf(lr *v1alpha1.LaunchReadiness) string {
	if lr.Spec.Cloudflare != nil {
		return string(lr.Spec.Cloudflare.Zone)
	}
	if controllerutil.ContainsFinalizer(lr, EdgeFinalizer) {
		return lr.Annotations[edgeZoneAnnotation]
	}
	return ""
}

// launchesIn gives the launches of a zone in order of their claims. One that is deleted and has nothing in the zone isn't among them.
func (r *ZoneReconciler) launchesIn(ctx context.Context, zone string) ([]*v1alpha1.LaunchReadiness, error) {
	var list v1alpha1.LaunchReadinessList
	if err := r.Client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing the launches of the zone: %w", err)
	}
	var in []*v1alpha1.LaunchReadiness
	for i := range list.Items {
		lr := &list.Items[i]
		if zoneOf(lr) == zone && (lr.DeletionTimestamp.IsZero() || controllerutil.ContainsFinalizer(lr, EdgeFinalizer)) {
			in = append(in, lr)
		}
	}
	slices.SortFunc(in, func(a, b *v1alpha1.LaunchReadiness) int {
		if gate.HasBetterClaim(a, b) {
			return -1
		}
		return 1
	})
	return in, nil
}

// groups gathers the launches of a zone by the token that serves them, and says which hosts they may not have.
func (r *ZoneReconciler) groups(ctx context.Context, zone string, launches []*v1alpha1.LaunchReadiness, ledger edge.Ledger) ([]group, error) {
	policies, err := r.policiesOf(ctx)
	if err != nil {
		return nil, err
	}
	byKey := map[string]*group{}
	hosts, declared := map[string]string{}, map[string][]string{}
	for _, lr := range launches {
		g, m, err := r.credential(ctx, zone, lr, policies)
		if err != nil {
			return nil, err
		}
		key := g.secret.String() + "/" + g.key
		if g.obstacle != nil {
			key = "none/" + client.ObjectKeyFromObject(lr).String()
		}
		if byKey[key] == nil {
			g.zone, g.claimTTLOf = zone, policies
			byKey[key] = &g
		}
		byKey[key].members = append(byKey[key].members, m)
		declared[key] = append(declared[key], namesOf(lr)...)
		if g.obstacle != nil {
			continue // what nobody gave it keeps nobody else from it, however old it is
		}
		for _, host := range (edge.Launch{Spec: lr.Spec, Refused: m.refused}).Claimed() {
			if _, taken := hosts[host]; !taken && ledger.HeldBy(lr.Namespace, host, r.Clock.Now(), claimTTL(policies)) {
				hosts[host] = key
			}
		}
	}
	return apart(byKey, hosts, declared), nil
}

// apart tells each group which hosts the others have, and which names they declare.
func apart(byKey map[string]*group, hosts map[string]string, declared map[string][]string) []group {
	var groups []group
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		g := *byKey[key]
		for host, of := range hosts {
			if of != key {
				g.elsewhere = append(g.elsewhere, host)
			}
		}
		for of, names := range declared {
			if of != key {
				g.theirs = append(g.theirs, names...)
			}
		}
		slices.Sort(g.elsewhere)
		slices.Sort(g.theirs)
		g.groups = idsOf(byKey)
		groups = append(groups, g)
	}
	return groups
}

// idsOf gives the ids of all groups; nothing where one has no token.
func idsOf(groups map[string]*group) []string {
	var ids []string
	for _, g := range groups {
		if g.obstacle != nil {
			return nil
		}
		ids = append(ids, g.id())
	}
	return ids
}

func namesOf(lr *v1alpha1.LaunchReadiness) []string {
	return edge.Launch{Spec: lr.Spec}.Names()
}

// credential finds the token for a launch: a policy's where one has the zone, else the launch's own.
func (r *ZoneReconciler) credential(ctx context.Context, zone string, lr *v1alpha1.LaunchReadiness, policies []v1alpha1.LaunchPolicy) (group, member, error) {
	m := member{launch: lr}
	own := ptr.Deref(lr.Spec.Cloudflare, v1alpha1.Cloudflare{}).APITokenSecretRef
	if !launch.ZoneIsManaged(policies, zone) {
		if own == nil {
			return group{obstacle: &EdgeObstacle{Reason: edge.ReasonTokenMissing, Message: fmt.Sprintf(
				"There is no API token for the zone %s: name a Secret in spec.cloudflare.apiTokenSecretRef, or have a LaunchPolicy grant one (spec.edge.credentials).", zone)}}, m, nil
		}
		return group{secret: client.ObjectKey{Namespace: lr.Namespace, Name: own.Name}, key: own.Key}, m, nil
	}
	if own != nil {
		return group{obstacle: &EdgeObstacle{Reason: edge.ReasonZoneManagedByPolicy, Message: fmt.Sprintf(
			"The zone %s is managed by a LaunchPolicy's credential, so that no other token is used: remove spec.cloudflare.apiTokenSecretRef.", zone)}}, m, nil
	}
	var ns corev1.Namespace
	if err := r.Client.Get(ctx, client.ObjectKey{Name: lr.Namespace}, &ns); err != nil {
		return group{}, m, fmt.Errorf("reading the namespace: %w", err)
	}
	granted, err := launch.Credentials(policies, ns.Labels)
	if err != nil {
		return group{}, m, err
	}
	return r.granted(zone, lr, granted)
}

// granted picks the credential that covers most of a launch's hosts. The others it may not have.
func (r *ZoneReconciler) granted(zone string, lr *v1alpha1.LaunchReadiness, granted []launch.Credential) (group, member, error) {
	names := namesOf(lr)
	var best launch.Credential
	most := 0
	for _, c := range granted {
		n := 0
		for _, host := range names {
			if c.Covers(zone, host) {
				n++
			}
		}
		if n > most {
			best, most = c, n
		}
	}
	if most == 0 {
		return group{obstacle: &EdgeObstacle{Reason: edge.ReasonHostNotAllowed, Message: fmt.Sprintf(
			"No LaunchPolicy gives the namespace %s a host of this launch in the zone %s: have its spec.edge.credentials cover them.", lr.Namespace, zone)}}, member{launch: lr}, nil
	}
	m := member{launch: lr}
	for _, host := range names {
		if !best.Covers(zone, host) {
			m.refused = append(m.refused, edge.Refusal{Host: host, Reason: edge.ReasonHostNotAllowed, Message: fmt.Sprintf(
				"The LaunchPolicy %s doesn't give the namespace %s the host %s (spec.edge.credentials[%s].hosts): nothing is done for it.", best.Policy, lr.Namespace, host, best.Name)})
		}
	}
	for _, e := range lr.Spec.Email {
		if domain := string(e.Domain); !best.Covers(zone, domain) {
			m.noMail = append(m.noMail, domain)
		}
	}
	return group{
		secret: client.ObjectKey{Namespace: r.Namespace, Name: best.APITokenSecretRef.Name}, key: best.APITokenSecretRef.Key,
		manageSettings: best.ZoneSettings == v1alpha1.ZoneSettingsManage,
	}, m, nil
}

// token reads a group's token. It is read anew each time, so that a rotated one is used at once.
func (r *ZoneReconciler) token(ctx context.Context, g group) (string, *EdgeObstacle, error) {
	var secret corev1.Secret
	err := r.Live.Get(ctx, g.secret, &secret)
	if apierrors.IsNotFound(err) {
		return "", &EdgeObstacle{Reason: edge.ReasonTokenMissing, Final: true, Message: fmt.Sprintf("The Secret %s that is to hold the API token doesn't exist: create it, with the token in the key %s.", g.secret, g.key)}, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("reading the Secret of the API token: %w", err)
	}
	// A file that a token was put into by an editor ends with a line's end.
	token := strings.TrimSpace(string(secret.Data[g.key]))
	if token == "" {
		return "", &EdgeObstacle{Reason: edge.ReasonTokenMissing, Final: true, Message: fmt.Sprintf("The Secret %s has nothing in the key %s: put the API token there.", g.secret, g.key)}, nil
	}
	return token, nil, nil
}

// hold keeps a launch until it has left its zone.
func (r *ZoneReconciler) hold(ctx context.Context, lr *v1alpha1.LaunchReadiness, zone string) error {
	if controllerutil.ContainsFinalizer(lr, EdgeFinalizer) && lr.Annotations[edgeZoneAnnotation] == zone {
		return nil
	}
	before := lr.DeepCopy()
	controllerutil.AddFinalizer(lr, EdgeFinalizer)
	if lr.Annotations == nil {
		lr.Annotations = map[string]string{}
	}
	lr.Annotations[edgeZoneAnnotation] = zone
	return r.Client.Patch(ctx, lr, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), FieldOwner)
}

// letGo lets a launch go that has left its zone.
func (r *ZoneReconciler) letGo(ctx context.Context, lr *v1alpha1.LaunchReadiness) error {
	if !controllerutil.ContainsFinalizer(lr, EdgeFinalizer) {
		return nil
	}
	before := lr.DeepCopy()
	controllerutil.RemoveFinalizer(lr, EdgeFinalizer)
	delete(lr.Annotations, edgeZoneAnnotation)
	err := r.Client.Patch(ctx, lr, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), FieldOwner)
	return client.IgnoreNotFound(err)
}
