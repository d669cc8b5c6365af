// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package detect

import "strings"

// template is a value taken apart into what stands there literally and what is
// filled in elsewhere.
type template struct {
	// found: there is at least one reference.
	found bool
	// literals are the pieces between the references.
	literals []string
	// defaults are typed fallbacks, the hunter2 of ${DB_PASSWORD:-hunter2}.
	defaults []string
}

// maxTemplateParts bounds the references of one value that are looked at.
const maxTemplateParts = 64

// parseTemplate finds references of all the dialects that meet in a pod template:
// Kubernetes' $(VAR), which $$(VAR) escapes; the shell's $VAR, ${VAR}, $(cat f)
// and `cat f`; Helm, Jinja and Mustache {{ }}; ERB <% %>; Spring and Ruby #{ };
// Windows %VAR%; autoconf @VAR@; and more of betweenBrackets.
// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
func parseTemplate(v string) template {
	var t template
	if !strings.ContainsAny(v, "${%<@#`") {
		return t
	}
	from, open := 0, 0
	for i := 0; i < len(v) && len(t.literals) < maxTemplateParts && open < maxTemplateParts; {
		end, def := referenceAt(v, i)
		if end <= i {
			if strings.IndexByte("${<#`", v[i]) >= 0 {
				open++ // looks like a reference and is not closed
			}
			if strings.HasPrefix(v[i:], "$$") {
				i++ // the second $ is escaped
			}
			i++
			continue
		}
		t.found = true
		if from < i {
			t.literals = append(t.literals, v[from:i])
		}
		if def != "" {
			t.defaults = append(t.defaults, def)
		}
		i, from = end, end
	}
	if t.found && from < len(v) {
		t.literals = append(t.literals, v[from:])
	}
	return t
}

// referenceAt returns the end of the reference that begins at i, or i if there is
// none, and its typed default.
func referenceAt(v string, i int) (end int, def string) {
	switch v[i] {
	case '$':
		return dollarReference(v, i)
	case '`':
		if j := strings.IndexByte(v[i+1:], '`'); j > 0 {
			return i + j + 2, ""
		}
		return i, ""
	case '{':
		if end := expression(v, i); end > i {
			return end, ""
		}
	}
	for _, pair := range betweenBrackets {
		if v[i] == pair.open[0] && strings.HasPrefix(v[i:], pair.open) {
			return closedBy(v, i, pair.open, pair.closing)
		}
	}
	if v[i] == '%' || v[i] == '@' {
		return wrappedName(v, i), ""
	}
	return i, ""
}

// betweenBrackets are references by what they stand between: Helm, Jinja and Mustache, Jinja's statements, CloudFormation,
// Caddy (two), ERB, Spring and Ruby, Symfony's environment processors, HAProxy's sample expressions, the fields of grok and
// of Apache's formats, Datadog's autodiscovery, Telegraf's secret stores.
var betweenBrackets = []struct{ open, closing string }{
	{"{{", "}}"},
	{"{%", "%}"},
	{"{resolve:", "}"},
	{"{env.", "}"},
	{"{$", "}"},
	{"<%", "%>"},
	{"#{", "}"},
	{"%env(", ")%"},
	{"%[", "]"},
	{"%{", "}"},
	{"%%", "%%"},
	{"@{", "}"},
}

// expression returns the end of {token}, {token[:8]} or {user.token}, which format strings fill in, or i.
func expression(v string, i int) int {
	end := (wordChar | dot).run(v, i+1)
	name := v[i+1 : end]
	if end < len(v) && v[end] == '[' {
		if closing := strings.IndexByte(v[end:], ']'); closing > 0 {
			end += closing + 1
		}
	}
	if end >= len(v) || v[end] != '}' || !identifier(name) || end+1 < len(v) && alnum.has(v[end+1]) {
		return i // {cipher}8f2a names how the rest is written
	}
	return end + 1
}

func closedBy(v string, i int, open, closing string) (int, string) {
	j := strings.Index(v[i+len(open):], closing)
	if j < 0 {
		return i, ""
	}
	return i + len(open) + j + len(closing), ""
}

// wrappedName recognises %VAR% and @VAR@: the same byte on both sides of a name in
// capitals. Small letters are left out, as a URL has %40 and user@host in it.
func wrappedName(v string, i int) int {
	j := i + 1
	for j < len(v) && (upper | digit | dash).has(v[j]) && v[j] != '-' {
		j++
	}
	if j-i > 2 && j < len(v) && v[j] == v[i] && upper.has(v[i+1]) {
		return j + 1
	}
	return i
}

func dollarReference(v string, i int) (end int, def string) {
	if i+1 >= len(v) {
		return i, ""
	}
	switch next := v[i+1]; {
	case strings.HasPrefix(v[i:], "$__"):
		if open := strings.IndexByte(v[i:], '{'); open > 3 && letters(v[i+3:i+open]) { // Grafana's $__file{path}
			return closedBy(v, i, v[i:i+open+1], "}")
		}
		return bareVariable(v, i), ""
	case next == '{':
		end := closingBracket(v, i+1, '{', '}')
		if end < 0 {
			return i, ""
		}
		return end, typedDefault(v[i+2 : end-1])
	case next == '(':
		end := closingBracket(v, i+1, '(', ')')
		if end < 0 {
			return i, ""
		}
		return end, ""
	case next == '$' && i+2 < len(v) && (v[i+2] == '(' || v[i+2] == '{'):
		return escapedReference(v, i), ""
	case digit.has(next) && (i+2 == len(v) || !wordChar.has(v[i+2])):
		return i + 2, "" // $1
	case upper.has(next) || next == '_':
		return bareVariable(v, i), ""
	case lower.has(next) && i == 0:
		// $password as a whole is a variable, and so are Argo CD's $slack-token and $oidc-secret:client.secret;
		// pa$$word and $ecret123 are passwords.
		if lowerWords(v[1:]) && strings.IndexByte(v, '/') < 0 {
			return len(v), ""
		}
	}
	return i, ""
}

