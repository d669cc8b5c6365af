// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package chatbots

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/ledongthuc/pdf"
)

// uploaded reads what an object is made of: JSON, or a file. Only a model has any use for files.
func (a *App) uploaded(c *call, body *content) error {
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || !a.model.on {
		return c.decode(body)
	}
	part, err := multipart.NewReader(bytes.NewReader(c.sent), params["boundary"]).NextPart()
	if err != nil || part.FileName() == "" {
		return badRequest("a file is needed")
	}
	data, err := io.ReadAll(part)
	if err != nil {
		return badRequest("the file ends early")
	}
	body.Title, body.Text = part.FileName(), string(data)
	if isPDF(body.Title) {
		if body.Text, err = textOfPDF(data); err != nil {
			return badRequest(err.Error())
		}
	}
	return nil
}

func isPDF(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".pdf") }

// textOfPDF is what a PDF says, in its pages and of itself.
func textOfPDF(data []byte) (string, error) {
	file, err := pdf.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", fmt.Errorf("read a PDF: %w", err)
	}
	pages, err := file.GetPlainText()
	if err != nil {
		return "", fmt.Errorf("read the text of a PDF: %w", err)
	}
	text, err := io.ReadAll(pages)
	if err != nil {
		return "", fmt.Errorf("read the text of a PDF: %w", err)
	}
	info := file.Trailer().Key("Info")
	for _, key := range []string{"Title", "Subject", "Keywords"} {
		text = append(text, "\n"+info.Key(key).Text()...)
	}
	return string(text), nil
}
