// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"errors"
	"net/http"
	"regexp"
)

// graphQLField is one field with an id: conversation(id: "…"), document(id: "…") or with a variable.
var graphQLField = regexp.MustCompile(`(conversation|document)\s*\(\s*id\s*:\s*(?:"([^"]*)"|([0-9]+)|\$(\w+))\s*\)`)

// graphQL understands as much of it as a client of this app sends: me, conversation(id:) and document(id:). Errors are
// 200, as the protocol has it; only nobody gets the app's usual answer.
func (a *App) graphQL(c *call) error {
	var body struct {
		Query     string            `json:"query"`
		Variables map[string]textID `json:"variables"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	if c.user == nil {
		return a.json(c, http.StatusOK, fields{"data": nil, "errors": []any{fields{
			"message": "log in first", "extensions": fields{"code": "UNAUTHENTICATED"},
		}}})
	}
	found := graphQLField.FindStringSubmatch(body.Query)
	if found == nil {
		return a.json(c, http.StatusOK, fields{"data": fields{"me": profile(*c.user)}})
	}
	id := found[2] + found[3]
	if found[4] != "" {
		id = string(body.Variables[found[4]])
	}
	k := conversations
	if found[1] == documents.name {
		k = documents
	}
	o, err := a.find(c, opGraphQL, k, id)
	if f := (*failure)(nil); errors.As(err, &f) {
		return a.json(c, http.StatusOK, fields{"data": fields{k.name: nil}, "errors": []any{fields{
			"message": f.message, "path": []string{k.name}, "extensions": fields{"code": "NOT_FOUND"},
		}}})
	}
	if err != nil {
		return err
	}
	item, err := a.full(c.ctx(), k, o)
	if err != nil {
		return err
	}
	return a.json(c, http.StatusOK, fields{"data": fields{k.name: item}})
}
