// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/httpstep"
	"github.com/launchready/launchready/internal/launch"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites"
	"github.com/launchready/launchready/internal/probe/suites/injection"
)

func newCheckCommand() *cobra.Command {
	var files []string
	var perMillion prices
	cmd := &cobra.Command{
		Use:   "check -f FILE...",
		Short: "Say what is wrong with manifests of launches before they are applied: unknown fields, expressions, names that stand for nothing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return checkManifests(cmd.InOrStdin(), cmd.OutOrStdout(), files, perMillion)
		},
	}
	cmd.Flags().StringSliceVarP(&files, "filename", "f", nil, "manifests; - for standard input")
	cmd.Flags().Float64Var(&perMillion.read, "input-price", 0, "what a million tokens cost that the app's model reads, for an estimate")
	cmd.Flags().Float64Var(&perMillion.written, "output-price", 0, "what a million tokens cost that it writes")
	if err := cmd.MarkFlagRequired("filename"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// checkManifests says what is wrong with each launch in the files, and fails if anything is.
func checkManifests(in io.Reader, out io.Writer, files []string, perMillion prices) error {
	catalogue, err := injection.NewCatalogue()
	if err != nil {
		return err
	}
	launches, wrong := 0, 0
	given, all := map[string][]*unstructured.Unstructured{}, configMaps{}
	for _, file := range files {
		if given[file], err = readManifests(file, in); err != nil {
			return err
		}
		all.add(given[file])
	}
	for _, file := range files {
		for _, object := range given[file] {
			if object.GroupVersionKind() != v1alpha1.GroupVersion.WithKind("LaunchReadiness") {
				continue
			}
			launches++
			told, mistakes := checkLaunch(object, all, catalogue, perMillion)
			for _, line := range told {
				_, _ = fmt.Fprintf(out, "%s: LaunchReadiness %s: %s\n", file, object.GetName(), line)
			}
			wrong += mistakes
		}
	}
	switch {
	case launches == 0:
		return errors.New("there is no LaunchReadiness in what was given")
	case wrong > 0:
		return errWrong
	}
	_, _ = fmt.Fprintln(out, "Nothing is wrong that can be told without a cluster. kubectl apply --dry-run=server tells the rest.")
	return nil
}

var errWrong = errors.New("see above for what is wrong")

// asked says what probes will ask of an app.
func asked(kinds map[probe.Suite]probe.Kind, app *v1alpha1.App, perMillion prices) string {
	var all []string
	for _, suite := range probe.Suites() {
		kind := kinds[suite]
		if kind.Undescribed != nil && kind.Undescribed(app) != "" {
			continue
		}
		plan := kind.Plan(app, nil, false)
		text := fmt.Sprintf("the suite %s asks its chat at most %d questions and makes at most %d accounts", suite, plan.Chats, plan.SignUps)
		if pause := plan.Pause(app); pause > 0 {
			text += fmt.Sprintf(", in %s or more", pause.Round(time.Second))
		}
		if plan.ProviderLogins > 0 {
			text += fmt.Sprintf(", and logs in by %v at most %d times", app.Login.Hosts, plan.ProviderLogins)
		}
		if plan.Chats > 0 {
			text += fmt.Sprintf(" (%s)", perMillion.of(plan))
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ") + ". Limits: spec.probes of a LaunchPolicy."
}

const (
	// charactersPerToken is the usual rule of thumb for English: https://platform.openai.com/tokenizer.
	charactersPerToken = 4
	// promptTokens and replyTokens are taken for what an app adds to a question and what it answers: nobody but its owner knows them.
	promptTokens, replyTokens = 1000, 300
)

// prices are of a million tokens that a model reads, and that it writes; 0 where nobody said.
type prices struct{ read, written float64 }

// of estimates what the questions of a plan cost.
func (p prices) of(plan probe.Plan) string {
	read := float64(plan.Chats*promptTokens+plan.Characters/charactersPerToken) / 1e6
	written := float64(plan.Chats*replyTokens) / 1e6
	text := fmt.Sprintf("about %.2g million tokens in and %.2g out, with a prompt of %d tokens and replies of %d", read, written, promptTokens, replyTokens)
	if p.read > 0 || p.written > 0 {
		text += fmt.Sprintf(": %.2f by the prices given", read*p.read+written*p.written)
	}
	return text
}

// checkLaunch says what is wrong with a launch, and how much that is; where nothing is, what probes will ask of the app.
func checkLaunch(object *unstructured.Unstructured, all configMaps, catalogue *injection.Catalogue, perMillion prices) (told []string, wrong int) {
	app, errs := readLaunch(object)
	with, notes, mistakes := all.attacks(object.GetNamespace(), app, catalogue)
	errs = append(errs, mistakes...)
	for _, err := range errs {
		told = append(told, err.Error())
	}
	if app != nil && len(errs) == 0 {
		told = append(told, asked(suites.KindsWith(with), app, perMillion))
	}
	return append(told, notes...), len(errs)
}

// readLaunch gives the description of the app in a launch, if there is one, and what is wrong with the launch.
func readLaunch(object *unstructured.Unstructured) (*v1alpha1.App, []error) {
	var lr v1alpha1.LaunchReadiness
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &lr, true); err != nil {
		return nil, []error{cmp.Or(misshapen(object), err)}
	}
	var errs []error
	for _, err := range append(httpstep.ValidateSpec(&lr.Spec), launch.ValidateEdge(&lr.Spec)...) {
		errs = append(errs, err)
	}
	return lr.Spec.App, errs
}

// misshapen says which field is of another kind than it should be; the converter names none.
func misshapen(object *unstructured.Unstructured) error {
	text, err := json.Marshal(object.Object)
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	var wrong *json.UnmarshalTypeError
	if !errors.As(json.Unmarshal(text, &v1alpha1.LaunchReadiness{}), &wrong) || wrong.Field == "" {
		return nil
	}
	is := map[string]string{"string": "a text", "array": "a list", "object": "an object", "number": "a number", "bool": "true or false"}[strings.Fields(wrong.Value)[0]]
	return fmt.Errorf("%s: write %s, not %s", wrong.Field, kindOf(wrong.Type), is)
}

// kindOf says what to write for a Go type.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object such as {field: value}"
	case reflect.Slice, reflect.Array:
		return "a list such as [a, b]"
	case reflect.String:
		return "a text, in quotes if it is a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Pointer:
		return kindOf(t.Elem())
	}
	return "a whole number"
}
