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
	"maps"
	"net/http"
	"slices"
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
	// Visited says that it is no reply of the app, but of a host that a login visits.
	Visited bool
	// Closed is how the app closed a WebSocket; zero where it did not, or where it was none.
	Closed Closed

	// messages are those of a WebSocket: their texts joined are the body.
	messages []string
	parse    sync.Once
	json     any
	events   []any

	parseForm sync.Once
	form      form
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
		return r, err
	}
	return r, nil
}

// Text gives the body as text.
func (r *Response) Text() string { return strings.ToValidUTF8(string(r.Body), "\uFFFD") }

// JSON gives the body, or the last message of a WebSocket, as JSON, or null where it is none.
func (r *Response) JSON() any {
	r.parsed()
	return r.json
}

// Events gives the events of a streamed reply: the data of each server-sent event, each message of a WebSocket, or each line of
// NDJSON, as JSON where it is JSON, else as text. A last "[DONE]", as OpenAI's API sends it, is left out.
func (r *Response) Events() []any {
	r.parsed()
	return r.events
}

func (r *Response) parsed() {
	r.parse.Do(func() {
		r.events = []any{}
		var all []string
		switch {
		case r.Status == http.StatusSwitchingProtocols:
			all = r.messages
			if len(all) > 0 {
				r.json = jsonOf(all[len(all)-1])
			}
		case strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream"):
			all, r.json = eventData(r.Body), jsonOf(string(r.Body))
		default:
			all, r.json = lines(r.Body), jsonOf(string(r.Body))
		}
		for _, event := range all {
			if event != "[DONE]" {
				r.events = append(r.events, eventOf(event))
			}
		}
	})
}

func jsonOf(text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return nil
	}
	return v
}

// eventOf gives an event as JSON where it is JSON, else as text.
func eventOf(text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	return v
}

// Streams gives what a streamed reply says piece by piece: for each place in its events, the texts that stood there, joined. A word
// may come in several events, and stands in none of them by itself.
func (r *Response) Streams() []string {
	events := r.Events()
	if len(events) < 2 {
		return nil
	}
	joined := map[string][]string{}
	for _, event := range events {
		eachText(event, "", func(place, text string) {
			joined[place] = append(joined[place], text)
		})
	}
	var all []string
	for _, place := range slices.Sorted(maps.Keys(joined)) {
		all = append(all, strings.Join(joined[place], ""))
	}
	return all
}

// eachText visits the texts of an event, with their places; the elements of a list share one.
func eachText(v any, place string, visit func(place, text string)) {
	switch v := v.(type) {
	case string:
		visit(place, v)
	case []any:
		for _, element := range v {
			eachText(element, place+"[]", visit)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			eachText(v[name], place+"."+name, visit)
		}
	}
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