// escapedReference takes $$(NAME) as no secret text, if it stands alone or between
// separators: it is the literal text $(NAME), left for a shell or by mistake. Flux and
// Docker Compose write $${NAME} for the same.
func escapedReference(v string, i int) int {
	closing := byte(')')
	if v[i+2] == '{' {
		closing = '}'
	}
	end := closingBracket(v, i+2, v[i+2], closing)
	if end < 0 || !identifier(v[i+3:end-1]) || closing == ')' && has(v[i+3:end-1], lower) {
		return i
	}
	if (i > 0 && alnum.has(v[i-1])) || (end < len(v) && alnum.has(v[end])) {
		return i
	}
	return end
}

// bareVariable returns the end of $NAME, which must have two characters or more.
func bareVariable(v string, i int) int {
	j := i + 1
	capital := upper.has(v[j]) || v[j] == '_'
	for j < len(v) && (alnum.has(v[j]) || v[j] == '_') {
		if capital && lower.has(v[j]) {
			return i
		}
		j++
	}
	if j-i < 3 {
		return i
	}
	return j
}

// closingBracket returns the end just behind the bracket that closes the one at i.
func closingBracket(v string, i int, open, closing byte) int {
	depth := 0
	for ; i < len(v); i++ {
		switch v[i] {
		case open:
			depth++
		case closing:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// typedDefault returns the fallback inside ${...}: the shell's NAME:-x, NAME-x,
// NAME:=x and NAME:+x, and Spring's NAME:x. A NAME:?message is none.
func typedDefault(inside string) string {
	i := 0
	for i < len(inside) && (alnum.has(inside[i]) || inside[i] == '_' || inside[i] == '.') {
		i++
	}
	if i == 0 || i >= len(inside) {
		return ""
	}
	name, rest := inside[:i], inside[i:]
	if rest[0] == '-' && has(name, lower) && strings.Contains(name, ".") {
		return "" // a property with a hyphen in its name: ${keystore.db-password}
	}
	for _, op := range []string{":-", ":=", ":+", "-", "=", ":"} {
		if def, ok := strings.CutPrefix(rest, op); ok {
			if strings.HasPrefix(def, "?") {
				return ""
			}
			return strings.Trim(def, `"'`)
		}
	}
	return ""
}

func identifier(s string) bool {
	if s == "" || digit.has(s[0]) {
		return false
	}
	for i := range len(s) {
		if !alnum.has(s[i]) && s[i] != '_' && s[i] != '.' {
			return false
		}
	}
	return true
}

// referenceSchemes begin values that say where a secret lies. Sources: bank-vaults,
// 1Password, vals, External Secrets, SOPS, Helm secrets, LiteLLM, Azure App Service,
// Dapr, Berglas, Chamber, Spring Cloud Config, Ansible Vault, hiera-eyaml, AWS KMS.
var referenceSchemes = []string{
	"vault:", "vault+", "bao:", "op://", "arn:", "urn:", "ref+", "file:", "env:", "env://", "env.", "os.environ", "process.env",
	"secretsmanager:", "ssm:", "awssm:", "aws-sm:", "aws:secretsmanager", "awssecret", "gcpsm:", "gsm:", "gcp-sm:",
	"sm://", "azurekeyvault:", "akv:", "keyvault:", "@microsoft.keyvault(", "k8s:", "k8s://", "kubernetes:",
	"secret:", "secret://", "secrets:", "secrets://", "secretref:", "secretkeyref:", "doppler:", "infisical:",
	"keyring:", "keychain:", "sops:", "kms:", "awskms:", "gcpkms:", "enc:", "encrypted:", "exec:", "cmd:", "conjur:", "berglas:", "chamber:", "gcp:secretmanager",
	"aws-secrets", "from-secret:", "fromsecret:", "valuefrom", "!ref ", "!sub ", "!vault", "enc[", "enc(", "{cipher}",
	"$ansible_vault;", "/run/secrets/", "secret/data/", "!env ", "!secret ", "@env:", "bws:", "pass://", "lpass:", "azure-keyvault:", "aws-parameter-store:",
	"vault(", "getsecret(", "secrets.", "var.", "local.", "data.", "each.", "module.",
}

// referenceText tells values that as a whole point at a secret kept elsewhere, or
// hold one only in encrypted form.
func referenceText(v string) bool {
	if len(v) < 4 {
		return false
	}
	for _, s := range referenceSchemes {
		if hasPrefixFold(v, s) {
			return true
		}
	}
	if strings.HasPrefix(v, "((") && strings.HasSuffix(v, "))") {
		return true // Concourse, Cloud Foundry
	}
	if strings.HasPrefix(v, "projects/") || strings.HasPrefix(v, "https://") && strings.Contains(v, ".vault.azure.net/") {
		return true
	}
	return sealed(v)
}

// sealed tells ciphertext that is made to lie in the open: a SealedSecret's items
// (they begin with the two bytes of the session key's length) and AWS KMS blobs.
func sealed(v string) bool {
	if len(v) < 150 {
		return false
	}
	return strings.HasPrefix(v, "AgA") || strings.HasPrefix(v, "AgB") || strings.HasPrefix(v, "AQICAH")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// reference tells whether v holds no literal secret because it is filled in from
// elsewhere. A typed default counts as literal: the caller judges it.
func (t template) literalSecret() (string, bool) {
	for _, l := range t.literals {
		if randomToken(strings.Trim(l, "-_.:/@ "), 12) {
			return l, true
		}
	}
	return "", false
}
