// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/launchready/launchready/test/emulators/cloudflare/expression"
)

// Cloudflare's managed rulesets. Source: developers.cloudflare.com/waf/managed-rules/reference/
const (
	rulesetCloudflare = "efb7b8c949ac4650a09736fc376e9aee"
	rulesetOWASP      = "4814384a9e5d4991b9815dcfc25d2f1f"
	rulesetFree       = "77454fe2d30c4220b5701f6fdfb893ba"
	// ruleOWASPScore is the last rule of the OWASP ruleset, which acts on the score.
	ruleOWASPScore = "6179ae15870a4bb7b2d480d4843b323c"
)

// owaspThreshold is the default, "Medium - 40 and higher".
// Source: developers.cloudflare.com/waf/managed-rules/reference/owasp-core-ruleset/configure-dashboard/
const owaspThreshold = 40

// maxParanoia is the strictest of the Core Rule Set's paranoia levels.
const maxParanoia = 4

// freeRules stand for the Free Managed Ruleset: Log4Shell and Shellshock.
var freeRules = []int{944150, 932170, 932171}

// execute of a managed ruleset.
type execute struct {
	ID          string          `json:"id"`
	Version     string          `json:"version"`
	Overrides   overrides       `json:"overrides"`
	MatchedData json.RawMessage `json:"matched_data"`

	paranoia int
}

type overrides struct {
	Action     string             `json:"action"`
	Enabled    *bool              `json:"enabled"`
	Categories []categoryOverride `json:"categories"`
	Rules      []ruleOverride     `json:"rules"`
}

type categoryOverride struct {
	Category string `json:"category"`
	Action   string `json:"action"`
	Enabled  *bool  `json:"enabled"`
}

type ruleOverride struct {
	ID             string `json:"id"`
	Action         string `json:"action"`
	Enabled        *bool  `json:"enabled"`
	ScoreThreshold int    `json:"score_threshold"`
}

func readExecute(raw json.RawMessage) (*execute, error) {
	x := &execute{paranoia: 1}
	if err := strictly(raw, x); err != nil {
		return nil, err
	}
	o := x.Overrides
	switch {
	case !slices.Contains([]string{rulesetCloudflare, rulesetOWASP, rulesetFree}, x.ID):
		return nil, fmt.Errorf("the managed ruleset %s isn't emulated", x.ID)
	case !slices.Contains([]string{"", "block", "log", "challenge", "js_challenge", "managed_challenge"}, o.Action):
		return nil, fmt.Errorf("the action %q of a managed ruleset isn't emulated", o.Action)
	case x.ID != rulesetOWASP && len(o.Rules)+len(o.Categories) > 0:
		return nil, fmt.Errorf("overrides of single rules or categories of Cloudflare's own rulesets aren't emulated")
	}
	off := map[string]bool{}
	for _, c := range o.Categories {
		level, err := strconv.Atoi(strings.TrimPrefix(c.Category, "paranoia-level-"))
		if err != nil || level < 1 || level > maxParanoia || c.Action != "" || c.Enabled == nil {
			return nil, fmt.Errorf("the override of the category %s isn't emulated", c.Category)
		}
		off[c.Category] = !*c.Enabled
		if *c.Enabled {
			x.paranoia = max(x.paranoia, level)
		}
	}
	for level := 1; level <= x.paranoia; level++ {
		if off["paranoia-level-"+strconv.Itoa(level)] {
			return nil, fmt.Errorf("a paranoia level below another that is on can't be off here")
		}
	}
	for _, r := range o.Rules {
		if r.ID != ruleOWASPScore {
			return nil, fmt.Errorf("the override of the rule %s isn't emulated", r.ID)
		}
	}
	return x, nil
}

// managed executes managed rulesets. On the plan Free, Cloudflare deploys the Free Managed Ruleset by itself.
// Source: developers.cloudflare.com/waf/managed-rules/
func (x *exchange) managed() (reply *http.Response, err error) {
	if x.skipped[string(expression.PhaseFirewallManaged)] {
		return nil, nil
	}
	skipped := map[string]bool{}
	rest := false
	err = x.each(expression.PhaseFirewallManaged, func(r *rule) (bool, error) {
		if s := r.params.skip; s != nil {
			x.event(r.phase, r.name(), r.Action, "")
			for _, id := range s.Rulesets {
				skipped[id] = true
			}
			rest = s.Ruleset == "current"
			return rest, nil
		}
		if skipped[r.params.execute.ID] {
			return false, nil
		}
		var err error
		if reply, err = x.execute(r.name(), r.params.execute); err != nil { //nolint:bodyclose // write closes it
			return true, failed(r, err)
		}
		return reply != nil, nil
	})
	if reply != nil || err != nil || rest || skipped[rulesetFree] || x.z.Plan != string(expression.Free) {
		return reply, err
	}
	reply, err = x.execute("Free Managed Ruleset", &execute{ID: rulesetFree, paranoia: 1})
	if err != nil {
		err = &failure{"the Free Managed Ruleset", err}
	}
	return reply, err
}

