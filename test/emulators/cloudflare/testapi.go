// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// routeTestAPI serves the emulator's own controls. They need no token: they are for loopback.
func (s *Server) routeTestAPI() {
	handle := func(pattern string, do func(r *http.Request) (any, error)) {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			out, err := do(r)
			w.Header().Set("Content-Type", "application/json")
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				out = map[string]string{"error": err.Error()}
			}
			_ = json.NewEncoder(w).Encode(out) // a client that has gone is its own affair
		})
	}
	handle("GET /_emulator/zones", func(*http.Request) (any, error) { return s.Zones(), nil })
	handle("POST /_emulator/zones", func(r *http.Request) (any, error) {
		var in ZoneSeed
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return s.AddZone(in.Name, in.Plan)
	})
	s.routeTokens(handle)
	handle("POST /_emulator/faults", func(r *http.Request) (any, error) {
		var in Fault
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return map[string]int{"fault": s.Inject(in)}, nil
	})
	handle("DELETE /_emulator/faults", func(*http.Request) (any, error) { s.ClearFaults(); return map[string]bool{"ok": true}, nil })
	handle("POST /_emulator/release", func(*http.Request) (any, error) { s.Release(); return map[string]bool{"ok": true}, nil })
	handle("GET /_emulator/calls", func(*http.Request) (any, error) {
		return map[string]any{"calls": s.Calls(), "counts": s.Counts(), "violations": s.Violations()}, nil
	})
	handle("DELETE /_emulator/calls", func(*http.Request) (any, error) {
		s.ResetCalls()
		s.ResetRateLimit()
		return map[string]bool{"ok": true}, nil
	})
}

func (s *Server) routeTokens(handle func(pattern string, do func(*http.Request) (any, error))) {
	handle("POST /_emulator/tokens", func(r *http.Request) (any, error) {
		var in Token
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return s.AddToken(in)
	})
	handle("PATCH /_emulator/tokens/{name}", func(r *http.Request) (any, error) {
		var in struct {
			Status      string
			Zones       []string
			Permissions []string
			ExpiresOn   *time.Time `json:"expires_on"`
		}
		if err := read(r, &in); err != nil {
			return nil, err
		}
		return map[string]bool{"ok": true}, s.EditToken(r.PathValue("name"), func(t *Token) {
			if in.Status != "" {
				t.Status = in.Status
			}
			if in.Zones != nil {
				t.Zones = in.Zones
			}
			if in.Permissions != nil {
				t.Permissions = in.Permissions
			}
			if in.ExpiresOn != nil {
				t.ExpiresOn = in.ExpiresOn
			}
		})
	})
	handle("DELETE /_emulator/tokens/{name}", func(r *http.Request) (any, error) {
		return map[string]bool{"ok": true}, s.RevokeToken(r.PathValue("name"))
	})
}

// ZoneSeed is a zone to be made.
type ZoneSeed struct {
	Name string `json:"name"`
	Plan Plan   `json:"plan"`
}

func read(r *http.Request, into any) error {
	return json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(into)
}
