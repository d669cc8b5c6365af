// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// encodings are the forms that a secret is found in, wherever it stands.
var encodings = map[string]func(string) string{
	"plain":                 func(s string) string { return s },
	"base64":                b64,
	"base64 without pad":    func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64url":             func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64url without pad": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"double base64":         func(s string) string { return b64(b64(s)) },
	"hexadecimal":           func(s string) string { return hex.EncodeToString([]byte(s)) },
	"base64 of hexadecimal": func(s string) string { return b64(hex.EncodeToString([]byte(s))) },
	"percent-encoded":       func(s string) string { return "q=" + url.QueryEscape(s) },
	"UTF-16":                func(s string) string { return b64(utf16(s)) },
	"gzip in base64":        func(s string) string { return b64(zipped(s)) },
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // a buffer takes everything
	_ = w.Close()
	return b.String()
}

func utf16(s string) string {
	var b []byte
	for i := range len(s) {
		b = append(b, s[i], 0)
	}
	return string(b)
}

// containers are formats of text that a setting can stand in.
var containers = map[string]string{
	"dotenv": "A=1\n%[1]s=%[2]s\nB=2\n", "export": "export %[1]s='%[2]s'\n", "yaml": "a:\n  b: 1\n  %[1]s: %[2]s\n", "yaml quoted": "%[1]s: \"%[2]s\"\n",
	"yaml flow": "x: {a: 1, %[1]s: %[2]s, b: 2}\n", "json": `{"a":[1,{"%[1]s":"%[2]s"}]}`, "json lines": "{\n  \"a\": 1,\n  \"%[1]s\": \"%[2]s\"\n}\n",
	"env list": "env:\n- name: A\n  value: b\n- name: %[1]s\n  value: %[2]s\n", "env list turned": "- value: %[2]s\n  name: %[1]s\n", "ini": "[x]\n%[1]s = %[2]s\n",
	"toml": "[x]\n%[1]s = \"%[2]s\"\n", "xml": "<a><%[1]s>%[2]s</%[1]s></a>", "xml attribute": `<a %[1]s="%[2]s"/>`, "hadoop": "<property>\n<name>%[1]s</name>\n<value>%[2]s</value>\n</property>",
	"php": "define('%[1]s', '%[2]s');", "arrow": "x => 1, %[1]s => '%[2]s'", "go": "const %[1]s = \"%[2]s\"", "comment": "# %[1]s=%[2]s\n", "flag": "app --%[1]s=%[2]s run",
	"flag next": "app --%[1]s '%[2]s' run", "dockerfile": "ENV %[1]s %[2]s\n", "json in json": `{"a":"{\"%[1]s\":\"%[2]s\"}"}`, "json in yaml": "a: '{\"%[1]s\":\"%[2]s\"}'\n",
	"block": "a: |\n  x: 1\n  %[1]s: %[2]s\n", "block value": "%[1]s: |\n  %[2]s\nb: 1\n", "crlf": "A=1\r\n%[1]s=%[2]s\r\n", "crlf yaml": "a: 1\r\n%[1]s: %[2]s\r\n", "query": "https://h/p?a=1&%[1]s=%[2]s&b=2",
}

func TestASecretIsFoundInEveryContainer(t *testing.T) {
	d := newDetector(t)
	for format, pattern := range containers {
		for _, name := range []string{"DB_PASSWORD", "apiToken", "client-secret"} {
			text := fmt.Sprintf(pattern, name, "hunter2correct9")
			if len(d.Text(text)) == 0 {
				t.Errorf("%s: %s is not found in text", format, name)
			}
			if len(d.Value("config", text)) == 0 {
				t.Errorf("%s: %s is not found in a value", format, name)
			}
		}
	}
}

