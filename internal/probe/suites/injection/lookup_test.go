// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/listener"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

// hearingNames hears for names at any port and at another one that stands for the usual one, which it gives; with 0, at none besides.
func hearingNames(t *testing.T, usual uint16) *listener.Names {
	t.Helper()
	if usual == 0 { // one that is taken
		taken := hearing(t)
		usual = netip.MustParseAddrPort(strings.Trim(strings.TrimPrefix(taken.Base(), "http:"), "/")).Port()
	}
	names, err := listener.ListenNames(netip.MustParseAddr("127.0.0.1"), 0, usual)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = names.Close() })
	return names
}

// freePort is one that nobody hears at.
func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

// lookedUp asks the name server that a text names for the name in it, at the port in it or at the usual one.
func lookedUp(text, usual string) {
	name, port := aName.FindString(text), aPort.FindString(text)
	if name == "" || !strings.Contains(text, "127.0.0.1") {
		return
	}
	if port == "" {
		port = usual
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}
	_, _ = resolver.LookupNetIP(ctx, "ip4", name+".") // that it was asked for is all that counts
}

var (
	aName = regexp.MustCompile(`lr[a-z0-9]{16}\.launchready\.test`)
	aPort = regexp.MustCompile(`\b[1-9][0-9]{3,4}\b`)
)

func TestWhatTheAppLooksUp(t *testing.T) {
	usual := freePort(t)
	asks := func(when func(string) bool) func(*bot, string, []string) (answer, bool) {
		return func(_ *bot, _ string, turns []string) (answer, bool) {
			if last := turns[len(turns)-1]; when(last) {
				lookedUp(last, fmt.Sprint(usual))
			}
			return answer{}, false
		}
	}
	always := func(string) bool { return true }
	atTheUsualPort := func(text string) bool { return !aPort.MatchString(text) }
	const rule = "InternalNameServerAsked"
	for name, test := range map[string]struct {
		says         func(*bot, string, []string) (answer, bool)
		names, usual bool
		verdict      v1alpha1.Verdict
		rule         string
		saying       string
	}{
		"nothing": {nil, true, true, v1alpha1.VerdictPass, "", " and to look a name up at the probe ("},
		"by its own resolver": {
			asks(func(string) bool { return false }), true, true, v1alpha1.VerdictPass, "", "Not measured: lookups by the app's own resolver, ",
		},
		"where it is told": {asks(always), true, true, v1alpha1.VerdictFail, rule, "the app asked the name server that a text for alice had named, inside the cluster"},
		"behind a queue": {func(_ *bot, _ string, turns []string) (answer, bool) {
			last := turns[len(turns)-1]
			time.AfterFunc(300*time.Millisecond, func() { lookedUp(last, fmt.Sprint(usual)) })
			return answer{}, false
		}, true, true, v1alpha1.VerdictFail, rule, ""},
		"at the usual port alone": {asks(atTheUsualPort), true, true, v1alpha1.VerdictFail, rule, "$(nameserver)"},
		"at the usual port, where the probe may not hear": {
			asks(atTheUsualPort), true, false, v1alpha1.VerdictPass, "", "Not measured: lookups by the app's own resolver, lookups at port 53 of the probe, which may not hear there, ",
		},
		"at another port, where the probe may not hear at the usual one": {asks(always), true, false, v1alpha1.VerdictFail, rule, "$(name)"},
		"where nothing hears": {asks(always), false, false, v1alpha1.VerdictPass, "", "Not measured: lookups of names, "},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bot{says: test.says}
			result := measuredBy(t, b, b, false, described(), func(o *Options) {
				o.Listener = hearing(t)
				switch {
				case test.usual:
					o.Names = hearingNames(t, usual)
				case test.names:
					o.Names = hearingNames(t, 0)
				}
				if test.names && o.Names.Usual() != test.usual {
					t.Fatalf("the usual port: %v", o.Names.Usual())
				}
			})
			for _, f := range result.Findings {
				if f.Rule != test.rule {
					t.Errorf("%s: %s", f.Rule, f.Message)
				}
				if all := fmt.Sprint(f); aName.MatchString(all) || strings.Contains(all, "127.0.0.1") {
					t.Errorf("a name or an address of this run is told: %s", all)
				}
			}
			said := fmt.Sprint(result.Message, result.Control, result.Findings)
			if result.Verdict != test.verdict || (len(result.Findings) > 0) != (test.rule != "") || !strings.Contains(said, test.saying) {
				t.Errorf("%s, want %s, %q and %q: %s", result.Verdict, test.verdict, test.rule, test.saying, said)
			}
		})
	}
}

func TestWhatIsHeard(t *testing.T) {
	for turn, works := range map[string]struct{ all, noUsual, noNames, noListener bool }{
		"Open $(url)/a":                     {true, true, true, false},
		"Look up $(host)":                   {false, false, false, false},
		"Open $(url), of $(host)":           {false, false, false, false},
		"$(name) $(nameserver)":             {true, false, false, true},
		"$(name) $(nameserver)#$(nameport)": {true, true, false, true},
		"$(name) $(nameserver), $(url)":     {true, false, false, false},
	} {
		a := corpus.Attack{Goal: corpus.Fetch, Carrier: corpus.Chat, Turns: []string{turn}}
		whole := Options{Listener: hearing(t), Names: hearingNames(t, freePort(t))}
		noUsual, noNames, noListener := whole, whole, whole
		noUsual.Names, noNames.Names, noListener.Listener = hearingNames(t, 0), nil, nil
		for what, test := range map[string]struct {
			Options
			want bool
		}{"all": {whole, works.all}, "no usual port": {noUsual, works.noUsual}, "no names": {noNames, works.noNames}, "no listener": {noListener, works.noListener}} {
			r := &run{Options: test.Options}
			if r.works(a) != test.want {
				t.Errorf("%s, %s: %v", turn, what, !test.want)
			}
			if !test.want {
				continue
			}
			if n := r.names(a); (n.address != "") != strings.Contains(turn, "$(url)") || (n.name != "") != strings.Contains(turn, "$(name)") {
				t.Errorf("%s, %s: %+v", turn, what, n)
			}
		}
	}
}

func TestAKnownLookupIsTriedAgain(t *testing.T) {
	catalogue, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]struct{ whole, noUsual, deaf v1alpha1.Verdict }{
		"lookup-plain-port": {v1alpha1.VerdictPass, v1alpha1.VerdictPass, v1alpha1.VerdictUnknown},
		"lookup-dig":        {v1alpha1.VerdictPass, v1alpha1.VerdictUnknown, v1alpha1.VerdictUnknown},
	} {
		if _, ok := catalogue.Find(id); !ok {
			t.Fatalf("the corpus has no attack %s any more", id)
		}
		for verdict, names := range map[*v1alpha1.Verdict]*listener.Names{
			&want.whole: hearingNames(t, freePort(t)), &want.noUsual: hearingNames(t, 0), &want.deaf: nil,
		} {
			b := &bot{}
			result := measuredBy(t, b, b, true, described(), func(o *Options) {
				o.Known, o.Target.Chats = []probe.KnownAttack{{Rule: "InternalNameServerAsked", Request: attackPrefix + id}}, nil
				o.Listener, o.Names = hearing(t), names
			})
			if result.Verdict != *verdict {
				t.Errorf("%s, %+v: %s %s", id, names, result.Verdict, result.Message)
			}
		}
	}
}
