// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/probe"
	"github.com/launchready/launchready/internal/probe/suites/injection"
)

// catalogue gives the built-in attacks and the team's own. Where these are not those that the run was planned for, no attack is made:
// the rows say why.
func (s *suiteRun) catalogue() (*injection.Catalogue, []probe.RowResult, error) {
	catalogue, err := injection.NewCatalogue()
	if err != nil {
		return nil, nil, err
	}
	names := s.spec.Suite.AttackConfigMaps(&s.spec.App)
	if len(names) == 0 {
		return catalogue, nil, nil
	}
	files, err := readAttacks(s.attacks, names)
	if err != nil {
		return nil, nil, err
	}
	if probe.HashAttacks(files) != s.spec.AttacksSHA256 {
		return nil, s.attacksChanged(names), nil
	}
	catalogue, err = catalogue.ReadConfigMaps(files)
	return catalogue, nil, err
}

// attacksChanged says of each row that the ConfigMaps were changed after the operator had looked at them.
func (s *suiteRun) attacksChanged(names []string) []probe.RowResult {
	var rows []probe.RowResult
	for _, row := range s.spec.Suite.Rows() {
		rows = append(rows, probe.RowResult{
			Row: row, Verdict: v1alpha1.VerdictUnknown, Fault: v1alpha1.FaultOperator, Reason: probe.ReasonProbeAttacksChanged,
			Message: fmt.Sprintf("What stands in ConfigMap %s was changed after this run was planned, and no attack was made. The next run is planned with what stands there then.",
				strings.Join(names, ", ")),
		})
	}
	return rows
}

// readAttacks reads the attacks of each ConfigMap; none of one that is gone, whose folder is empty then.
func readAttacks(dir string, names []string) ([]probe.AttackFile, error) {
	var files []probe.AttackFile
	for _, name := range names {
		entries, err := os.ReadDir(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the attacks of ConfigMap %s: %w", name, err)
		}
		for _, entry := range entries {
			// Kubernetes keeps its own files beside, whose names begin with two dots.
			if strings.HasPrefix(entry.Name(), "..") || filepath.Ext(entry.Name()) != probe.AttacksExtension {
				continue
			}
			data, err := os.ReadFile(filepath.Join(dir, name, entry.Name())) //nolint:gosec // mounted for us
			if err != nil {
				return nil, fmt.Errorf("reading the attacks of ConfigMap %s: %w", name, err)
			}
			files = append(files, probe.AttackFile{ConfigMap: name, Key: entry.Name(), Text: string(data)})
		}
	}
	return files, nil
}
