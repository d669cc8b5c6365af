// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"io"
	"strings"
	"sync"
)

// maxPeek is how much of a body is inspected: Cloudflare's limit for paid plans below Enterprise isn't documented as one number, its
// Enterprise limit is 128 KB. Source: developers.cloudflare.com/ruleset-engine/rules-language/fields/reference/http.request.body.raw/
const maxPeek = 128 << 10

// peeked is a body whose beginning can be looked at before it is read.
type peeked struct {
	from io.ReadCloser

	mu        sync.Mutex
	looked    bool
	head      []byte
	truncated bool
	err       error
	read      int
}

// peek gives the beginning of the body, and whether there is more.
func (p *peeked) peek() (head []byte, truncated bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.looked {
		p.looked = true
		p.head = make([]byte, maxPeek+1)
		var n int
		n, p.err = io.ReadFull(p.from, p.head)
		p.head = p.head[:n]
		if errors.Is(p.err, io.EOF) || errors.Is(p.err, io.ErrUnexpectedEOF) {
			p.err = nil
		}
		p.truncated = n > maxPeek
	}
	return p.head[:min(len(p.head), maxPeek)], p.truncated, p.err
}

// Read gives what was looked at, then the rest.
func (p *peeked) Read(b []byte) (int, error) {
	p.mu.Lock()
	if p.read < len(p.head) {
		n := copy(b, p.head[p.read:])
		p.read += n
		p.mu.Unlock()
		return n, nil
	}
	err := p.err
	p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return p.from.Read(b)
}

func (p *peeked) Close() error { return p.from.Close() }

// normalised is a path as Cloudflare's rules see it: back slashes turned, slashes merged, then RFC 3986.
// Source: developers.cloudflare.com/rules/, "How URL normalisation works"
func normalised(path string) string {
	path = strings.ReplaceAll(path, `\`, "/")
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return withoutDots(reencoded(path))
}

const hexDigits = "0123456789ABCDEF"

// reencoded decodes unreserved characters, encodes what may not stand in a path, and writes escapes in upper case.
func reencoded(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' && i+2 < len(path) {
			high, low := unhex(path[i+1]), unhex(path[i+2])
			if high >= 0 && low >= 0 {
				if d := byte(high<<4 | low); unreserved(d) { //nolint:gosec // two digits
					b.WriteByte(d)
				} else {
					b.Write([]byte{'%', hexDigits[high], hexDigits[low]})
				}
				i += 2
				continue
			}
		}
		if unreserved(c) || strings.IndexByte(":/?#[]@!$&'()*+,;=%", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}

func unhex(c byte) int {
	return strings.IndexByte(hexDigits, strings.ToUpper(string(rune(c)))[0])
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// withoutDots removes dot segments (RFC 3986 §5.2.4).
func withoutDots(path string) string {
	if !strings.Contains(path, "/.") {
		return path
	}
	var out []string
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, part := range parts {
		last := i == len(parts)-1
		switch part {
		case ".":
		case "..":
			out = out[:max(len(out)-1, 0)]
		default:
			out = append(out, part)
			continue
		}
		if last {
			out = append(out, "")
		}
	}
	return "/" + strings.Join(out, "/")
}
