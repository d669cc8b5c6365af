// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
)

// RequestID is what makes one request known again in a log. Whichever of its forms is there shows that the request was logged.
type RequestID struct {
	// UUID is for X-Request-Id and X-Correlation-Id (RFC 9562 §5.4, version 4).
	UUID string
	// Traceparent is the header of that name (W3C Trace Context, version 00, sampled). Its trace id is the UUID without dashes.
	Traceparent string
	// UserAgent is to be added to the header User-Agent, behind a space.
	UserAgent string
	// Query is a parameter for a request's query, as name=value.
	Query string
	id    [16]byte
}

// Request gives the id of the request with a number of ours.
func (m Markers) Request(i int) (RequestID, error) {
	b, err := m.derive("request "+strconv.Itoa(i), 24)
	if err != nil {
		return RequestID{}, err
	}
	var r RequestID
	copy(r.id[:], b)
	r.id[6] = r.id[6]&0x0f | 0x40
	r.id[8] = r.id[8]&0x3f | 0x80
	trace := hex.EncodeToString(r.id[:])
	r.UUID = dashed(trace, 8, 12, 16, 20)
	// A parent id of zeros alone would be invalid (§3.2.2.4); one in 2^64 is.
	r.Traceparent = fmt.Sprintf("00-%s-%s-01", trace, hex.EncodeToString(b[16:]))
	r.UserAgent = "lr/" + trace
	r.Query = "lr_request=" + trace
	return r, nil
}

// forms are the texts by which loggers and tracing libraries write the id down.
func (r RequestID) forms() []string {
	trace := hex.EncodeToString(r.id[:])
	return []string{
		trace, r.UUID,
		// X-Ray: 1-, eight digits, a dash, the others.
		dashed(trace, 8),
		// Datadog: the lower half of the trace id, as a decimal number.
		strconv.FormatUint(binary.BigEndian.Uint64(r.id[8:]), 10),
	}
}

// dashed puts dashes at the places.
func dashed(s string, at ...int) string {
	var out []byte
	for i := range len(s) {
		if len(at) > 0 && at[0] == i {
			out = append(out, '-')
			at = at[1:]
		}
		out = append(out, s[i])
	}
	return string(out)
}
