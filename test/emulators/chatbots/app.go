// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// How tokens are signed.
const (
	HS256 = "HS256"
	RS256 = "RS256"
)

// Config says how the app is to behave. The zero value is the safe app.
type Config struct {
	// Weaknesses and Oddities are names from [Weaknesses] and [Oddities]; and Weaknesses may be from [InjectionWeaknesses]
	// and [LoggingWeaknesses] besides, Oddities from [InjectionDefences] and [LoggingOddities].
	Weaknesses, Oddities []string
	// SystemPrompt is what the simulated language model was told. Without one, and without a weakness or a defence of
	// the model, the bot only quotes.
	SystemPrompt string
	// Honeypot is the name of a tool that only its control calls; there is none where empty.
	Honeypot string
	// Seed is what the model's dice start from.
	Seed uint64
	// Fetch gets what is at an address, under the weaknesses that let the app do that; by HTTP where nil.
	Fetch func(ctx context.Context, address string) error
	// LookUp looks a name up at a server, or where that is empty by the app's own resolver, under the weaknesses and the defence with a
	// tool that does; [LookUp] where nil.
	LookUp func(ctx context.Context, name, server string) error
	// Operations adds some that only the OpenAPI document tells of; see [OperationWeaknesses].
	Operations bool
	// Bundle is the script of the start page, at /assets/app.js; there is none where empty.
	Bundle string
	// Signing is HS256 (the default) or RS256, whose public key stands at /.well-known/jwks.json. Weaknesses that need
	// one of them choose it.
	Signing string
	// Version is what /version says; "dev" where empty.
	Version string
	// RequestsPerSecond is the limit of an address under the oddity rate-limit; 20 where 0.
	RequestsPerSecond int
	// Now is the clock of everything but waiting; time.Now where nil.
	Now func() time.Time
	// Log gets a line for each request; none are written where nil.
	Log io.Writer
}

// Account is one that can log in.
type Account struct {
	Name, Email, Password, Tenant, Role string
}

// App is a chatbot with its data. It is an http.Handler.
type App struct {
	cfg                  Config
	weaknesses, oddities map[string]bool
	model                model
	store                *store
	keys                 *keys
	mux                  *http.ServeMux
	routes               []route
	accounts             []Account
	cache                cache
	limiter              limiter
	replies              atomic.Int64 // counted for the oddity extra-fields
	lastID               atomic.Int64 // the last one given under the oddity ids-int
	lastSession          atomic.Int64 // the last one given under the weakness session-id-predictable
	logging              sync.Mutex
	codes                sync.Mutex
	spentCodes           map[string]int64 // the time step of each account's last one-time password
}

// New makes an app with its seeded data. Whoever made it closes it.
func New(cfg Config) (*App, error) {
	a := &App{cfg: cfg, spentCodes: map[string]int64{}}
	var err error
	if a.weaknesses, err = chosen("weakness", cfg.Weaknesses, knownWeaknesses()); err != nil {
		return nil, err
	}
	odd := slices.Concat(Oddities(), DocumentOddities(), InjectionDefences(), LoggingOddities())
	if a.oddities, err = chosen("oddity", cfg.Oddities, names(odd, func(o Oddity) string { return o.Name })); err != nil {
		return nil, err
	}
	a.teach()
	a.cfg.Version = cmp.Or(cfg.Version, "dev")
	a.cfg.RequestsPerSecond = cmp.Or(cfg.RequestsPerSecond, 20)
	if a.cfg.Now == nil {
		a.cfg.Now = time.Now
	}
	a.lastID.Store(1000)
	a.lastSession.Store(10_000_000)
	if a.keys, err = a.makeKeys(); err != nil {
		return nil, err
	}
	ctx := context.Background()
	if a.store, err = openStore(ctx); err != nil {
		return nil, err
	}
	if err := a.seed(ctx); err != nil {
		_ = a.Close()
		return nil, fmt.Errorf("seed: %w", err)
	}
	a.mux = a.makeMux()
	return a, nil
}

