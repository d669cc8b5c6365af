// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/edge"
	"github.com/launchready/launchready/test/emulators/cloudflare"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var deletedApp = strings.Replace(app, "mode: Enforce\napp:", "mode: Enforce\n  deletionPolicy: Delete\napp:", 1)

func (r *rig) delete(lr *v1alpha1.LaunchReadiness) {
	r.Helper()
	if err := r.client.Delete(r.Context(), lr); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) isGone(lr *v1alpha1.LaunchReadiness) bool {
	r.Helper()
	err := r.client.Get(r.Context(), client.ObjectKeyFromObject(lr), &v1alpha1.LaunchReadiness{})
	if err != nil && !apierrors.IsNotFound(err) {
		r.Fatal(err)
	}
	return err != nil
}

// told gives the Events since the last look.
func (r *rig) told() []string {
	var out []string
	for {
		select {
		case e := <-r.events.Events:
			out = append(out, e)
		default:
			return out
		}
	}
}

// TestALaunchIsLetGo looks whether a launch that is deleted goes, also where its zone can't be tidied any more, and is told what stays.
func TestALaunchIsLetGo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		lose func(*rig)
		// reason of the Event; empty for none. patient launches wait for Cloudflare first.
		reason  string
		patient bool
	}{
		{"with its zone", func(*rig) {}, "", false},
		{"the token is revoked", func(r *rig) {
			if err := r.cloudflare.RevokeToken("cloudflare." + r.namespace); err != nil {
				r.Fatal(err)
			}
		}, edge.ReasonTokenInvalid, false},
		{"the zone is out of the token's sight", func(r *rig) {
			if err := r.cloudflare.EditToken("cloudflare."+r.namespace, func(t *cloudflare.Token) { t.Zones = []string{"example.net"} }); err != nil {
				r.Fatal(err)
			}
		}, edge.ReasonZoneNotFound, false},
		{"the token may no longer write", func(r *rig) {
			if err := r.cloudflare.EditToken("cloudflare."+r.namespace, func(t *cloudflare.Token) {
				for i := range t.Permissions {
					t.Permissions[i] = strings.Replace(t.Permissions[i], " Write", " Read", 1)
				}
			}); err != nil {
				r.Fatal(err)
			}
		}, edge.ReasonPermissionMissing, false},
		{"the Secret is gone", func(r *rig) {
			secret := r.secret("cloudflare", r.namespace)
			if err := r.client.Delete(r.Context(), secret); err != nil {
				r.Fatal(err)
			}
		}, edge.ReasonTokenMissing, false},
		{"Cloudflare is down", func(r *rig) {
			r.cloudflare.Inject(cloudflare.Fault{Kind: cloudflare.FaultError, Status: 503, Times: -1})
		}, edge.ReasonCloudflareError, true},
		{"Cloudflare can't be reached", func(r *rig) {
			r.cloudflare.Inject(cloudflare.Fault{Kind: cloudflare.FaultDrop, Times: -1})
		}, edge.ReasonCloudflareError, true},
		{"Cloudflare refuses every write", func(r *rig) {
			for _, method := range []string{"POST", "PATCH", "PUT", "DELETE"} {
				r.cloudflare.Inject(cloudflare.Fault{Kind: cloudflare.FaultError, Status: 503, Method: method, Times: -1})
			}
		}, edge.ReasonCloudflareError, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			letGo(t, c.lose, c.reason, c.patient)
		})
	}
}

func letGo(t *testing.T, lose func(*rig), reason string, patient bool) {
	t.Helper()
	r := newQuickRig(t, cloudflare.Pro, "")
	lr := r.launch("chat", deletedApp)
	r.sync()
	lose(r)
	r.delete(lr)
	for range 2 {
		r.later(time.Minute)
		r.sync()
	}
	if patient {
		if r.isGone(lr) {
			t.Error("it went without waiting for Cloudflare")
		}
		if told := r.told(); len(told) > 0 {
			t.Errorf("told too early: %v", told)
		}
		r.later(15 * time.Minute)
		r.sync()
	}
	if !r.isGone(lr) {
		t.Error("it is held for ever")
	}
	r.saidOfWhatStays(t, reason)
}

// saidOfWhatStays looks whether one Event says why something stays behind; or none, where no reason is given.
func (r *rig) saidOfWhatStays(t *testing.T, reason string) {
	t.Helper()
	told := strings.Join(r.told(), "\n")
	if reason == "" && told != "" || reason != "" && (!strings.Contains(told, reason) || !strings.Contains(told, "stays behind") || !strings.Contains(told, zone)) {
		t.Errorf("it is told: %q, want the reason %q", told, reason)
	}
	if strings.Contains(told, tokenMark) {
		t.Error("the token is in an Event")
	}
}

func TestDeleteTakesEverythingOfOursAndNothingElse(t *testing.T) {
	t.Parallel()
	r := newRig(t, cloudflare.Pro)
	r.edit(anotherTeam)
	before := shape(r.state())
	theirs := foreign(r.state())
	lr := r.launch("chat", deletedApp)
	r.sync()
	r.delete(lr)
	r.later(time.Minute)
	r.sync()
	sameShape(t, "deleted", before, shape(r.state()))
	if now := foreign(r.state()); now != theirs {
		t.Errorf("what is of others was touched:\n%s", differ(theirs, now))
	}
	if !r.isGone(lr) {
		t.Error("it is held")
	}
}

func TestALaunchMadeAnewTakesItsHostsBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, cloudflare.Pro)
	lr := r.launch("chat", app)
	r.sync()
	r.launched(lr)
	r.later(time.Minute)
	r.sync()
	whole := shape(r.state())
	r.cloudflare.ResetCalls()
	r.delete(lr)
	r.later(time.Minute)
	r.sync()
	if w := r.writes(); len(w) > 0 || !r.isGone(lr) {
		t.Errorf("a launch that is retained was taken apart (%v), or is held", w)
	}
	sameShape(t, "retained", whole, shape(r.state()))
	again := r.launch("chat", app)
	r.later(time.Minute)
	r.sync()
	r.twoPasses()
	if s := r.status(again); s.Reason != "" || len(s.Locked) > 0 {
		t.Errorf("it doesn't get its hosts back, or they are locked: %+v", s)
	}
	sameShape(t, "made anew", whole, shape(r.state()))
	for _, rec := range r.records("app.example.com") {
		if !strings.Contains(rec.Comment, string(again.UID)) {
			t.Errorf("the record isn't the new launch's: %s", rec.Comment)
		}
	}
	// Another namespace doesn't get them, as long as they are claimed.
	other := r.newNamespace("other-")
	r.token("cloudflare", other, cloudflare.AllPermissions()...)
	thief := r.launchIn(other, "thief", app)
	r.delete(again)
	r.later(time.Minute)
	r.sync()
	r.twoPasses()
	if s := r.status(thief); s.Reason != edge.ReasonHostConflict {
		t.Errorf("another namespace got the hosts: %+v", s)
	}
	sameShape(t, "claimed by another namespace", whole, shape(r.state()))
}