// TestCorpusHoldsInsideDocuments puts the settings of the corpus into documents, where
// names have parents and values have quotes, and files into values and encodings: the
// verdicts must stay.
func TestCorpusHoldsInsideDocuments(t *testing.T) {
	d := newDetector(t)
	files, err := filepath.Glob("testdata/corpus/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, c := range loadCorpus(t, file) {
			if c.Missed {
				continue
			}
			for how, ms := range documents(t, d, c) {
				if found := len(ms) > 0; found != c.Secret {
					t.Errorf("%s as %s: found is %v: %v (%s)", c.ID, how, found, ms, c.Why)
				}
			}
		}
	}
}

// documents looks at the case in the documents that can hold it as it is.
func documents(t *testing.T, d *Detector, c corpusCase) map[string][]Match {
	t.Helper()
	if c.Place == "file" {
		return map[string][]Match{"a value": d.Value(c.Name, c.Value), "base64": d.Value("data", b64(c.Value))}
	}
	if c.Place != "env" && c.Place != "url" || strings.Contains(c.Value, "\n") {
		return nil
	}
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(c.Value); err != nil {
		t.Fatal(err)
	}
	q := strings.TrimSpace(quoted.String())
	looks := map[string][]Match{
		"JSON":            d.Text(fmt.Sprintf(`{"a":{"%s":%s}}`, c.Name, q)),
		"a list in JSON":  d.Text(fmt.Sprintf(`[{"name":"A","value":"b"},{"name":"%s","value":%s}]`, c.Name, q)),
		"YAML, quoted":    d.Text(fmt.Sprintf("a:\n  %s: %s\n", c.Name, q)),
		"a list in YAML":  d.Text(fmt.Sprintf("env:\n- name: %s\n  value: %s\n", c.Name, q)),
		"a block in YAML": d.Text(fmt.Sprintf("data:\n  x: |\n    %s=%s\n", c.Name, c.Value)),
	}
	if !strings.ContainsAny(c.Value, "\"'# ") {
		looks["dotenv"] = d.Text(c.Name + "=" + c.Value + "\n")
		looks["YAML"] = d.Text(c.Name + ": " + c.Value + "\n")
	}
	return looks
}

func TestASecretIsFoundInEveryEncoding(t *testing.T) {
	d := newDetector(t)
	secrets := map[string]string{
		"a URL": "postgres://app:hunter2@db/app", "a setting": "DB_PASSWORD=hunter2", "JSON": `{"password":"hunter2","a":"ü"}`,
		"a provider's token": "ghp" + "_" + invented("alnum", 36),
	}
	for what, secret := range secrets {
		for how, encode := range encodings {
			if how == "UTF-16" && what == "JSON" {
				continue // not ASCII
			}
			if len(d.Value("DATA", encode(secret))) == 0 {
				t.Errorf("%s is not found as %s in a value", what, how)
			}
			if len(d.Text("a: 1\ndata: "+encode(secret)+"\n")) == 0 {
				t.Errorf("%s is not found as %s in text", what, how)
			}
		}
	}
}

func TestInnocentContentsStayInnocentInEveryContainer(t *testing.T) {
	d := newDetector(t)
	for format, pattern := range containers {
		for _, pair := range [][2]string{
			{"PASSWORD_MIN_LENGTH", "12"},
			{"TOKEN_URL", "https://h.example.com/t"},
			{"SECRET_NAME", "my-secret"},
			{"DB_PASSWORD", "${DB_PASSWORD}"},
			{"API_KEY", "$(API_KEY)"},
			{"GIT_SHA", invented("hex", 40)},
			{"JWT_ISSUER", "https://h.example.com"},
			{"DB_PASSWORD", "changeme"},
			{"TOKEN_TTL", "3600s"},
		} {
			text := fmt.Sprintf(pattern, pair[0], pair[1])
			if m := d.Text(text); len(m) > 0 {
				t.Errorf("%s: %s: false alarm: %v", format, pair[0], m)
			}
			if m := d.Value("config", text); len(m) > 0 {
				t.Errorf("%s: %s: false alarm in a value: %v", format, pair[0], m)
			}
		}
	}
}
