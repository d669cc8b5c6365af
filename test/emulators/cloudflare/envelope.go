// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// apiError is a refusal in Cloudflare's words.
type apiError struct {
	Status  int          `json:"-"`
	Code    int          `json:"code"`
	Message string       `json:"message"`
	Chain   []chainEntry `json:"error_chain,omitempty"`
	Source  *source      `json:"source,omitempty"`
	retry   int          // seconds, for Retry-After
}

type chainEntry struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type source struct {
	Pointer string `json:"pointer"`
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%d: %s (code %d)", e.Status, e.Message, e.Code)
}

func refuse(status, code int, format string, args ...any) *apiError {
	return &apiError{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// at says which part of the body was refused (RFC 6901).
func (e *apiError) at(pointer string) *apiError {
	e.Source = &source{Pointer: pointer}
	return e
}

// envelope is the form of every reply.
type envelope struct {
	Result     any         `json:"result"`
	Success    bool        `json:"success"`
	Errors     []apiError  `json:"errors"`
	Messages   []any       `json:"messages"`
	ResultInfo *resultInfo `json:"result_info,omitempty"`
}

type resultInfo struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	Count      int `json:"count"`
	TotalCount int `json:"total_count"`
	TotalPages int `json:"total_pages"`
}

// answer is a reply before faults are applied to it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func answerJSON(status int, env envelope) answer {
	if env.Errors == nil {
		env.Errors = []apiError{}
	}
	if env.Messages == nil {
		env.Messages = []any{}
	}
	body, err := json.Marshal(env)
	if err != nil { // only if this package put something odd into the result
		status, body = http.StatusInternalServerError, []byte(`{"success":false,"errors":[{"code":500,"message":"the emulator could not write its reply"}]}`)
	}
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	return answer{status: status, header: header, body: body}
}

func answerError(e *apiError) answer {
	a := answerJSON(e.Status, envelope{Errors: []apiError{*e}})
	if e.retry > 0 {
		a.header.Set("Retry-After", fmt.Sprint(e.retry))
	}
	return a
}
