// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// perUser is an API in which each user's notes are counted from 1, and lists tell the numbers alone.
func perUser(app *rest, counts map[string]int, mu *sync.Mutex) http.Handler {
	next := func(u *user) string {
		mu.Lock()
		defer mu.Unlock()
		counts[u.name]++
		return fmt.Sprint(counts[u.name])
	}
	inner := func(u *user, id string) string { return u.name + "." + id }
	return between(app, func(w http.ResponseWriter, r *http.Request) bool {
		u := app.who(app.token(r))
		if u == nil || !strings.HasPrefix(r.URL.Path, "/notes") {
			return false
		}
		switch {
		case r.URL.Path == "/notes" && r.Method == http.MethodPost:
			var body struct{ Text string }
			_ = json.NewDecoder(r.Body).Decode(&body)
			id := next(u)
			app.mu.Lock()
			app.notes = append(app.notes, &note{id: inner(u, id), text: body.Text, owner: u})
			app.mu.Unlock()
			giveJSON(w, http.StatusOK, map[string]any{"id": id})
			return true
		case r.URL.Path == "/notes" && r.Method == http.MethodGet:
			items := []any{}
			for _, n := range app.list(u) {
				items = append(items, map[string]any{"id": strings.TrimPrefix(n.id, u.name+".")})
			}
			giveJSON(w, http.StatusOK, map[string]any{"items": items})
			return true
		default:
			if id, ok := strings.CutPrefix(r.URL.Path, "/notes/"); ok {
				r.URL.Path = "/notes/" + inner(u, id)
			}
			return false
		}
	})
}
