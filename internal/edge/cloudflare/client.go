// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/bot_management"
	"github.com/cloudflare/cloudflare-go/v7/dns"
	"github.com/cloudflare/cloudflare-go/v7/leaked_credential_checks"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/rulesets"
	"github.com/cloudflare/cloudflare-go/v7/user"
	"github.com/cloudflare/cloudflare-go/v7/zones"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/launchready/launchready/internal/edge"
)

const (
	// DefaultBaseURL is Cloudflare's API.
	DefaultBaseURL = "https://api.cloudflare.com/client/v4/"
	// defaultTimeout of one request. Cloudflare's own replies take a second or two; a batch of 3,500 records more.
	defaultTimeout = 30 * time.Second
	// forgetAfter is how long a client that nobody asks for is kept: longer than Cloudflare may block its token, so that
	// forgetting it can't give the token a new budget.
	forgetAfter = 2 * maxBlocked
)

// Options of all clients.
type Options struct {
	// BaseURL of the API; DefaultBaseURL if empty.
	BaseURL string
	// Version of ours, for the User-Agent.
	Version string
	// Transport that all clients share; a plain one if nil.
	Transport http.RoundTripper
	// Timeout of one request; 30 seconds if zero.
	Timeout time.Duration
	// Fresh is how old a shared observation may be; a minute if zero.
	Fresh time.Duration
	// Clock; the real one if nil.
	Clock clock.Clock
	// Registerer of the metrics; they are not registered if nil.
	Registerer prometheus.Registerer
}

// Clients are the clients by token. Safe for concurrent use.
type Clients struct {
	options Options
	metrics *metrics
	wire    *wire

	mu sync.Mutex
	// byToken is keyed by the token's hash, so that this map holds no token.
	byToken map[[sha256.Size]byte]*held
}

// held is a client and when it was last asked for.
type held struct {
	client *Client
	used   time.Time
}

// New gives the clients.
func New(o Options) (*Clients, error) {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Fresh == 0 {
		o.Fresh = defaultFresh
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Transport == nil {
		// A pool of its own: what others do with the default one doesn't concern us.
		plain, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, errors.New("the default transport was replaced: give one")
		}
		o.Transport = plain.Clone()
	}
	metrics := newMetrics()
	if o.Registerer != nil {
		if err := metrics.register(o.Registerer); err != nil {
			return nil, err
		}
	}
	return &Clients{
		options: o, metrics: metrics, wire: newWire(o.Transport, o.Clock), byToken: map[[sha256.Size]byte]*held{},
	}, nil
}

// plainToken is what a token is made of, its prefix included.
// Source: developers.cloudflare.com/fundamentals/api/get-started/token-formats/
var plainToken = regexp.MustCompile(`^[\x21-\x7e]+$`)

// For gives the client of a token: the same one as long as it is asked for now and then.
func (c *Clients) For(token string) (*Client, error) {
	if !plainToken.MatchString(token) {
		return nil, &edge.APIError{
			Kind: edge.KindAuth, Doing: "using the token",
			Err: errors.New("it is empty, or holds characters that no token has (a space, a line's end)"),
		}
	}
	key, now := sha256.Sum256([]byte(token)), c.options.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, h := range c.byToken {
		if k != key && now.Sub(h.used) > forgetAfter {
			delete(c.byToken, k)
		}
	}
	h, ok := c.byToken[key]
	if !ok {
		h = &held{client: c.newClient(token)}
		c.byToken[key] = h
	}
	h.used = now
	return h.client, nil
}

// Client asks Cloudflare with one token. Safe for concurrent use.
type Client struct {
	clock   clock.Clock
	metrics *metrics
	limits  *limiter
	// token is a function, so that printing a client can't print it.
	token func() string
	// account that owns the zones seen last; empty before.
	account account
	rules   ruleCache
	watch   *watcher

	zones       *zones.ZoneService
	settings    *zones.SettingService
	records     *dns.RecordService
	dnssec      *dns.DNSSECService
	rulesets    *rulesets.RulesetService
	rule        *rulesets.RuleService
	bots        *bot_management.BotManagementService
	credentials *leaked_credential_checks.LeakedCredentialCheckService
	tokens      *user.TokenService
}

var _ edge.API = (*Client)(nil)

// Format implements fmt.Formatter: what a client, or the connections below it, hold is not for printing.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "a client of Cloudflare's API")
}

// Format implements fmt.Formatter.
func (c *Clients) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "clients of Cloudflare's API")
}

func (c *Clients) newClient(token string) *Client {
	opts := []option.RequestOption{
		option.WithBaseURL(c.options.BaseURL),
		option.WithHTTPClient(c.wire),
		option.WithRequestTimeout(c.options.Timeout),
		option.WithHeader("User-Agent", "LaunchReady/"+c.options.Version),
		// Whoever asked observes before trying again.
		option.WithMaxRetries(0),
		option.WithAPIToken(token),
	}
	client := &Client{
		clock: c.options.Clock, metrics: c.metrics, limits: newLimiter(c.options.Clock), token: func() string { return token },
		zones: zones.NewZoneService(opts...), settings: zones.NewSettingService(opts...),
		records: dns.NewRecordService(opts...), dnssec: dns.NewDNSSECService(opts...),
		rulesets: rulesets.NewRulesetService(opts...), rule: rulesets.NewRuleService(opts...),
		bots:        bot_management.NewBotManagementService(opts...),
		credentials: leaked_credential_checks.NewLeakedCredentialCheckService(opts...),
		tokens:      user.NewTokenService(opts...),
	}
	client.watch = newWatcher(client.observe, c.options.Clock, c.options.Fresh)
	return client
}
