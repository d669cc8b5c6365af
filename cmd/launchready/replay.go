// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/launchready/launchready/internal/probe/suites/injection"
)

// replayOptions are the flags of probe replay.
type replayOptions struct {
	canaries, guarded, hosts []string
	prompt                   string
	// attacks are files of attacks, whose ids the recordings have.
	attacks []string
	json    bool
}

func newReplayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay FILE --canaries TEXT[,TEXT...] | --system-prompt FILE",
		Short: "Judge recorded conversations of a chatbot: what came out that must not?",
		Long: `Reads a line of JSON for each conversation: {"prompt": "...", "reply": "..."}, or {"turns": [{"prompt": ..., "reply": ...}, ...]}, with
"tool_calls": ["name"] beside a reply where tools were called. - is for what comes in. A canary is a text that must not come out, in whatever
encoding: hexadecimal digits, words, or any other that nobody guesses. What a bot said is not printed.`,
		Example: "  launchready probe replay recorded.jsonl --canaries 0123456789abcdef0123456789abcdef",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("opening the recordings: %w", err)
				}
				defer file.Close() //nolint:errcheck // it was only read
				in = file
			}
			return replay(in, cmd.OutOrStdout(), o)
		},
	}
	cmd.Flags().StringSliceVar(&o.canaries, "canaries", nil, "texts that must not come out, or @FILE with one a line")
	cmd.Flags().StringVar(&o.prompt, "system-prompt", "", "file with the system prompt, or what of it must not be told: ten of its words in a row must not come out")
	cmd.Flags().StringSliceVar(&o.guarded, "guarded-tools", nil, "names of tools that must not be called")
	cmd.Flags().StringSliceVar(&o.hosts, "allowed-hosts", nil, "hosts that a rendered reply may load images and the like from")
	cmd.Flags().StringSliceVar(&o.attacks, "attacks", nil, "files of your own attacks, to tell by the id of each recording what each attack came to")
	cmd.Flags().BoolVar(&o.json, "json", false, "print a line of JSON for each conversation")
	cmd.MarkFlagsOneRequired("canaries", "system-prompt")
	return cmd
}

// replay judges what was recorded, and prints how often what went wrong.
func replay(in io.Reader, out io.Writer, o replayOptions) error {
	canaries, err := listed(o.canaries)
	if err != nil {
		return err
	}
	forbidden := injection.Forbidden{Texts: canaries, Guarded: o.guarded, Hosts: o.hosts}
	if o.prompt != "" {
		text, err := os.ReadFile(o.prompt)
		if err != nil {
			return fmt.Errorf("reading the system prompt: %w", err)
		}
		forbidden.Prompt = string(text)
	}
	judge, err := injection.NewRecordedJudge(forbidden)
	if err != nil {
		return err
	}
	attacks, err := newAttackTally(in, o.attacks)
	if err != nil {
		return err
	}
	all, leaked, rules := 0, 0, map[string]int{}
	err = judge.Replay(in, func(j injection.Judged) error {
		all++
		if len(j.Leaks) > 0 {
			leaked++
		}
		for _, l := range j.Leaks {
			rules[l.Rule]++
		}
		if err := attacks.add(j); err != nil {
			return err
		}
		return o.tell(out, j)
	})
	if err != nil || o.json {
		return err
	}
	_, err = fmt.Fprintf(out, "%d conversations: %d leaked or did what they must not, %d did not.\n", all, leaked, all-leaked)
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		_, err = fmt.Fprintf(out, "%6d %s\n", rules[name], name)
	}
	return errors.Join(err, attacks.tell(out))
}

// tell prints what one conversation shows.
func (o replayOptions) tell(out io.Writer, j injection.Judged) error {
	if o.json {
		return json.NewEncoder(out).Encode(j)
	}
	for _, l := range j.Leaks {
		text := fmt.Sprintf("line %d: %s", j.Line, l.Rule)
		if l.Canary > 0 {
			text += fmt.Sprintf(", canary %d", l.Canary)
		}
		if len(l.Via) > 0 {
			text += ", in " + strings.Join(l.Via, " of ")
		}
		if _, err := fmt.Fprintln(out, text); err != nil {
			return err
		}
	}
	return nil
}

// listed gives the texts, and in the place of @FILE the lines of that file.
func listed(texts []string) ([]string, error) {
	var all []string
	for _, text := range texts {
		name, file := strings.CutPrefix(text, "@")
		if !file {
			all = append(all, text)
			continue
		}
		data, err := os.ReadFile(name) //nolint:gosec // named by whoever runs it
		if err != nil {
			return nil, fmt.Errorf("reading the canaries: %w", err)
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); line != "" {
				all = append(all, line)
			}
		}
	}
	return all, nil
}
