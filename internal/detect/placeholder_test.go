// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"strings"
	"testing"
)

func TestPlaceholder(t *testing.T) {
	yes := []string{
		"", "   ", "\n", `""`, "''", "changeme", "change-me", "CHANGE_ME", "ChangeMe", "changeme!", "changeit", "your-api-key", "YOUR_API_KEY",
		"your_api_key_here", "yourSecretKey", "xxx", "XXXXXXXX", "xxxx-xxxx-xxxx", "sk-xxxxxxxxxxxxxxxxxxxx", "TODO", "todo", "FIXME", "tbd", "<insert here>",
		"<your-token>", "[your token]", "{api key}", "REPLACE_ME", "replace-with-real-token", "${DB_PASSWORD}", "$(TOKEN)", "{{ .Values.token }}",
		"${TOKEN:-changeme}", "%TOKEN%", "__TOKEN__", "example", "dummy", "test", "password", "PASSWORD", "secret", "***", "********", "...", "----", "0000",
		"put-your-key-here", "insert api key", "placeholder", "example-secret", "my-dummy-token", "none", "null", "n/a", "N/A", "REDACTED", "[REDACTED]",
		"fill me in please", "foobar", "AKIAXXXXXXXXXXXXXXXX", "your-256-bit-secret", "generate-a-random-string-here", "sk-your-openai-key-here",
	}
	for _, v := range yes {
		if !Placeholder(v) {
			t.Errorf("%q is a placeholder", v)
		}
	}
	no := []string{
		"hunter2", "changeme-8f3k2l9s8d7f6", "password123", "Passw0rd!", "P@ssword", "test1234", "letmein", "admin", "postgres", "s3cr3t", "Summer2024!",
		"correct horse battery staple", "example-9f8a7b6c5d4e", "todo-list-Key-77", "mysecretpassword", "supersecret", "12345678", "qwerty",
		"your-mother-was-a-hamster", "${TOKEN:-hunter2}", "prefix-$(TOKEN)", "secret-garden", "xK9-xx2-qq", strings.Repeat("ab", 200), "a", "hunter2 changeme",
		"test-Hq82kd", "my-password-is-long", "key-32f9d8", "password!@#", "default-gw-pw1",
	}
	for _, v := range no {
		if Placeholder(v) {
			t.Errorf("%q is no placeholder", v)
		}
	}
}

// A typed placeholder is not called a secret, whatever the name says.
func TestTypedPlaceholderIsNoSecret(t *testing.T) {
	d := newDetector(t)
	for _, name := range []string{"DB_PASSWORD", "API_KEY", "AUTH_TOKEN", "CLIENT_SECRET"} {
		for _, v := range []string{"changeme", "your-api-key", "<insert here>", "xxx", "***", "REPLACE_ME", "todo", "${X}", ""} {
			if m := d.Value(name, v); len(m) > 0 {
				t.Errorf("%s: %q gives %v", name, v, m)
			}
		}
	}
}

func TestUnchanged(t *testing.T) {
	for _, name := range []string{"POSTGRES_PASSWORD", "ADMIN_PASSWORD", "DB_PASS", "spring.datasource.password"} {
		for _, v := range []string{"changeme", "change-me", "CHANGE_ME!", "your-password", "yourpassword", "example", "replace-me", "please-change-me-now"} {
			if !Unchanged(name, v) {
				t.Errorf("%s: %q opens the door to everybody", name, v)
			}
		}
		for _, v := range []string{"", "xxxx", "****", "<your-password>", "${DB_PASSWORD}", "$(DB_PASSWORD)", "none", "null", "dummy", "todo", "REDACTED", "changeit", "hunter2", "default", "string"} {
			if Unchanged(name, v) {
				t.Errorf("%s: %q opens nothing, or is judged otherwise", name, v)
			}
		}
	}
	for _, name := range []string{"", "OPENAI_API_KEY", "PASSWORD_POLICY", "PASSWORD_FILE", "HAS_PASSWORD", "MODE", "VITE_PASSWORD"} {
		if Unchanged(name, "changeme") {
			t.Errorf("%s is no password", name)
		}
	}
}