// execute runs a ruleset, and acts if it finds something.
func (x *exchange) execute(name string, p *execute) (*http.Response, error) {
	if e := p.Overrides.Enabled; e != nil && !*e {
		return nil, nil
	}
	findings, err := x.inspect(p.paranoia)
	if err != nil {
		return nil, err
	}
	action, hits := p.judge(findings)
	if action == "" {
		return nil, nil
	}
	x.event(string(expression.PhaseFirewallManaged), name, action, hits)
	return x.act(action, nil, typeWAF), nil
}

// judge says what is done about what was found: nothing, if action is empty.
func (p *execute) judge(findings []finding) (action, detail string) {
	action = p.Overrides.Action
	if action == "" {
		action = "block"
	}
	threshold := 1
	if p.ID == rulesetOWASP {
		threshold = owaspThreshold
		for _, r := range p.Overrides.Rules {
			if r.Enabled != nil && !*r.Enabled {
				return "", ""
			}
			if r.ScoreThreshold > 0 {
				threshold = r.ScoreThreshold
			}
			if r.Action != "" {
				action = r.Action
			}
		}
	}
	score, ids := p.weigh(findings)
	if score < threshold {
		return "", ""
	}
	return action, fmt.Sprintf("score %d: %s", score, strings.Join(ids, " "))
}

// weigh adds up the scores of those rules that belong to the ruleset.
func (p *execute) weigh(findings []finding) (score int, ids []string) {
	for _, f := range findings {
		if p.ID == rulesetFree && !slices.Contains(freeRules, f.id) || p.ID == rulesetCloudflare && !f.attack() {
			continue
		}
		score += f.score
		ids = append(ids, strconv.Itoa(f.id))
	}
	return score, ids
}

// finding is a rule of the Core Rule Set that matched, and what it adds to the anomaly score.
type finding struct{ id, score int }

// attack says whether the rule finds an attack of critical severity, not an oddity of the protocol: files 930 to 944.
func (f finding) attack() bool {
	return f.id >= 930000 && f.id < 945000 && f.score >= scores[types.RuleSeverityCritical]
}

// scores by severity, as in the Core Rule Set (crs-setup.conf.example, rule 900100).
var scores = map[types.RuleSeverity]int{
	types.RuleSeverityCritical: 5, types.RuleSeverityError: 4, types.RuleSeverityWarning: 3, types.RuleSeverityNotice: 2,
}

// engines holds the Core Rule Set by paranoia level, loaded when it is first needed: that takes a moment.
type engines struct {
	mu  sync.Mutex
	waf map[int]coraza.WAF
}

func (e *engines) at(paranoia int) (coraza.WAF, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w := e.waf[paranoia]; w != nil {
		return w, nil
	}
	w, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(fmt.Sprintf(`
Include @coraza.conf-recommended
Include @crs-setup.conf.example
SecRuleEngine DetectionOnly
SecAuditEngine Off
SecRequestBodyAccess On
SecResponseBodyAccess Off
SecRequestBodyLimit %d
SecRequestBodyLimitAction ProcessPartial
SecAction "id:900000,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level=%d"
Include @owasp_crs/REQUEST-*.conf
`, maxPeek, paranoia)))
	if err != nil {
		return nil, fmt.Errorf("loading the Core Rule Set: %w", err)
	}
	if e.waf == nil {
		e.waf = map[int]coraza.WAF{}
	}
	e.waf[paranoia] = w
	return w, nil
}

// inspect runs the Core Rule Set over the request, once for each paranoia level.
func (x *exchange) inspect(paranoia int) ([]finding, error) {
	if found, ok := x.found[paranoia]; ok {
		return found, nil
	}
	waf, err := x.e.engines.at(paranoia)
	if err != nil {
		return nil, err
	}
	body, _, err := x.body.peek()
	if err != nil {
		return nil, fmt.Errorf("reading the request's body: %w", err)
	}
	tx := waf.NewTransaction()
	defer func() { _ = tx.Close() }()
	tx.ProcessConnection(x.source.String(), 0, "", x.view.Port)
	tx.ProcessURI(x.target(), x.r.Method, x.r.Proto)
	tx.SetServerName(x.host)
	tx.AddRequestHeader("Host", x.host)
	for name, values := range x.r.Header {
		for _, v := range values {
			tx.AddRequestHeader(name, v)
		}
	}
	tx.ProcessRequestHeaders()
	if len(body) > 0 {
		if _, _, err := tx.WriteRequestBody(body); err != nil {
			return nil, fmt.Errorf("inspecting the request's body: %w", err)
		}
	}
	if _, err := tx.ProcessRequestBody(); err != nil {
		return nil, fmt.Errorf("inspecting the request's body: %w", err)
	}
	var found []finding
	for _, m := range tx.MatchedRules() {
		r := m.Rule()
		if r.ID() >= 911000 && r.ID() < 949000 && scores[r.Severity()] > 0 {
			found = append(found, finding{id: r.ID(), score: scores[r.Severity()]})
		}
	}
	if x.found == nil {
		x.found = map[int][]finding{}
	}
	x.found[paranoia] = found
	return found, nil
}
