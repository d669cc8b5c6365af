// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/launchready/launchready/api/v1alpha1"
)

// Request is a described request with everything put in: what goes over the wire, and can be written down.
type Request struct {
	Method string
	// Path as it is sent, percent-encoding untouched, with the query.
	Path   string
	Header http.Header
	// Body is the body; of a WebSocket, the last message that is sent.
	Body []byte
	// Socket is what else belongs to a WebSocket; nil for any other request.
	Socket *Socket
}

// Clone gives a copy that may be changed.
func (r Request) Clone() Request {
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Body = slices.Clone(r.Body)
	r.Socket = r.Socket.clone()
	return r
}

// Messages gives what the request says beside path and headers: its body, or the messages of a WebSocket.
func (r Request) Messages() [][]byte {
	var all [][]byte
	if r.Socket != nil {
		for _, m := range r.Socket.Before {
			all = append(all, m.Text)
		}
	}
	return append(all, r.Body)
}

// Prepare puts the variables into a described request to the app. In path and query they are encoded; elsewhere they stand as they
// are. One to another host is refused: it is a login's, and LogIn's alone.
func Prepare(described v1alpha1.HTTPRequest, vars Vars) (Request, error) {
	if described.Host != "" {
		return Request{}, ErrElsewhere
	}
	path, err := preparePath(described, vars)
	if err != nil {
		return Request{}, err
	}
	r := Request{Method: Method(described), Path: path, Header: http.Header{}}
	if described.WebSocket != nil {
		r.Body, r.Socket, err = prepareSocket(*described.WebSocket, vars)
	} else {
		r.Body, err = prepareBody(described, vars, r.Header)
	}
	if err != nil {
		return Request{}, err
	}
	return r, SetHeaders(r.Header, described.Headers, vars)
}

// Method gives the method of a described request.
func Method(described v1alpha1.HTTPRequest) string {
	if described.Method == "" {
		return http.MethodGet
	}
	return string(described.Method)
}

// SetHeaders puts described headers into a header.
func SetHeaders(header http.Header, described map[string]v1alpha1.HeaderValue, vars Vars) error {
	for _, name := range slices.Sorted(maps.Keys(described)) {
		value, err := vars.Expand(string(described[name]))
		if err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
		header.Set(name, value)
	}
	return nil
}

func preparePath(described v1alpha1.HTTPRequest, vars Vars) (string, error) {
	path, query, hasQuery, err := expandPath(string(described.Path), vars)
	if err != nil {
		return "", fmt.Errorf("path: %w", err)
	}
	values := url.Values{}
	for name, value := range described.Query {
		expanded, err := vars.Expand(string(value))
		if err != nil {
			return "", fmt.Errorf("query %s: %w", name, err)
		}
		values.Set(name, expanded)
	}
	if more := values.Encode(); more != "" {
		query, hasQuery = strings.TrimPrefix(query+"&"+more, "&"), true
	}
	if hasQuery {
		path += "?" + query
	}
	return path, nil
}

// expandPath gives path and query.
func expandPath(described string, vars Vars) (path, query string, hasQuery bool, err error) {
	if !strings.HasPrefix(described, "/") {
		// A whole path that was captured is encoded already.
		whole, err := vars.Expand(described)
		if err == nil && !isPath(whole) {
			err = ErrNoPath
		}
		path, query, hasQuery = strings.Cut(whole, "?")
		return path, query, hasQuery, err
	}
	escaped := make(Vars, len(vars))
	for name, value := range vars {
		escaped[name] = url.PathEscape(value)
	}
	path, query, hasQuery = strings.Cut(described, "?")
	if path, err = escaped.Expand(path); err != nil {
		return "", "", false, err
	}
	for name, value := range vars {
		escaped[name] = url.QueryEscape(value)
	}
	query, err = escaped.Expand(query)
	return path, query, hasQuery, err
}

// ErrNoPath says that a whole path that was captured is none. It does not hold what was captured.
var ErrNoPath = errors.New("what was captured is no path: capture one that begins with '/', such as response.formAction")

