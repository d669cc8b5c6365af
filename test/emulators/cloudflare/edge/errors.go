// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// problem is an error that Cloudflare answers with.
type problem struct {
	status, code int
	name, title  string
	retryable    bool
	retryAfter   time.Duration
}

// reply is a reply of the edge's own.
func (x *exchange) reply(status int, contentType, content string) *http.Response {
	if contentType == "" {
		contentType = "text/plain"
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, ContentLength: int64(len(content)),
		Body: io.NopCloser(strings.NewReader(content)),
	}
}

// errorReply is an error in the format that the visitor asks for.
// Source: developers.cloudflare.com/fundamentals/reference/error-responses/
func (x *exchange) errorReply(p problem) *http.Response {
	x.code1xxx = 0
	if p.code >= 1000 {
		x.code1xxx = p.code
	}
	if x.errorType == "" {
		x.errorType = type5xx
		if p.code >= 1000 {
			x.errorType = type1xxx
		}
	}
	title := fmt.Sprintf("Error %d: %s", p.code, p.title)
	var reply *http.Response
	switch media := negotiated(x.r.Header.Values("Accept")); media {
	case "application/json", "application/problem+json":
		reply = x.reply(p.status, media+"; charset=utf-8", x.problemJSON(p, title))
	case "text/markdown":
		reply = x.reply(p.status, media+"; charset=utf-8", fmt.Sprintf("---\nerror_code: %d\nerror_name: %s\nstatus: %d\nray_id: %s\nzone: %s\n"+
			"cloudflare_error: true\nretryable: %v\n---\n\n# %s\n\n## What Happened\n\n%s.\n", p.code, p.name, p.status, x.ray, x.host, p.retryable, title, p.title))
	default:
		page := "<!DOCTYPE html><html><head><title>%[1]s | %[2]s | Cloudflare</title></head><body><h1>%[1]s</h1>"
		if x.errorType == typeWAF {
			page += "<p>Sorry, you have been blocked. You are unable to access %[2]s</p>"
		}
		reply = x.reply(p.status, "text/html; charset=UTF-8",
			fmt.Sprintf(page+"<p>Cloudflare Ray ID: %[3]s</p></body></html>\n", html.EscapeString(title), html.EscapeString(x.host), x.ray))
	}
	reply.Header.Set("Cache-Control", "private, max-age=0, no-store, no-cache, must-revalidate, post-check=0, pre-check=0")
	if p.retryAfter > 0 {
		reply.Header.Set("Retry-After", seconds(p.retryAfter))
	}
	return reply
}

func (x *exchange) problemJSON(p problem, title string) string {
	members := map[string]any{
		"title": title, "status": p.status, "detail": p.title + ".", "instance": x.ray, "error_code": p.code, "error_name": p.name,
		"ray_id": x.ray, "timestamp": x.now.UTC().Format(time.RFC3339), "zone": x.host, "cloudflare_error": true, "retryable": p.retryable,
	}
	if p.retryAfter > 0 {
		n, _ := strconv.Atoi(seconds(p.retryAfter))
		members["retry_after"] = n
	}
	out, _ := json.Marshal(members) // strings, numbers and Booleans
	return string(out)
}

// negotiated is the format that an Accept header asks for; at the same quality the first counts.
func negotiated(accept []string) string {
	best, quality := "text/html", 0.0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, q := strings.TrimSpace(part), 1.0
		if i := strings.Index(media, ";"); i >= 0 {
			for option := range strings.SplitSeq(media[i+1:], ";") {
				if s, ok := strings.CutPrefix(strings.TrimSpace(option), "q="); ok {
					q, _ = strconv.ParseFloat(s, 64)
				}
			}
			media = strings.TrimSpace(media[:i])
		}
		switch media {
		case "text/*":
			media = "text/markdown"
		case "*/*":
			media = "text/html"
		case "application/json", "application/problem+json", "text/markdown", "text/html":
		default:
			continue
		}
		if q > quality {
			best, quality = media, q
		}
	}
	return best
}

// replaceBody puts another body into a reply.
func replaceBody(reply *http.Response, body []byte) {
	_ = reply.Body.Close()
	reply.Body, reply.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	reply.Header.Del("Content-Length")
}
