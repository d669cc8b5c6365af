// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// CodeViolation is the code of a refusal that is the emulator's own: the request is against Cloudflare's description of its API, and
// nothing else was wrong with it. Cloudflare has no such code.
const CodeViolation = 999999

const descriptionFile = "cloudflare-openapi-operator-subset.json"

// FindOpenAPI looks for Cloudflare's description of its API in the folder that LAUNCHREADY_SHARED_DATA names, or in shared/data of the
// working directory or one above. It gives "" where there is none.
func FindOpenAPI() string {
	if dir := os.Getenv("LAUNCHREADY_SHARED_DATA"); dir != "" {
		return existing(filepath.Join(dir, descriptionFile))
	}
	dir, err := os.Getwd()
	for err == nil {
		if found := existing(filepath.Join(dir, "shared", "data", descriptionFile)); found != "" {
			return found
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	return ""
}

func existing(path string) string {
	if _, err := os.Stat(path); err != nil { //nolint:gosec // the folder is the caller's own choice
		return ""
	}
	return path
}

// Validator checks requests against the description. It may serve many emulators at once.
type Validator struct {
	router routers.Router
}

// NewValidator reads the description, which takes a tenth of a second: tests with many emulators share one.
func NewValidator(path string) (*Validator, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("read Cloudflare's description: %w", err)
	}
	doc.Servers = openapi3.Servers{{URL: Base}}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("read Cloudflare's description: %w", err)
	}
	return &Validator{router: router}, nil
}

// check says what is wrong with a request. What the description doesn't contain is not wrong.
func (v *Validator) check(r *http.Request, body []byte) error {
	if v == nil || documented(r, body) {
		return nil
	}
	found, params, err := v.router.FindRoute(r)
	if err != nil {
		return nil //nolint:nilerr // the description is of August 2024: newer endpoints aren't in it
	}
	req := r.Clone(r.Context())
	req.Body = io.NopCloser(bytes.NewReader(body))
	err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: found,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, ExcludeReadOnlyValidations: true,
			// the content of A records; not registered for all, for that would be a race among emulators
			SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.WithStringFormatValidator("ipv4", openapi3.NewIPValidator(true))},
		},
	})
	if err == nil {
		return nil
	}
	return errors.New(brief(err))
}

// documented says that the documentation allows a request that the description doesn't; then the documentation counts.
func documented(r *http.Request, body []byte) bool {
	switch {
	case r.Method == http.MethodDelete && len(body) == 0: // the description wants a body
		return true
	case r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/rules/"):
		// The description wants an action; a position alone is ruleset-engine/rulesets-api/update-rule, "Change the order".
		var in map[string]any
		return json.Unmarshal(body, &in) == nil && !definition(in)
	case r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/settings"):
		// The description wants an array, the documentation of many years has it in "items", as clients send it.
		var in struct{ Items []any }
		return json.Unmarshal(body, &in) == nil && in.Items != nil
	case r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/settings/ssl"):
		var in struct{ Value any } // ssl/origin-configuration/ssl-modes/ssl-only-origin-pull is newer than the description
		return json.Unmarshal(body, &in) == nil && in.Value == "origin_pull"
	case strings.Contains(r.URL.Path, "/dns_records"):
		// The description wants a content; CAA, SRV and their like are given by their data (api/resources/dns/subresources/records).
		return bytes.Contains(body, []byte(`"data":`))
	default:
		return false
	}
}

// brief keeps what a person needs of a validation error, and no value of a header.
func brief(err error) string {
	var schema *openapi3.SchemaError
	if errors.As(err, &schema) {
		return fmt.Sprintf("/%s: %s", strings.Join(schema.JSONPointer(), "/"), schema.Reason)
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
