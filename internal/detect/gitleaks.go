// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
)

// externalRule is a rule of gitleaks: its expression, entropy and allowlists are
// applied as gitleaks v8.30 applies them (detect/detect.go, detectRule).
type externalRule struct {
	id         string
	kind       Kind
	keywords   []string
	regex      *regexp.Regexp
	group      int
	entropy    float64
	allowlists []*config.Allowlist
}

// loadGitleaks reads the rule set that gitleaks embeds.
//
// Only its config package is used, not its detector: that one logs what it skips,
// secret included, through a global logger, lower-cases and re-splits every value,
// and links archive readers and a terminal library. A viper of our own keeps
// gitleaks' package state out of it.
func loadGitleaks() (shapes, named []externalRule, err error) {
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(config.DefaultConfig)); err != nil {
		return nil, nil, fmt.Errorf("reading the rules of gitleaks: %w", err)
	}
	var raw config.ViperConfig
	if err := v.Unmarshal(&raw); err != nil {
		return nil, nil, fmt.Errorf("decoding the rules of gitleaks: %w", err)
	}
	cfg, err := raw.Translate()
	if err != nil {
		return nil, nil, fmt.Errorf("compiling the rules of gitleaks: %w", err)
	}
	for _, rule := range cfg.GetOrderedRules() {
		if _, dropped := droppedRules[rule.RuleID]; dropped || rule.Regex == nil || rule.Path != nil {
			continue
		}
		r := externalRule{
			id: rule.RuleID, kind: externalKinds[rule.RuleID], keywords: rule.Keywords, regex: rule.Regex,
			group: rule.SecretGroup, entropy: rule.Entropy,
			allowlists: append(append([]*config.Allowlist{}, cfg.Allowlists...), rule.Allowlists...),
		}
		if besideName(rule.Regex.String()) {
			named = append(named, r)
			continue
		}
		if r.kind == "" {
			r.kind = KindToken
		}
		shapes = append(shapes, r)
	}
	return shapes, named, nil
}

// besideName tells gitleaks' rules that need a provider's name and an assignment
// before a loose form (32 letters and digits beside "algolia"). Taken alone they
// convict ids and hashes by a vendor's name, so here they only say whose secret it
// is, once our own grammar of names has found one.
func besideName(expression string) bool {
	return strings.Contains(expression, `(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)`)
}

// find returns the secrets that the rule finds in text, as pairs of offsets.
func (r *externalRule) find(text string) [][2]int {
	var found [][2]int
	for _, m := range r.regex.FindAllStringSubmatchIndex(text, -1) {
		start, end := m[0], m[1]
		if s, e, ok := r.secretGroup(m); ok {
			start, end = s, e
		}
		secret := text[start:end]
		if r.entropy > 0 && shannon(secret) <= r.entropy {
			continue
		}
		if r.allowed(secret, text[m[0]:m[1]], lineAround(text, m[0], m[1])) {
			continue
		}
		found = append(found, [2]int{start, end})
	}
	return found
}

func (r *externalRule) secretGroup(m []int) (start, end int, ok bool) {
	if r.group > 0 && 2*r.group+1 < len(m) {
		return m[2*r.group], m[2*r.group+1], m[2*r.group] >= 0
	}
	for g := 2; g+1 < len(m); g += 2 {
		if m[g] >= 0 && m[g+1] > m[g] {
			return m[g], m[g+1], true
		}
	}
	return 0, 0, false
}

func (r *externalRule) allowed(secret, match, line string) bool {
	for _, a := range r.allowlists {
		if a.MatchCondition == config.AllowlistMatchAnd {
			continue // all of gitleaks' own need a file's path, which a setting has not
		}
		target := secret
		switch a.RegexTarget {
		case "match":
			target = match
		case "line":
			target = line
		}
		if a.RegexAllowed(target) {
			return true
		}
		if stop, _ := a.ContainsStopWord(secret); stop {
			return true
		}
	}
	return false
}

// lineAround returns the lines that text[start:end] stands on, cut to a length that
// keeps the work linear on one-line files.
func lineAround(text string, start, end int) string {
	const reach = 512
	from, to := max(0, start-reach), min(len(text), end+reach)
	if i := strings.LastIndexByte(text[from:start], '\n'); i >= 0 {
		from += i + 1
	}
	if i := strings.IndexByte(text[end:to], '\n'); i >= 0 {
		to = end + i
	}
	return text[from:to]
}

// shannon is the entropy in bits a byte, as gitleaks computes it.
func shannon(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	entropy := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			entropy -= p * math.Log2(p)
		}
	}
	return entropy
}
