// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/gate/bundle"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/listener"
	"github.com/launchready/launchready/internal/probe/suites/injection"
	"github.com/launchready/launchready/internal/probe/suites/injection/corpus"
)

func newAttacksCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "attacks", Short: "Check and try a team's own attacks on a chatbot, without a cluster"}
	lint := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Say what is wrong with attacks before a ConfigMap holds them: the operator says the same",
		Long: `Reads files of attacks (attacks: and a list below it), or manifests with ConfigMaps that hold such files. All files together are read as what
one launch names: no id may stand twice. - is for what comes in.`,
		Example: "  launchready attacks lint team.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return lintAttacks(cmd.InOrStdin(), cmd.OutOrStdout(), args)
		},
	}
	var values map[string]string
	show := &cobra.Command{
		Use:   "print FILE...",
		Short: "Print what attacks say, with what their placeholders stand for: a line of JSON each, as probe replay reads it",
		Long: `Prints a line of JSON for each attack: its id, the content that is to be planted where it has any, and its turns as prompts. Ask your chatbot these,
write its replies beside the prompts, and let launchready probe replay judge them.`,
		Example: "  launchready attacks print team.yaml --set term=lavender --set tenant=globex",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return printAttacks(cmd.InOrStdin(), cmd.OutOrStdout(), args, values)
		},
	}
	show.Flags().StringToStringVar(&values, "set", nil, "what a placeholder stands for, such as tool=refund; url, host and page stand for addresses that belong to nobody")
	cmd.AddCommand(lint, show)
	return cmd
}

// lintAttacks says each mistake in a line of its own, and fails if there is any.
func lintAttacks(in io.Reader, out io.Writer, names []string) error {
	catalogue, err := readOwn(in, names)
	var mistakes corpus.Mistakes
	if errors.As(err, &mistakes) {
		_, _ = fmt.Fprintln(out, mistakes)
		return errWrong
	}
	if err != nil {
		return err
	}
	techniques := map[string]bool{}
	for _, a := range catalogue.Own() {
		techniques[a.Technique] = true
	}
	_, err = fmt.Fprintf(out, "%d attacks of %d techniques. Nothing is wrong with them.\n", len(catalogue.Own()), len(techniques))
	return err
}

// printed is an attack as it is tried by hand.
type printed struct {
	ID      string               `json:"id"`
	Carrier corpus.Carrier       `json:"carrier"`
	Content string               `json:"content,omitempty"`
	Turns   []injection.Exchange `json:"turns"`
}

// printAttacks prints attacks with what their placeholders stand for.
func printAttacks(in io.Reader, out io.Writer, names []string, values map[string]string) error {
	catalogue, err := readOwn(in, names)
	if err != nil {
		return err
	}
	// RFC 2606, RFC 5737
	vars := httpstep.Vars{
		corpus.Address: "https://probe.example.net/", corpus.DNSName: "probe.example.net", corpus.Page: "https://probe.example.net/page",
		corpus.Name: "name.probe.example.net", corpus.NameServer: "192.0.2.53", corpus.NamePort: strconv.Itoa(listener.NamesPort),
	}
	vars = vars.With(values)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, a := range catalogue.Own() {
		expanded, err := a.Expand(vars)
		if err != nil {
			return fmt.Errorf("%w (--set %s=...)", err, missing(a, vars))
		}
		line := printed{ID: a.ID, Carrier: a.Carrier, Content: expanded.Content}
		for _, turn := range expanded.Turns {
			line.Turns = append(line.Turns, injection.Exchange{Prompt: turn})
		}
		if err := encoder.Encode(line); err != nil {
			return fmt.Errorf("printing the attacks: %w", err)
		}
	}
	return nil
}

// missing gives the first placeholder of an attack that stands for nothing.
func missing(a corpus.Attack, vars httpstep.Vars) string {
	for _, name := range a.Needs() {
		if _, given := vars[name]; !given {
			return name
		}
	}
	return corpus.Ask
}