// isPath says whether a text is a path on a host, with a query if there is one. RFC 3986 §3.3.
func isPath(text string) bool {
	return strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") &&
		!strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' || c == '\\' })
}

func prepareBody(described v1alpha1.HTTPRequest, vars Vars, header http.Header) ([]byte, error) {
	switch {
	case described.JSON != nil:
		header.Set("Content-Type", "application/json")
		return prepareJSON(described.JSON.Raw, vars)
	case described.Form != nil:
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		values := url.Values{}
		for name, value := range described.Form {
			expanded, err := vars.Expand(string(value))
			if err != nil {
				return nil, fmt.Errorf("form %s: %w", name, err)
			}
			values.Set(name, expanded)
		}
		return []byte(values.Encode()), nil
	case described.Multipart != nil:
		return prepareMultipart(described.Multipart, vars, header)
	case described.Body != "":
		body, err := vars.Expand(described.Body)
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		return []byte(body), nil
	default:
		return nil, nil
	}
}

// prepareJSON puts variables into the texts of a JSON document: names and numbers stay as they are.
func prepareJSON(raw []byte, vars Vars) ([]byte, error) {
	var doc any
	if err := decodeJSON(raw, &doc); err != nil {
		return nil, err
	}
	doc, err := expandJSON(doc, vars)
	if err != nil {
		return nil, fmt.Errorf("json: %w", err)
	}
	return json.Marshal(doc)
}

// decodeJSON reads a document and keeps its numbers as they are written.
func decodeJSON(raw []byte, doc any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(doc); err != nil {
		return fmt.Errorf("json: %w", err)
	}
	return nil
}

func expandJSON(v any, vars Vars) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		return vars.Expand(v)
	case []any:
		for i := range v {
			if v[i], err = expandJSON(v[i], vars); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range v {
			if v[name], err = expandJSON(v[name], vars); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func prepareMultipart(parts []v1alpha1.FormPart, vars Vars, header http.Header) ([]byte, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, part := range parts {
		value, err := vars.Expand(part.Value)
		if err != nil {
			return nil, fmt.Errorf("multipart %s: %w", part.Name, err)
		}
		disposition := map[string]string{"name": part.Name}
		if part.FileName != "" {
			disposition["filename"] = part.FileName
		}
		h := textproto.MIMEHeader{"Content-Disposition": {formData(disposition)}}
		if part.ContentType != "" {
			h.Set("Content-Type", part.ContentType)
		}
		field, err := w.CreatePart(h)
		if err != nil {
			return nil, fmt.Errorf("multipart %s: %w", part.Name, err)
		}
		if _, err := io.WriteString(field, value); err != nil {
			return nil, fmt.Errorf("multipart %s: %w", part.Name, err)
		}
	}
	if err := w.Close(); err != nil { // it writes the last boundary
		return nil, fmt.Errorf("multipart: %w", err)
	}
	header.Set("Content-Type", w.FormDataContentType())
	return body.Bytes(), nil
}

// formData writes the Content-Disposition of a part as browsers do. WHATWG HTML, multipart/form-data.
func formData(parameters map[string]string) string {
	escape := strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22").Replace
	text := `form-data; name="` + escape(parameters["name"]) + `"`
	if name, ok := parameters["filename"]; ok {
		text += `; filename="` + escape(name) + `"`
	}
	return text
}

// on gives the request for a target. The path is sent byte for byte, for tricks with it are the point.
func (r Request) on(ctx context.Context, target *url.URL, host string) (*http.Request, error) {
	u := *target
	path, query, hasQuery := strings.Cut(r.Path, "?")
	if plain, err := url.PathUnescape(path); err == nil {
		u.Path, u.RawPath = plain, path
	}
	if u.EscapedPath() != path {
		// net/url would write it in another way.
		u.Opaque = path
	}
	u.RawQuery, u.ForceQuery = query, hasQuery && query == ""
	body := r.Body
	if r.Socket != nil {
		body = nil
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.URL = &u
	if len(body) == 0 {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	req.Header = r.Header.Clone()
	if host != "" {
		req.Host = host
	}
	return req, nil
}
