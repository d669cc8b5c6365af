// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/internal/httpstep"
)

// Bounds on what others write. A ConfigMap holds 1 MiB at most.
const (
	maxData    = 1 << 20
	maxAttacks = 1000
	maxName    = 63
	maxTurns   = 8
	maxTurn    = 8 << 10
	maxContent = 64 << 10
	maxWeight  = 5
	// maxErrors is how many mistakes are told at once.
	maxErrors = 20
)

//go:embed *.yaml
var files embed.FS

// Load gives the attacks that are built in, by file and in their order there.
func Load() ([]Attack, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("listing the corpus: %w", err)
	}
	var all []Attack
	seen := map[string]bool{}
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading the corpus: %w", err)
		}
		attacks, err := Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, attack := range attacks {
			if seen[attack.ID] {
				return nil, fmt.Errorf("%s: attack %s: id: stands in another file already", name, attack.ID)
			}
			seen[attack.ID] = true
		}
		all = append(all, attacks...)
	}
	return all, nil
}

// Parse reads attacks as a team writes them: `attacks:` and a list. What is unknown or out of bounds is an error that says
// what to write.
func Parse(data []byte) ([]Attack, error) {
	if len(data) > maxData {
		return nil, fmt.Errorf("%d bytes are too many: write at most %d, and the rest into another ConfigMap", len(data), maxData)
	}
	converted, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return nil, fmt.Errorf("reading YAML: %w", err)
	}
	var file struct {
		Attacks []json.RawMessage `json:"attacks"`
	}
	unknown, err := kjson.UnmarshalStrict(converted, &file)
	if err = errors.Join(append(unknown, err)...); err != nil {
		return nil, fmt.Errorf("write attacks: and a list below it: %w", err)
	}
	if n := len(file.Attacks); n == 0 || n > maxAttacks {
		return nil, fmt.Errorf("attacks: has %d: write 1 to %d", n, maxAttacks)
	}
	attacks := make([]Attack, 0, len(file.Attacks))
	seen := map[string]bool{}
	var errs []error
	for i, raw := range file.Attacks {
		attack, err := decode(i, raw)
		if err == nil && seen[attack.ID] {
			err = fmt.Errorf("attack %s: id: stands twice: write another", attack.ID)
		}
		seen[attack.ID] = true
		attacks = append(attacks, attack)
		if err != nil && len(errs) < maxErrors {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return attacks, nil
}

// decode reads one attack. Its errors name it, or its number where it has no name yet.
func decode(i int, raw json.RawMessage) (Attack, error) {
	var attack Attack
	unknown, err := kjson.UnmarshalStrict(raw, &attack)
	name := fmt.Sprintf("attacks[%d]", i)
	if isKebab(attack.ID) {
		name = "attack " + attack.ID
	}
	if err != nil {
		return Attack{}, fmt.Errorf("%s: %w", name, wrongType(err))
	}
	if len(unknown) > 0 {
		return Attack{}, fmt.Errorf("%s: %w: write one of id, technique, owasp, atlas, goal, carrier, place, language, content, turns, weight",
			name, errors.Join(unknown...))
	}
	if err := attack.validate(); err != nil {
		return Attack{}, fmt.Errorf("%s: %w", name, err)
	}
	return attack, nil
}

// validate gives the first mistake, by field.
func (a Attack) validate() error {
	switch {
	case !isKebab(a.ID):
		return fmt.Errorf("id: write lower-case letters, digits and single hyphens, at most %d", maxName)
	case !isKebab(a.Technique):
		return errors.New("technique: write one of docs/reference/attack-techniques.md, or one of your own in kebab-case")
	case !slices.Contains(risks(), a.OWASP):
		return errors.New("owasp: write LLM01 to LLM10")
	case !slices.Contains(atlasTechniques(), a.ATLAS):
		return errors.New("atlas: write a technique of MITRE ATLAS that attacks a model in use, such as AML.T0051.000")
	case !slices.Contains(Goals(), a.Goal):
		return fmt.Errorf("goal: write one of %s", list(Goals()))
	case !slices.Contains(Carriers(), a.Carrier):
		return fmt.Errorf("carrier: write one of %s", list(Carriers()))
	case a.Weight < 1 || a.Weight > maxWeight:
		return fmt.Errorf("weight: write 1 to %d", maxWeight)
	}
	if _, err := language.Parse(a.Language); err != nil || a.Language == "" {
		return errors.New("language: write a BCP 47 tag, such as en or pt-BR")
	}
	if err := a.validatePlace(); err != nil {
		return err
	}
	if err := a.validateTexts(); err != nil {
		return err
	}
	return a.validateAim()
}

func (a Attack) validatePlace() error {
	switch a.Place {
	case "":
		return nil
	case Text, Metadata, Invisible:
		if a.Carrier == DocumentPDF {
			return nil
		}
	}
	return fmt.Errorf("place: write %s, %s or %s, and with the carrier %s alone", Text, Metadata, Invisible, DocumentPDF)
}

func (a Attack) validateTexts() error {
	if a.Carrier == Chat && a.Content != "" {
		return errors.New("content: belongs to other carriers than Chat: say it in turns")
	}
	if a.Carrier != Chat && strings.TrimSpace(a.Content) == "" {
		return fmt.Errorf("content: write what is planted as %s", a.Carrier)
	}
	if len(a.Content) > maxContent {
		return fmt.Errorf("content: write at most %d bytes", maxContent)
	}
	if len(a.Turns) == 0 || len(a.Turns) > maxTurns {
		return fmt.Errorf("turns: write 1 to %d", maxTurns)
	}
	for i, turn := range a.Turns {
		if strings.TrimSpace(turn) == "" || len(turn) > maxTurn {
			return fmt.Errorf("turns[%d]: write 1 to %d bytes", i, maxTurn)
		}
	}
	for i, text := range a.texts() {
		where := "content"
		if i > 0 {
			where = fmt.Sprintf("turns[%d]", i-1)
		}
		if err := validateText(text); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	return nil
}

func validateText(text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return errors.New("write UTF-8 without NUL")
	}
	for _, name := range httpstep.References(text) {
		if !slices.Contains(Placeholders(), name) {
			return fmt.Errorf("$(%s) is no placeholder: write one of $(%s), or $$ for a dollar sign",
				clip(name), strings.Join(Placeholders(), "), $("))
		}
	}
	if word, found := harmful(text); found {
		return fmt.Errorf("%s is about harm, and no attack needs it: a provider may close an account for it. Ask for $(ask), or say it in another way", clip(word))
	}
	if host, found := stranger(text); found {
		return fmt.Errorf("%s may be somebody's: write $(url), $(host), or a name or address of RFC 2606 or RFC 5737", clip(host))
	}
	return nil
}

// validateAim sees to it that what the goal is judged by can come out.
func (a Attack) validateAim() error {
	needs := a.Needs()
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(needs, name) })
	}
	switch {
	case slices.Contains(needs, Page) != (a.Carrier == URL):
		return fmt.Errorf("turns: $(page) belongs to the carrier %s, and to it alone", URL)
	case a.Goal == ToolCall && !has(Tool):
		return errors.New("turns: name the tool that must not run, $(tool), or $(ask)")
	case has(Name, NameServer, NamePort) && (a.Goal != Fetch || !has(Name) || !has(NameServer)):
		return fmt.Errorf("turns: $(name) and $(nameserver) belong together and to the goal %s, with $(nameport) or without", Fetch)
	case (a.Goal == Fetch || a.Goal == Render || a.Goal == Markup) && !has(Address, DNSName, Name):
		return fmt.Errorf("turns: with the goal %s, lead to the probe's listener by $(url) or $(host), or write $(ask)", a.Goal)
	}
	return nil
}

func list[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}

// clip keeps what others wrote short in an error.
func clip(text string) string {
	const most = 40
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