// readOwn reads files of attacks, and manifests with ConfigMaps of such.
func readOwn(in io.Reader, names []string) (*injection.Catalogue, error) {
	var files []corpus.File
	for _, name := range names {
		data, err := readFile(in, name)
		if err != nil {
			return nil, err
		}
		more, err := attackFiles(name, data)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	catalogue, err := injection.NewCatalogue()
	if err != nil {
		return nil, err
	}
	return catalogue.Read(files)
}

func readFile(in io.Reader, name string) (data []byte, err error) {
	if name == "-" {
		data, err = io.ReadAll(in)
	} else {
		data, err = os.ReadFile(name) //nolint:gosec // named by whoever runs it
	}
	if err != nil {
		return nil, fmt.Errorf("reading the attacks: %w", err)
	}
	return data, nil
}

// isManifest tells a manifest from a file of attacks, which has no other field than attacks.
var isManifest = regexp.MustCompile(`(?m)^("kind"|kind|\{.*"kind") *:`)

// attackFiles gives the files of attacks in what was read: the whole, or the keys of the ConfigMaps in it.
func attackFiles(name string, data []byte) ([]corpus.File, error) {
	if !isManifest.Match(data) {
		return []corpus.File{{Name: name, Data: data}}, nil
	}
	objects, err := bundle.Read(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var files []corpus.File
	for _, object := range objects {
		m, ok := configMapOf(object)
		if !ok {
			continue
		}
		keys, err := probe.AttackFiles(m)
		if err != nil {
			return nil, corpus.Mistakes{fmt.Sprintf("%s: %v", name, err)}
		}
		for _, key := range keys {
			files = append(files, corpus.File{Name: fmt.Sprintf("%s: %s", name, key), Data: []byte(key.Text)})
		}
	}
	if len(files) == 0 {
		return nil, corpus.Mistakes{name + ": there is no ConfigMap in it, and no list of attacks: write attacks: and a list below it"}
	}
	return files, nil
}

// configMapOf gives the ConfigMap that an object is, if it is one.
func configMapOf(object *unstructured.Unstructured) (*corev1.ConfigMap, bool) {
	if object.GroupVersionKind() != corev1.SchemeGroupVersion.WithKind("ConfigMap") {
		return nil, false
	}
	var m corev1.ConfigMap
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &m); err != nil {
		return nil, false
	}
	return &m, true
}

// configMaps are those among manifests, by namespace and name. One without a namespace gets that of whatever is applied with it.
type configMaps map[string]*corev1.ConfigMap

func (c configMaps) add(objects []*unstructured.Unstructured) {
	for _, object := range objects {
		if m, ok := configMapOf(object); ok {
			c[m.Namespace+"/"+m.Name] = m
		}
	}
}

// attacks gives the catalogue with a launch's own attacks, as far as its ConfigMaps are there, what is to be said of them, and what is
// wrong with them.
func (c configMaps) attacks(namespace string, app *v1alpha1.App, catalogue *injection.Catalogue) (with *injection.Catalogue, notes []string, wrong []error) {
	names := probe.SuiteInjection.AttackConfigMaps(app)
	if len(names) == 0 {
		return catalogue, nil, nil
	}
	var files []probe.AttackFile
	for _, name := range names {
		m := cmp.Or(c[namespace+"/"+name], c["/"+name])
		if m == nil {
			notes = append(notes, fmt.Sprintf("ConfigMap %s of spec.app.chat.attacks is not among what was given: its attacks are neither checked nor counted.", name))
			continue
		}
		more, err := probe.AttackFiles(m)
		if err != nil {
			wrong = append(wrong, err)
		}
		files = append(files, more...)
	}
	with, err := catalogue.ReadConfigMaps(files)
	var mistakes corpus.Mistakes
	switch {
	case errors.As(err, &mistakes):
		for _, mistake := range mistakes {
			wrong = append(wrong, errors.New(mistake))
		}
	case err != nil:
		wrong = append(wrong, err)
	}
	if len(wrong) > 0 {
		return catalogue, notes, wrong
	}
	if placeless := with.Placeless(app); len(placeless) > 0 {
		notes = append(notes, fmt.Sprintf("spec.app describes nothing that these attacks of its own could find, or no way there, so that they are not made: %s.",
			strings.Join(placeless, ", ")))
	}
	return with, notes, nil
}
