// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// state is what survives a restart. Zones behind the pointers never change: a change puts a new one in their place, so that a reader may
// keep what it has.
type state struct {
	Version int64    `json:"version"`
	Zones   []*Zone  `json:"zones"`
	Tokens  []*Token `json:"tokens"`
}

func (s *state) zone(id string) *Zone {
	for _, z := range s.Zones {
		if z.ID == id {
			return z
		}
	}
	return nil
}

// zoneNamed looks a zone up by name or id.
func (s *state) zoneNamed(name string) *Zone {
	for _, z := range s.Zones {
		if z.Name == name || z.ID == name {
			return z
		}
	}
	return nil
}

// put replaces the zone of that id, or adds it.
func (s *state) put(z *Zone) {
	s.Version++
	z.Changed = s.Version
	i := slices.IndexFunc(s.Zones, func(old *Zone) bool { return old.ID == z.ID })
	if i < 0 {
		s.Zones = append(slices.Clip(s.Zones), z)
		return
	}
	s.Zones = slices.Clone(s.Zones)
	s.Zones[i] = z
}

func loadState(path string) (*state, error) {
	s := &state{}
	if path == "" {
		return s, nil
	}
	b, err := os.ReadFile(path) //nolint:gosec // the path is the operator's own choice
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("read the state in %s: %w", path, err)
	}
	return s, nil
}

// save writes the state beside the file and renames it: whoever kills the program finds the old state or the new one. It isn't synced to
// the disk, for a killed process loses no written page, only a machine does.
func (s *state) save(path string) error {
	if path == "" {
		return nil
	}
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write the state: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// newID makes an identifier in Cloudflare's form: 32 hexadecimal digits.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
