// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"sigs.k8s.io/yaml"
)

// literalCase is a case of the detector's corpus, see internal/detect/testdata/corpus/README.md.
type literalCase struct {
	ID     string   `json:"id"`
	Place  string   `json:"place"`
	Name   string   `json:"name"`
	Value  string   `json:"value"`
	Args   []string `json:"args"`
	Secret bool     `json:"secret"`
	Missed bool     `json:"missed"`
	Why    string   `json:"why"`
}

// corpusRounds is how often the corpus is filled with other random values: a rule that is right by chance is found out.
const corpusRounds = 8

// literalCorpus reads the corpus and fills its templates in.
func literalCorpus(t *testing.T, round uint64) []literalCase {
	t.Helper()
	files, err := filepath.Glob("../detect/testdata/corpus/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	random := rand.New(rand.NewPCG(round, 1)) // #nosec G404 -- reproducible by intent
	var all []literalCase
	for _, file := range files {
		raw, err := os.ReadFile(file) // #nosec G304 -- of the repository
		if err != nil {
			t.Fatal(err)
		}
		var cases []literalCase
		if err := yaml.UnmarshalStrict(raw, &cases); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i := range cases {
			cases[i].Value = fillTemplates(cases[i].Value, random)
			for j := range cases[i].Args {
				cases[i].Args[j] = fillTemplates(cases[i].Args[j], random)
			}
		}
		all = append(all, cases...)
	}
	return all
}

// fillTemplates is what internal/detect/corpus_test.go does with a case's markers and templates.
func fillTemplates(v string, random *rand.Rand) string {
	v = strings.ReplaceAll(v, "‖", "")
	for {
		end := strings.Index(v, "⟧")
		if end < 0 {
			return v
		}
		start := strings.LastIndex(v[:end], "⟦")
		v = v[:start] + fillTemplate(v[start+len("⟦"):end], random) + v[end+len("⟧"):]
	}
}

func fillTemplate(inside string, random *rand.Rand) string {
	kind, arg, _ := strings.Cut(inside, ":")
	switch kind {
	case "base64":
		return base64.StdEncoding.EncodeToString([]byte(arg))
	case "base64url":
		return base64.RawURLEncoding.EncodeToString([]byte(arg))
	case "hexof":
		return hex.EncodeToString([]byte(arg))
	case "jwt":
		enc := base64.RawURLEncoding
		return enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString([]byte(arg)) + "." + randomText("b64url", 43, random)
	case "pem", "pem1":
		lines := []string{"-----BEGIN " + arg + "-----"}
		for range 6 {
			lines = append(lines, randomText("b64", 64, random))
		}
		lines = append(lines, "-----END "+arg+"-----")
		if kind == "pem1" {
			return strings.Join(lines, `\n`)
		}
		return strings.Join(lines, "\n")
	}
	n, err := strconv.Atoi(arg)
	if err != nil {
		panic(fmt.Sprintf("template %q: %v", inside, err))
	}
	return randomText(kind, n, random)
}

func randomText(kind string, n int, random *rand.Rand) string {
	const lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	alphabet, found := map[string]string{
		"alnum": lower + upper + digits, "lower": lower + digits, "upper": upper + digits, "letters": lower, "digits": digits,
		"hex": digits + "abcdef", "HEX": digits + "ABCDEF", "b64": lower + upper + digits + "+/", "b64url": lower + upper + digits + "-_",
		"base32": upper + "234567", "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
	}[kind]
	if !found {
		panic("no alphabet " + kind)
	}
	b := make([]byte, n)
	for i := range b {
		for b[i] = '+'; strings.IndexByte("+/-_", b[i]) >= 0; {
			b[i] = alphabet[random.IntN(len(alphabet))]
			if i > 0 && i < n-1 {
				break // only the first and the last are always letters or digits
			}
		}
	}
	return string(b)
}

// reading is one question that a case asks of the rules; some texts have no name.
type reading struct {
	name, value string
}

// readings gives how admission would look at a case.
func (c literalCase) readings() []reading {
	switch c.Place {
	case "args":
		var all []reading
		for _, a := range c.Args {
			all = append(all, reading{value: a})
			if name, value, assigned := strings.Cut(a, "="); assigned && strings.HasPrefix(a, "-") {
				all = append(all, reading{name: strings.ReplaceAll(name, "-", "_"), value: value})
			}
		}
		return all
	case "annotation", "file":
		return []reading{{value: c.Value}}
	default: // env; a header or a URL under its name is read like one
		return []reading{{name: c.Name, value: c.Value}, {value: c.Value}}
	}
}

func (c literalCase) found() bool {
	for _, r := range c.readings() {
		if literalSecret(r.name, r.value) {
			return true
		}
	}
	return false
}

// literalTally counts the cases of one place.
type literalTally struct{ secrets, found, clean, alarms int }

func TestLiteralOnCorpus(t *testing.T) {
	places := []string{"env", "args", "annotation", "header", "url", "file"}
	tallies := map[string]*literalTally{}
	for _, place := range places {
		tallies[place] = &literalTally{}
	}
	for round := range uint64(corpusRounds) {
		for _, c := range literalCorpus(t, round) {
			found := c.found()
			tallies[c.Place].add(c.Secret, found)
			if found && !c.Secret {
				t.Errorf("round %d, false alarm: %s %s %s=%.120s %q (%s)", round, c.ID, c.Place, c.Name, c.Value, c.Args, c.Why)
			}
		}
	}
	for _, place := range places {
		c := tallies[place]
		t.Logf("%-10s %5d secrets, %5.1f%% found; %5d clean, %d false alarms", place, c.secrets, c.recall(), c.clean, c.alarms)
	}
	// Most of what is missed are passwords that people made up, short or of words; see internal/detect for these.
	for place, want := range map[string]float64{"env": 62, "args": 23, "annotation": 36, "header": 52, "url": 78} {
		if got := tallies[place].recall(); got < want {
			t.Errorf("recall on %s is %.1f%%, want %.0f%%", place, got, want)
		}
	}
}

func (c *literalTally) add(secret, found bool) {
	switch {
	case secret && found:
		c.secrets++
		c.found++
	case secret:
		c.secrets++
	case found:
		c.clean++
		c.alarms++
	default:
		c.clean++
	}
}

func (c *literalTally) recall() float64 { return 100 * float64(c.found) / float64(max(1, c.secrets)) }

// TestLiteralWarnings holds secretName to the corpus: of the variables for which admission would warn, most are secrets,
// or references and placeholders under the name of one.
func TestLiteralWarnings(t *testing.T) {
	meant := map[string]int{}
	for _, c := range literalCorpus(t, 0) {
		if c.Place != "env" || strings.TrimSpace(c.Value) == "" || strings.Contains(c.Value, "$(") || c.found() {
			continue
		}
		suspect := secretName(c.Name)
		switch {
		case c.Secret && suspect:
			meant["secret, warned"]++
		case c.Secret:
			meant["secret, quiet"]++
		case suspect:
			meant["clean, warned"]++
		default:
			meant["clean, quiet"]++
		}
	}
	t.Log(meant)
	if meant["clean, warned"]*8 > meant["clean, quiet"] || meant["secret, warned"] < 140 {
		t.Error("too many warnings, or too few")
	}
}

const (
	literalHex   = "9f2c4be17a60d358" + "c1e94f0a6b7d2385"
	literalMixed = "q7RtV2mXb9" + "ZkP4wLs8Jc" + "N3hYf6Gd1A" + "eT5u"
	literalJWT   = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiJvcmRlcnMifQ." + "k3Jv9sQ2xLr7TnWbYc5ZpHd8MfGa1Eu4"
)

// literalTable are variables, flags and texts with what the rules say of them. The secrets are invented, and put together so
// that scanners for leaked secrets leave this file alone.
var literalTable = []struct {
	title, name, value string
	literal, known     bool
}{
	{"a provider's prefix under any name", "BACKEND", "sk-" + "proj-" + literalMixed + literalMixed, true, true},
	{"a GitHub token inside a text", "SETUP", "git clone https://x:gh" + "p_" + literalMixed + "ab@github.com/a/b", true, true},
	{"Stripe's live key", "PAYMENTS", "sk_" + "live_" + literalMixed[:24], true, true},
	{"an AWS access key id", "CLOUD", "AK" + "IA" + "QX4ZT7NWPL2MVB6R", true, true},
	{"a JSON Web Token", "UPSTREAM", literalJWT, true, true},
	{"a private key", "SIGNER", "-----BEGIN EC PRIVATE" + " KEY-----\n" + literalMixed + literalMixed, true, true},
	{"a private key on one line", "SIGNER", `-----BEGIN PRIVATE` + ` KEY-----\n` + literalMixed + literalMixed, true, true},
	{"a URL with a typed password", "DATABASE_URL", "postgres://app:" + "R1verbank7@pg.db.svc:5432/app", true, true},
	{"a DSN with a typed password", "DSN", "app:" + "R1verbank7@tcp(mysql:3306)/app", true, true},
	{"a connection string", "CONN", "Server=db;User Id=app;Password=" + "R1verbank7;Encrypt=true", true, true},
	{"a Slack webhook", "ALERTS", "https://hooks.slack.com/services/" + "T02AB3CD4/B05EF6GH7/" + literalMixed[:24], true, true},

	{"a Discord webhook", "ALERTS", "https://discord.com/api/webhooks/" + "904418237615528419/" + literalMixed + literalMixed, true, true},
	{"a shared access signature", "BLOB", "https://a.blob.core.windows.net/m?sv=2022-11-02&sp=r&si" + "g=" + literalMixed + "hT9kQ2w%3D", true, true},
	{"a bot's URL", "NOTIFY", "https://api.telegram.org/bot" + "3155945268:AA" + literalMixed[:33] + "/sendMessage", true, true},
	{"a header of a probe", "", "curl -H 'Authorization: Bear" + "er " + literalMixed + "' http://x", true, true},
	{"a query's token", "FEED", "https://api.example.net/feed?access_token=" + literalMixed + "&page=1", true, true},
	{"an assignment in a script", "", "export DB_PASSWORD=" + literalMixed + "; exec app", true, true},

	{"hexadecimal under an API key's name", "WEATHER_API_KEY", literalHex, true, false},
	{"a random value under a password's name", "DB_PASSWORD", literalMixed, true, false},
	{"a name in camel case", "clientSecret", literalMixed, true, false},
	{"a dotted name", "spring.datasource.password", literalMixed, true, false},
	{"a flag", "__api_key", literalMixed, true, false},
	{"a name with an environment behind", "API_TOKEN_PROD", literalMixed, true, false},
	{"base64 with padding", "SESSION_SECRET", "hT9+kQ2/" + literalMixed + "w=", true, false},
	{"base64url", "SESSION_SECRET", "hT9_kQ2-" + literalMixed + "w", true, false},
	{"a UUID under a token's name", "POSTMARK_SERVER_TOKEN", "8c1d7e42-93ab-4f06-b5d8-2e7fa94c6b13", true, false},
	{"a wallet's key", "RELAYER_PRIVATE_KEY", "0x" + literalHex + literalHex, true, false},
	{"a password with marks", "ADMIN_PASSWORD", "Riverb@nk!7Quay#Mill", true, false},
	{"one group of digits and no word", "API_TOKEN", "kVqXbTz" + "RwLmGc7HnPdSyJf", true, false},
	{"a Laravel key", "APP_KEY", "base64:" + literalMixed + "hT9kQ2wRz=", true, false},

	{"a reference", "DB_PASSWORD", "$(POSTGRES_PASSWORD)", false, false},
	{"a shell reference", "DB_PASSWORD", "${POSTGRES_PASSWORD:-}", false, false},
	{"a template", "API_KEY", "{{ .Values.apiKey | quote }}", false, false},
	{"a placeholder", "API_KEY", "your-api-key-goes-here", false, false},
	{"a placeholder with a prefix", "OPENAI_API_KEY", "sk-" + "proj-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", false, false},
	{"a placeholder in base64", "API_KEY", "Y2hhbmdlLW1lLWluLXByb2R1Y3Rpb24=", false, false},
	{"a name in base64", "API_KEY", "b3JkZXJzLWFwaS1zdGFnaW5n", false, false},
	{"a meeting's link", "STANDUP", "https://zoom.example.net/j/92113176338?password=883a2c39-41a9-4395-b9f2-d2bd73e8c39e&i=1", false, false},
	{"a header with a reference", "", "curl -H 'Authorization: Bearer $(API_TOKEN_V2_2024)' http://x", false, false},
	{"a query with a placeholder", "FEED", "https://api.example.net/feed?api_key=YOUR_API_KEY_GOES_HERE_1234", false, false},
	{"an etcd cluster's name as a flag", "", "--initial-cluster-token=" + literalHex, false, false},
	{"a sealed secret", "", `{"kind":"SealedSecret","encryptedData":{"password":"AgB` + literalMixed + literalMixed + `"}}`, false, false},
	{"Firebase's configuration", "", `{"apiKey":"AI` + `zaSy` + literalMixed[:33] + `"}`, false, false},
	{"a placeholder in angle brackets", "GITHUB_TOKEN", "<your-github-token-1>", false, false},
	{"AWS' sample", "AWS_ACCESS_KEY_ID", "AKIA" + "IOSFODNN7EXAMPLE", false, false},
	{"a region's name", "REGION_CODE", "ASIA" + "PACIFICSOUTHEAST", false, false},
	{"a short value", "DB_PASSWORD", "q7RtV2mXb9", false, false},
	{"a password of words", "DB_PASSWORD", "correct-horse-battery", false, false},
	{"a header of a key alone", "KEY_PEM", "-----BEGIN PRIVATE" + " KEY-----\n...", false, false},
	{"a public key", "SIGNER", "-----BEGIN PUBLIC KEY-----\n" + literalMixed + literalMixed, false, false},
	{"a publishable key", "STRIPE_KEY", "pk_" + "live_" + literalMixed[:24], false, false},
	{"a publishable key under an API key's name", "CLERK_API_KEY", "pk_" + "live_" + literalMixed, false, false},
	{"what a build copies into pages", "NEXT_PUBLIC_API_KEY", literalMixed, false, false},
	{"Firebase's web key", "FIREBASE_API_KEY", "AI" + "zaSy" + literalMixed[:33], false, false},
	{"Reloader's hash", "STAKATER_ORDERS_DB_SECRET", literalHex + "0a1b2c3d", false, false},
	{"a token's address", "TOKEN_URL", "https://id.example.net/oauth2/v2.0/token", false, false},
	{"a URL under a token's name", "REFRESH_TOKEN", "https://id.example.net/oauth2/v2.0/token", false, false},
	{"a path under a key's name", "TLS_PRIVATE_KEY", "/etc/tls/private/server-2024-09-01.key", false, false},
	{"a path without a slash before", "AWS_SECRET_ACCESS_KEY", "kv/Team1/eu-west-1/App2/v3", false, false},
	{"the name of a Secret", "DB_SECRET", "orders-db-7f9c8d6b5f", false, false},
	{"the name of a Secret with capitals", "DB_SECRET", "ProdDbA1B2C3D4x9Y8z7W6v5U4", false, false},
	{"Amazon RDS' name of a secret", "ADMIN_PASSWORD", "rds!db-1c2d3e4f-5A6b-4c7d-8e9f-0a1b2c3d4e5f", false, false},
	{"a key's UUID in a key management service", "S3_ENCRYPTION_KEY", "8c1d7e42-93ab-4f06-b5d8-2e7fa94c6b13", false, false},
	{"a key's ARN", "MASTER_KEY", "arn:aws:kms:eu-west-1:123456789012:key/8c1d7e42-93ab-4f06-b5d8-2e7fa94c6b13", false, false},
	{"a GPG key's fingerprint", "HELM_SIGNING_KEY", "E3FF2839C048B25C084DEBE9B26995E310250568", false, false},
	{"a UUID under an id's name", "TENANT_ID", "8c1d7e42-93ab-4f06-b5d8-2e7fa94c6b13", false, false},
	{"a digest under a checksum's name", "CONFIG_SECRET_CHECKSUM", literalHex + literalHex, false, false},
	{"a digest under a cache key's name", "CACHE_KEY", literalHex + literalHex, false, false},
	{"a contract's address", "REWARDS_TOKEN", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", false, false},
	{"a model's token", "EOS_TOKEN", "<|end_of_text_0128001|>", false, false},
	{"the name of a cluster of etcd", "ETCD_INITIAL_CLUSTER_TOKEN", literalHex, false, false},
	{"an identifier in camel case", "API_TOKEN", "ListDistributionsByWebACLId2016_08_20", false, false},
	{"a class", "AUTH_TOKEN", "com.example.security.Oauth2TokenProviderV2", false, false},
	{"an image", "SESSION_SECRET", "registry.example.net/team/app:v1.2.3-rc4", false, false},
	{"a base URL with a port and a digest", "IMAGE", "docker://nginx:1.27-alpine3@sha256:" + literalHex + literalHex, false, false},
	{"a URL with references", "DATABASE_URL", "postgres://$(DB_USER):$(DB_PASSWORD)@pg:5432/app", false, false},
	{"a URL with a sample's password", "DATABASE_URL", "postgres://user:password1@localhost:5432/app", false, false},
	{"a URL with a user only", "SENTRY_DSN", "https://" + literalHex + "@o418273.ingest.sentry.io/4506712345", false, false},
	{"SQL with a parameter", "QUERY", "UPDATE u SET password=:p1 WHERE user=:u1", false, false},
	{"an expression of time", "TOKEN_CLEANUP_CRON", "*/15 2-6 1,15 * 1-5", false, false},
	{"Java options", "JAVA_TOOL_OPTIONS", "-Xmx512m -XX:MaxRAMPercentage=75.0 -Dfile.encoding=UTF-8 -Djavax.net.ssl.keyStorePassword=$(KS_PW1)", false, false},
	{"JSON", "FEATURES", `{"checkout_v2":true,"secret":"orders-db","tokens":4096}`, false, false},
	{"a format of logs", "LOG_FORMAT", "%(asctime)s %(levelname)-8s [%(name)s:%(lineno)d] %(message)s", false, false},
	{"letters that are not ASCII", "DB_PASSWORD", "pässwörter-für-Ünïcode-1-2-3-4", false, false},
	{"nothing", "", "", false, false},
}

func TestLiteralSecret(t *testing.T) {
	for _, c := range literalTable {
		t.Run(c.title, func(t *testing.T) {
			if got := literalSecret(c.name, c.value); got != c.literal {
				t.Errorf("literalSecret(%q, %q) is %v", c.name, c.value, got)
			}
			if got := literalSecret("", c.value); got != c.known {
				t.Errorf("without its name, %q is %v", c.value, got)
			}
		})
	}
}

func TestLiteralSecretName(t *testing.T) {
	for _, name := range []string{
		"DB_PASSWORD", "db-password", "mongoPassword", "ADMIN_PASS", "PGPASSWORD", "OPENAI_API_KEY", "__api_key", "CLIENT_SECRET",
		"clientSecret", "JWT_SECRET", "DJANGO_SECRET_KEY", "SECRET_KEY_BASE", "AWS_SECRET_ACCESS_KEY", "SLACK_BOT_TOKEN",
		"spring.datasource.password", "API_TOKEN_PROD", "LDAP_BIND_PW",
	} {
		if !secretName(name) {
			t.Errorf("%s is not suspected", name)
		}
	}
	for _, name := range []string{
		"", "PWD", "PASSWORD_FILE", "PASSWORD_MIN_LENGTH", "TOKEN_URL", "SECRET_NAME", "KEY_ID", "AWS_ACCESS_KEY_ID", "MAX_TOKENS",
		"EOS_TOKEN", "TLS_SECRET", "EXISTING_SECRET", "DB_SECRET", "DB_PASSWORD_SECRET_KEY", "STAKATER_APP_CLIENT_SECRET",
		"MYSQL_ALLOW_EMPTY_PASSWORD", "MYSQL_RANDOM_ROOT_PASSWORD", "STRIPE_PUBLISHABLE_KEY", "JWT_PUBLIC_KEY", "VITE_API_KEY",
		"CACHE_KEY", "PRIMARY_KEY", "NGINX_PROXY_PASS", "BYPASS", "CSRF_TOKEN", "I18N_DE_PASSWORD", "COMPASS_URL",
	} {
		if secretName(name) {
			t.Errorf("%s is suspected", name)
		}
	}
}

// celProgram compiles an expression over name and value.
func celProgram(t *testing.T, expression string) cel.Program {
	t.Helper()
	env, err := cel.NewEnv(ext.Strings(), cel.Variable("name", cel.StringType), cel.Variable("value", cel.DynType))
	if err != nil {
		t.Fatal(err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		t.Fatalf("%v\n%s", issues.Err(), expression)
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostTracking(nil))
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// celEvaluate gives an expression's value and what it cost.
func celEvaluate(t *testing.T, program cel.Program, name string, value any) (bool, uint64) {
	t.Helper()
	out, details, err := program.Eval(map[string]any{"name": name, "value": value})
	if err != nil {
		t.Fatal(err)
	}
	is, _ := out.Value().(bool)
	return is, *details.ActualCost()
}

func TestLiteralCELAgrees(t *testing.T) {
	var questions []reading
	for round := range uint64(2) {
		for _, c := range literalCorpus(t, round) {
			questions = append(questions, c.readings()...)
		}
	}
	for _, c := range literalTable {
		questions = append(questions, reading{name: c.name, value: c.value})
	}
	for _, r := range []struct {
		title, cel string
		judge      func(name, value string) bool
	}{
		{"literalSecret", literalSecretCEL("name", "value"), literalSecret},
		{"secretName", secretNameCEL("name"), func(name, _ string) bool { return secretName(name) }},
	} {
		program := celProgram(t, r.cel)
		var most, sum uint64
		var dearest reading
		for _, q := range questions {
			got, cost := celEvaluate(t, program, q.name, q.value)
			if want := r.judge(q.name, q.value); got != want {
				t.Errorf("%s(%q, %q) is %v in CEL, %v in Go", r.title, q.name, q.value, got, want)
			}
			sum += cost
			if cost > most {
				most, dearest = cost, q
			}
		}
		t.Logf("%-14s has %5d characters, costs at most %5d (%q, %d bytes), %d on average of %d",
			r.title, len(r.cel), most, dearest.name, len(dearest.value), sum/uint64(len(questions)), len(questions))
	}
}

// TestLiteralCost holds the rules to what one evaluation may cost, with the pods that cost most: as many variables as a
// pod is allowed to have here, and long texts.
func TestLiteralCost(t *testing.T) {
	const perCall = 1_000_000             // Kubernetes' PerCallLimit, k8s.io/apiserver/pkg/apis/cel/config.go
	random := rand.New(rand.NewPCG(1, 1)) // #nosec G404 -- reproducible by intent
	many := func(n int, value func() string) (values []string) {
		for range n {
			values = append(values, value())
		}
		return values
	}
	for _, c := range []struct {
		title  string
		name   string
		values []string
	}{
		{"400 plain settings", "ORDERS_BUILD_REVISION", many(400, func() string { return "http://orders.shop.svc.cluster.local:8080/v1" })},
		{"400 dashed names", "ORDERS_BUILD_REVISION", many(400, func() string { return "orders-processing-worker-queue-v2" })},
		{"400 digests", "ORDERS_BUILD_REVISION", many(400, func() string { return randomText("hex", 64, random) })},
		{"400 random values", "ORDERS_BUILD_REVISION", many(400, func() string { return randomText("alnum", 40, random) })},
		{"400 URLs with a reference", "ORDERS_BUILD_REVISION", many(400, func() string { return "postgres://$(DB_USER):$(DB_PASSWORD)@pg.db.svc:5432/app" })},
		// Of secrets the search ends at the first: only the message looks at all of them.
		{"300 random values of secrets", "ORDERS_API_TOKEN", many(300, func() string { return randomText("alnum", 40, random) })},
		{"300 digests of secrets", "ORDERS_API_TOKEN", many(300, func() string { return randomText("hex", 64, random) })},
		{"40 JSON snippets", "ORDERS_BUILD_REVISION", many(40, func() string { return strings.Repeat(`{"route":"orders-processing-worker-queue","weight":10},`, 20) })},
		{"20 scripts of 2,000 characters", "ORDERS_BUILD_REVISION", many(20, func() string { return strings.Repeat("kubectl rollout status deploy/orders-processing-worker\n", 36) })},
		{"10 scripts of 100,000 characters", "ORDERS_BUILD_REVISION", many(10, func() string { return strings.Repeat("echo the PRIVATE KEY is not here\n", 3000) })},
		{"one line of 60,000 characters", "ORDERS_BUILD_REVISION", many(1, func() string { return "PRIVATE KEY" + strings.Repeat("x@://password=sk-", 3500) })},
	} {
		for title, expression := range map[string]string{
			"literalSecret": "value.filter(e, " + literalSecretCEL("name", "e") + ").size() >= 0",
		} {
			_, cost := celEvaluate(t, celProgram(t, expression), c.name, c.values)
			t.Logf("%-34s %-14s costs %7d", c.title, title, cost)
			if cost > perCall-20_000 { // for what reads the variables out of the pod
				t.Errorf("%s cost %d in %s", c.title, cost, title)
			}
		}
	}
}
