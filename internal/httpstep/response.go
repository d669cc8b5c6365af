// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package httpstep

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/common/types/ref"
)

// maxBody is how much of a reply's body is read, after decompression: 1 MiB. What comes after is left unread.
const maxBody = 1 << 20

// Response is a reply, read to its end or to the limit.
type Response struct {
	Status   int
	Header   http.Header
	Body     []byte
	Duration time.Duration
	URL      string
	// Truncated says that there was more than was read.
	Truncated bool

	parse  sync.Once
	json   any
	events []any
}

// read reads a reply within bounds. What it gives is as complete as the connection allowed.
func read(resp *http.Response, started time.Time) (*Response, error) {
	r := &Response{Status: resp.StatusCode, Header: resp.Header, URL: resp.Request.URL.String()}
	body := io.Reader(resp.Body)
	if !resp.Uncompressed && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") && resp.Request.Method != http.MethodHead {
		// It was not asked for, so nobody has unpacked it.
		unpacked, err := gzip.NewReader(body)
		if err == nil {
			body = unpacked
		}
	}
	data, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	r.Duration = time.Since(started)
	if len(data) > maxBody {
		data, r.Truncated = data[:maxBody], true
	}
	r.Body = data
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return r, nil
}

// Text gives the body as text.
func (r *Response) Text() string { return strings.ToValidUTF8(string(r.Body), "\uFFFD") }

// JSON gives the body as JSON, or null where it is none.
func (r *Response) JSON() any {
	r.parsed()
	return r.json
}

// Events gives the events of a streamed reply: the data of each server-sent event, or each line of NDJSON, as JSON where it is
// JSON, else as text. A last "[DONE]", as OpenAI's API sends it, is left out.
func (r *Response) Events() []any {
	r.parsed()
	return r.events
}

func (r *Response) parsed() {
	r.parse.Do(func() {
		if json.Unmarshal(r.Body, &r.json) != nil {
			r.json = nil
		}
		r.events = []any{}
		data := eventData
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream") {
			data = lines
		}
		for _, event := range data(r.Body) {
			var v any
			switch {
			case event == "[DONE]":
				continue
			case json.Unmarshal([]byte(event), &v) != nil:
				v = event
			}
			r.events = append(r.events, v)
		}
	})
}

// eventData gives the data of each server-sent event. WHATWG HTML §9.2.6.
func eventData(body []byte) []string {
	var events []string
	var data []string
	scanner := bufio.NewScanner(bytes.NewReader(body))
	scanner.Buffer(nil, maxBody+1)
	flush := func() {
		if data != nil {
			events = append(events, strings.Join(data, "\n"))
		}
		data = nil
	}
	for scanner.Scan() {
		line := strings.TrimSuffix(scanner.Text(), "\r")
		field, value, _ := strings.Cut(line, ":")
		switch {
		case line == "":
			flush()
		case field == "data":
			data = append(data, strings.TrimPrefix(value, " "))
		}
	}
	flush()
	return events
}

func lines(body []byte) []string {
	var all []string
	for line := range strings.Lines(string(body)) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// headers gives the header fields by name in lower case; several of one name are joined as RFC 9110 §5.3 says.
func (r *Response) headers() map[string]string {
	all := make(map[string]string, len(r.Header))
	for name, values := range r.Header {
		all[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return all
}

// jsonNumber gives a number as JSON writes it.
func jsonNumber(v ref.Val) string {
	f, ok := v.Value().(float64)
	if !ok {
		return ""
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