// knownWeaknesses are the names that Config.Weaknesses may have.
func knownWeaknesses() []string {
	return append(
		names(slices.Concat(Weaknesses(), OperationWeaknesses(), LoggingWeaknesses()), func(w Weakness) string { return w.Name }),
		names(InjectionWeaknesses(), func(w InjectionWeakness) string { return w.Name })...)
}

// teach makes the model what the configuration says.
func (a *App) teach() {
	//nolint:gosec // the dice are to fall alike each time
	dice := rand.New(rand.NewPCG(a.cfg.Seed, a.cfg.Seed))
	a.model.prompt, a.model.dice, a.model.memories = readPrompt(a.cfg.SystemPrompt), dice, map[string]string{}
	a.model.on = a.cfg.SystemPrompt != "" || a.cfg.Honeypot != "" ||
		a.anyWeak(names(InjectionWeaknesses(), func(w InjectionWeakness) string { return w.Name })...) ||
		slices.ContainsFunc(InjectionDefences(), func(o Oddity) bool { return a.odd(o.Name) })
	if a.cfg.Fetch == nil {
		a.cfg.Fetch = fetchByHTTP
	}
	if a.cfg.LookUp == nil {
		a.cfg.LookUp = LookUp
	}
}

func names[T any](list []T, name func(T) string) []string {
	all := make([]string, len(list))
	for i, each := range list {
		all[i] = name(each)
	}
	return all
}

// chosen makes a set of the names, all of which must be known.
func chosen(what string, wanted, known []string) (map[string]bool, error) {
	set := map[string]bool{}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown %s %q; known are: %s", what, name, strings.Join(known, ", "))
		}
		set[name] = true
	}
	return set, nil
}

// Close gives the data up.
func (a *App) Close() error {
	if err := a.store.db.Close(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Accounts are the seeded ones whose passwords are known: alice and anna are of one tenant, bob of another, root is the
// first one's admin, and throwaway is for bursts of logins. A third tenant has users and data, but no account here.
func (a *App) Accounts() []Account { return slices.Clone(a.accounts) }

// weak tells whether a weakness is on; odd whether an oddity is.
func (a *App) weak(name string) bool { return a.weaknesses[name] }
func (a *App) odd(name string) bool  { return a.oddities[name] }

func (a *App) anyWeak(names ...string) bool { return slices.ContainsFunc(names, a.weak) }

func (a *App) now() time.Time { return a.cfg.Now() }

// ServeHTTP answers a request: first what stands in front of an app, then the app.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := &front{id: requestID(r), path: r.URL.EscapedPath(), query: r.URL.Query()}
	out := &answer{ResponseWriter: w}
	if a.odd(LogNoRequestIDs) {
		f.id = ""
	} else if a.odd(UppercaseHeaders) {
		out.Header()["X-REQUEST-ID"] = []string{f.id}
	} else {
		out.Header().Set("X-Request-Id", f.id)
	}
	method := r.Method
	defer func() { a.log(r, f, method, out.status) }()
	if err := a.recordBody(f, r); err != nil {
		http.Error(out, "the body could not be read", http.StatusBadRequest)
		return
	}
	r = r.WithContext(withFront(r.Context(), f))
	if a.filtered(out, r) || a.limited(out, r) || !a.waited(r) {
		return
	}
	a.cached(out, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.respell(r, f)
		if !routable(r.URL.EscapedPath()) {
			a.serve(route{op: opOpen, handle: a.unknownPath})(w, r)
			return
		}
		a.mux.ServeHTTP(w, r)
	}))
}

// answer remembers the status for the log.
type answer struct {
	http.ResponseWriter
	status int
}

func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answer) Write(data []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(data)
}

// Unwrap lets streams flush and WebSockets take the connection.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
