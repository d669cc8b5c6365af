// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"pgregory.net/rapid"

	"github.com/launchready/launchready/api/v1alpha1"
	"github.com/launchready/launchready/internal/detect/logmark"
	"github.com/launchready/launchready/internal/scorecard"
)

var (
	testKey  = []byte("a key of the operator")
	expected = Expected{Nonce: "nonce-of-this-job", Suite: SuiteAccess, LaunchUID: "uid-of-the-launch"}
	// byAddr lets go-cmp look into addresses.
	byAddr = cmpopts.EquateComparable(netip.AddrPort{})
)

func testSpec() Spec {
	return Spec{
		SchemaVersion: SchemaVersion, Suite: SuiteAccess, Nonce: expected.Nonce, Namespace: "shop", Launch: "chat",
		LaunchUID: expected.LaunchUID, Revision: "0123456789abcdef",
		InputsHashes: map[v1alpha1.Row]string{v1alpha1.RowAuthEnforced: "aaaa", v1alpha1.RowTenantIsolated: "bbbb"},
		Run:          3, Attempt: 1,
		Target: Target{
			BaseURL: "http://chat.shop.svc:80", Host: "app.example.com",
			Addresses: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.7:8080"), netip.MustParseAddrPort("[fd00::7]:8080")},
		},
		App: v1alpha1.App{
			Identities: []v1alpha1.Identity{
				{Name: "alice", Tenant: "acme", CredentialsSecretRef: v1alpha1.SecretReference{Name: "probe-alice"}},
				{Name: "bob", Tenant: "globex", CredentialsSecretRef: v1alpha1.SecretReference{Name: "probe-bob"}},
			},
			Login: &v1alpha1.Login{Steps: []v1alpha1.HTTPStep{{
				Request: v1alpha1.HTTPRequest{
					Method: "POST", Path: "/api/login?price=$$5",
					JSON: &apiextensionsv1.JSON{Raw: []byte(`{"email":"$(credentials.email)","host":"$(KUBERNETES_SERVICE_HOST)","<":"'\\u0024\\\\\""}`)},
				},
				Capture: map[string]v1alpha1.CELExpression{"token": "response.json.token"},
			}}},
			Authenticate: &v1alpha1.Authenticate{Headers: map[string]v1alpha1.HeaderValue{"Authorization": "Bearer $(token)"}},
		},
		DeadlineSeconds: 600, MaxRequests: 2000, PolicyCanary: "10.96.0.1:443", Version: "0.2.0",
	}
}

func testFinding(i int, severity v1alpha1.Severity) Finding {
	return Finding{
		Rule: "ForeignObjectRead", Severity: severity, Place: fmt.Sprintf("GET /api/conversations/$(id) as bob of globex, trick %d", i),
		Message:   "bob of globex was shown a conversation of alice of acme " + strings.Repeat("x", 300) + ".",
		Remedy:    "Compare the owner of the conversation with the user of the session before replying.",
		Identity:  fmt.Sprintf("trick-%d", i),
		Reproduce: "curl -H \"Authorization: Bearer $BOB\" 'http://chat.shop.svc/api/conversations/$ID'",
	}
}

func testResult() Result {
	return Result{
		SchemaVersion: SchemaVersion, Nonce: expected.Nonce, Suite: expected.Suite, LaunchUID: expected.LaunchUID,
		Rows: []RowResult{
			{Row: v1alpha1.RowAuthEnforced, Verdict: v1alpha1.VerdictPass, Cases: 40, Control: "Each identity read its own."},
			{Row: v1alpha1.RowTenantIsolated, Verdict: v1alpha1.VerdictFail, Cases: 90, Findings: []Finding{testFinding(0, v1alpha1.SeverityCritical)}},
		},
		Requests: 130, Notes: []string{"export was not measured: it is not described"},
	}
}

// expansion is how the kubelet reads the value of a variable: $$ is a dollar, and $(NAME) what NAME holds if it is set.
var expansion = regexp.MustCompile(`\$\$|\$\([^)]*\)`)

func expandAsKubelet(value string) string {
	return expansion.ReplaceAllStringFunc(value, func(m string) string {
		switch m {
		case "$$":
			return "$"
		case "$(KUBERNETES_SERVICE_HOST)":
			return "10.96.0.1"
		}
		return m
	})
}

func TestASpecSurvivesTheKubelet(t *testing.T) {
	want := testSpec()
	env, err := want.Env()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadSpec(expandAsKubelet(env))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, byAddr, cmp.Transformer("json", func(j apiextensionsv1.JSON) string { return string(j.Raw) })); diff != "" {
		t.Errorf("the container reads another spec (-told +read):\n%s", diff)
	}
}

func TestWhatIsNoSpecIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"another version":        {func(s *Spec) { s.SchemaVersion++ }, "schemaVersion"},
		"a suite that is none":   {func(s *Spec) { s.Suite = "acces" }, "suite"},
		"no nonce":               {func(s *Spec) { s.Nonce = "" }, "nonce"},
		"no launch":              {func(s *Spec) { s.LaunchUID = "" }, "launchUID"},
		"nothing to dial":        {func(s *Spec) { s.Target.Addresses = nil }, "addresses"},
		"an address without one": {func(s *Spec) { s.Target.Addresses = []netip.AddrPort{{}} }, "addresses"},
		"a URL without a host":   {func(s *Spec) { s.Target.BaseURL = "/chat" }, "baseURL"},
		"a URL with a password":  {func(s *Spec) { s.Target.BaseURL = "http://a:b@chat.shop.svc" }, "baseURL"},
		"another scheme":         {func(s *Spec) { s.Target.BaseURL = "file://chat" }, "baseURL"},
		"no deadline":            {func(s *Spec) { s.DeadlineSeconds = 0 }, "deadlineSeconds"},
		"no budget":              {func(s *Spec) { s.MaxRequests = 0 }, "maxRequests"},
		"a canary without port":  {func(s *Spec) { s.PolicyCanary = "10.96.0.1" }, "policyCanary"},
		"too much":               {func(s *Spec) { s.App.Login.Steps[0].Request.Body = strings.Repeat("$", 30<<10) }, "shorten"},
	} {
		t.Run(name, func(t *testing.T) {
			s := testSpec()
			test.change(&s)
			if _, err := s.Env(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("writing it gives %v, want an error about %s", err, test.want)
			}
			data, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ReadSpec(string(data)); err == nil && test.want != "shorten" {
				t.Error("reading it gives no error")
			}
		})
	}
	for _, env := range []string{"", "null", "{}", "[]", `{"schemaVersion":1,"shell":"rm"}`} {
		if s, err := ReadSpec(env); err == nil {
			t.Errorf("%q is read as %v", env, s)
		}
	}
}

func total(r RowResult) v1alpha1.SeverityCounts {
	for len(r.Findings) > 0 {
		omitLast(&r)
	}
	return r.Omitted
}

func TestAnEncodedResultFitsAndKeepsWhatCounts(t *testing.T) {
	text := rapid.StringN(1, 400, 1500)
	severity := rapid.SampledFrom([]v1alpha1.Severity{v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow})
	finding := rapid.Custom(func(t *rapid.T) Finding {
		return Finding{
			Rule: rapid.StringMatching(`[A-Z][A-Za-z0-9]{0,63}`).Draw(t, "rule"), Severity: severity.Draw(t, "severity"),
			Place: text.Draw(t, "place"), Message: text.Draw(t, "message"), Remedy: text.Draw(t, "remedy"),
			Identity: rapid.StringMatching(`[a-z]{0,64}`).Draw(t, "identity"), Reproduce: text.Draw(t, "reproduce"),
		}
	})
	row := func(t *rapid.T, name v1alpha1.Row) RowResult {
		r := RowResult{
			Row: name, Cases: rapid.Int32Range(1, 9999).Draw(t, "cases"), Control: text.Draw(t, "control"),
			Message: text.Draw(t, "message"), Reason: "Reason", Findings: rapid.SliceOfN(finding, 0, 90).Draw(t, "findings"),
			Verdict: v1alpha1.VerdictPass,
		}
		if slices.ContainsFunc(r.Findings, Finding.Fails) {
			r.Verdict = v1alpha1.VerdictFail
		}
		if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
			r.Verdict, r.Fault = v1alpha1.VerdictUnknown, v1alpha1.FaultApp
		}
		return r
	}
	rapid.Check(t, func(t *rapid.T) {
		r := testResult()
		r.Rows = []RowResult{row(t, v1alpha1.RowAuthEnforced), row(t, v1alpha1.RowTenantIsolated)}
		r.Notes = rapid.SliceOfN(text, 0, maxNotes).Draw(t, "notes")
		data, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > MaxResultBytes {
			t.Fatalf("%d bytes", len(data))
		}
		got, err := Decode(data, expected)
		if err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		for i, row := range got.Rows {
			was := r.Rows[i]
			if row.Row != was.Row || row.Verdict != was.Verdict || row.Reason != was.Reason || row.Cases != was.Cases || row.Fault != was.Fault {
				t.Errorf("%+v became %+v", was, row)
			}
			if diff := cmp.Diff(total(was), total(row)); diff != "" {
				t.Errorf("%s: findings were lost without being counted (-had +has):\n%s", row.Row, diff)
			}
			for _, f := range row.Findings {
				for _, gone := range []struct {
					n int32
					v v1alpha1.Severity
				}{{row.Omitted.Critical, v1alpha1.SeverityCritical}, {row.Omitted.High, v1alpha1.SeverityHigh}, {row.Omitted.Medium, v1alpha1.SeverityMedium}} {
					if gone.n > 0 && scorecard.CompareSeverity(gone.v, f.Severity) < 0 {
						t.Errorf("%s: a %s finding was kept and a %s one left out", row.Row, f.Severity, gone.v)
					}
				}
			}
		}
		again, err := Encode(got)
		if err != nil || !bytes.Equal(data, again) {
			t.Errorf("encoding it again gives something else (%v)", err)
		}
	})
}

// Whatever is seen in sinks, the result fits, and of each sink that has a leak one is told.
func TestWhatSinksHoldFits(t *testing.T) {
	// Most are longer than what is kept, so that there is no room for all.
	text := rapid.OneOf(rapid.StringN(0, 400, 1500), rapid.Just(strings.Repeat("x", 400)))
	leak := rapid.Custom(func(t *rapid.T) logmark.Leak {
		return logmark.Leak{
			Kind: rapid.SampledFrom(logmark.Kinds()).Draw(t, "kind"), Encoding: text.Draw(t, "encoding"), Whole: rapid.Bool().Draw(t, "whole"),
			Place: logmark.Place{Form: rapid.SampledFrom(logmark.Forms()).Draw(t, "form"), Path: text.Draw(t, "path"), After: text.Draw(t, "after")},
		}
	})
	logging := expected
	logging.Suite = SuiteLogging
	rapid.Check(t, func(t *rapid.T) {
		r := testResult()
		r.Suite = SuiteLogging
		r.Rows = []RowResult{{Row: v1alpha1.RowLoggingSafe, Verdict: v1alpha1.VerdictUnknown, Fault: v1alpha1.FaultOperator, Reason: v1alpha1.ReasonNotMeasured, Message: text.Draw(t, "message") + "."}}
		r.Notes = rapid.SliceOfN(text, 0, maxNotes).Draw(t, "notes")
		for i := range 8 {
			m := Marked{Number: i, Name: text.Draw(t, "name"), Answered: true}
			for _, kind := range logmark.Kinds() {
				m.Kinds = append(m.Kinds, string(kind))
			}
			r.Marked = append(r.Marked, m)
		}
		for i := range rapid.SampledFrom([]int{0, 1, 2, maxSinks}).Draw(t, "sinks") {
			r.Sinks = append(r.Sinks, SeenSink{
				Name: strings.Repeat(strconv.Itoa(i), 63), Problem: SinkUnexpected, Status: 503, Requests: []int{0, 1, 2, 3, 4, 5, 6, 7},
				Leaks: rapid.SliceOfN(leak, 0, 20).Draw(t, "leaks"), Detail: text.Draw(t, "detail"),
			})
		}
		data, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(data, logging)
		if err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		for i, sink := range got.Sinks {
			was := r.Sinks[i]
			if sink.Name != was.Name || sink.Problem != was.Problem || sink.Status != was.Status || !slices.Equal(sink.Requests, was.Requests) {
				t.Errorf("%+v became %+v", was, sink)
			}
			if len(was.Leaks) > 0 && (len(sink.Leaks) == 0 || sink.Leaks[0].Kind != was.Leaks[0].Kind || sink.Leaks[0].Whole != was.Leaks[0].Whole) {
				t.Errorf("the leaks of %s were lost: %+v", sink.Name, sink.Leaks)
			}
		}
	})
}

func TestASinkThatIsNoneIsRefused(t *testing.T) {
	leak := func(kind logmark.Kind, form logmark.Form) SeenSink {
		return SeenSink{Name: "tracker", Leaks: []logmark.Leak{{Kind: kind, Encoding: "as it is", Place: logmark.Place{Form: form}}}}
	}
	many := make([]SeenSink, maxSinks+1)
	for i := range many {
		many[i].Name = "s" + strconv.Itoa(i)
	}
	for name, c := range map[string]struct {
		sinks []SeenSink
		wrong bool
	}{
		"a sink":             {[]SeenSink{leak(logmark.Token, logmark.JSONField)}, false},
		"no name":            {[]SeenSink{{Name: "a b"}}, true},
		"no such problem":    {[]SeenSink{{Name: "tracker", Problem: "Fine"}}, true},
		"no such kind":       {[]SeenSink{leak("horse", logmark.JSONField)}, true},
		"no such form":       {[]SeenSink{leak(logmark.Token, "horse")}, true},
		"more than the most": {many, true},
	} {
		r := testResult()
		r.Sinks = c.sinks
		if _, err := Encode(r); (err != nil) != c.wrong {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheWorstFindingIsKeptWhole(t *testing.T) {
	r := testResult()
	for i := range 40 {
		r.Rows[1].Findings = append(r.Rows[1].Findings, testFinding(i+1, v1alpha1.SeverityMedium))
	}
	data, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data, expected)
	if err != nil {
		t.Fatal(err)
	}
	row := got.Rows[1]
	if diff := cmp.Diff(testFinding(0, v1alpha1.SeverityCritical), row.Findings[0]); diff != "" {
		t.Errorf("the worst finding (-had +has):\n%s", diff)
	}
	if n := len(row.Findings) + int(row.Omitted.Medium); n != 41 || len(row.Findings) < 5 {
		t.Errorf("of 41 findings %d are there and %+v are counted", len(row.Findings), row.Omitted)
	}
	if len(r.Rows[1].Findings) != 41 {
		t.Error("encoding changed what it was given")
	}
}

func TestOnlyTheExpectedResultIsDecoded(t *testing.T) {
	edit := func(change func(*Result)) []byte {
		r := testResult()
		change(&r)
		data, err := marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	good := string(edit(func(*Result) {}))
	for name, test := range map[string]struct {
		data []byte
		want Problem
	}{
		"as it should be":              {[]byte(good), ""},
		"with a newline at its end":    {[]byte(good + "\n"), ""},
		"nothing":                      {nil, ProblemEmpty},
		"blank":                        {[]byte(" \n"), ProblemEmpty},
		"too long":                     {[]byte(good + strings.Repeat(" ", MaxResultBytes)), ProblemTooLong},
		"bytes":                        {[]byte(strings.Replace(good, "trick", "\xff\xfe", 1)), ProblemNotText},
		"a panic":                      {[]byte("panic: runtime error\ngoroutine 1"), ProblemNotJSON},
		"cut off in front":             {[]byte(good[100:]), ProblemNotJSON},
		"cut off at the end":           {[]byte(good[:len(good)-1]), ProblemNotJSON},
		"two results":                  {[]byte(good + good), ProblemNotJSON},
		"a list":                       {[]byte("[]"), ProblemNotJSON},
		"null":                         {[]byte("null"), ProblemVersion},
		"an unknown field":             {[]byte(strings.Replace(good, `"suite"`, `"extra":1,"suite"`, 1)), ProblemNotJSON},
		"a field in other case":        {[]byte(strings.Replace(good, `"suite"`, `"Suite"`, 1)), ProblemNotJSON},
		"a field twice":                {[]byte(strings.Replace(good, `"verdict":"Fail"`, `"verdict":"Fail","verdict":"Pass"`, 1)), ProblemNotJSON},
		"a newer version":              {edit(func(r *Result) { r.SchemaVersion = 2 }), ProblemVersion},
		"of another Job":               {edit(func(r *Result) { r.Nonce = "nonce-of-another-job" }), ProblemNonce},
		"without a nonce":              {edit(func(r *Result) { r.Nonce = "" }), ProblemNonce},
		"of another suite":             {edit(func(r *Result) { r.Suite = "load" }), ProblemSuite},
		"of another launch":            {edit(func(r *Result) { r.LaunchUID = "x" }), ProblemLaunch},
		"a row too few":                {edit(func(r *Result) { r.Rows = r.Rows[:1] }), ProblemRows},
		"a row twice":                  {edit(func(r *Result) { r.Rows[0] = r.Rows[1] }), ProblemRows},
		"a row twice beside all":       {edit(func(r *Result) { r.Rows = append(r.Rows, r.Rows[1]) }), ProblemRows},
		"a row of another suite":       {edit(func(r *Result) { r.Rows[0].Row = v1alpha1.RowRateLimited }), ProblemRows},
		"a row too many":               {edit(func(r *Result) { r.Rows = append(r.Rows, RowResult{Row: v1alpha1.RowSecretsSafe}) }), ProblemRows},
		"a verdict that is none":       {edit(func(r *Result) { r.Rows[0].Verdict = "pass" }), ProblemValue},
		"no verdict":                   {edit(func(r *Result) { r.Rows[0].Verdict = "" }), ProblemValue},
		"a severity that is none":      {edit(func(r *Result) { r.Rows[1].Findings[0].Severity = "Info" }), ProblemValue},
		"a rule of two words":          {edit(func(r *Result) { r.Rows[1].Findings[0].Rule = "Foreign read" }), ProblemValue},
		"a finding without remedy":     {edit(func(r *Result) { r.Rows[1].Findings[0].Remedy = "" }), ProblemValue},
		"a long identity":              {edit(func(r *Result) { r.Rows[1].Findings[0].Identity = strings.Repeat("x", 257) }), ProblemValue},
		"a reason of two words":        {edit(func(r *Result) { r.Rows[1].Reason = "two words" }), ProblemValue},
		"Pass beside what fails":       {edit(func(r *Result) { r.Rows[0].Findings = r.Rows[1].Findings }), ProblemValue},
		"Pass beside what was omitted": {edit(func(r *Result) { r.Rows[0].Omitted.Medium = 1 }), ProblemValue},
		"Pass with a Low finding":      {edit(func(r *Result) { r.Rows[0].Findings = []Finding{testFinding(1, v1alpha1.SeverityLow)} }), ""},
		"Pass without a control":       {edit(func(r *Result) { r.Rows[0].Control = "" }), ProblemValue},
		"Pass without a case":          {edit(func(r *Result) { r.Rows[0].Cases = 0 }), ProblemValue},
		"Pass with a fault":            {edit(func(r *Result) { r.Rows[0].Fault = v1alpha1.FaultApp }), ProblemValue},
		"Fail without a finding":       {edit(func(r *Result) { r.Rows[1].Findings = nil }), ProblemValue},
		"Unknown without a fault": {edit(func(r *Result) {
			r.Rows[0] = RowResult{Row: v1alpha1.RowAuthEnforced, Verdict: v1alpha1.VerdictUnknown, Reason: "Timeout", Message: "m"}
		}), ProblemValue},
		"Unknown without a reason": {edit(func(r *Result) {
			r.Rows[0] = RowResult{Row: v1alpha1.RowAuthEnforced, Verdict: v1alpha1.VerdictUnknown, Message: "m", Fault: v1alpha1.FaultApp}
		}), ProblemValue},
		"NotApplicable without a message": {edit(func(r *Result) {
			r.Rows[0] = RowResult{Row: v1alpha1.RowAuthEnforced, Verdict: v1alpha1.VerdictNotApplicable, Reason: "NotApplicable"}
		}), ProblemValue},
		"a number below 0":      {edit(func(r *Result) { r.Requests = -1 }), ProblemValue},
		"a count below 0":       {edit(func(r *Result) { r.Rows[1].Omitted.Low = -1 }), ProblemValue},
		"a number that is huge": {[]byte(strings.Replace(good, `"cases":90`, `"cases":90000000000`, 1)), ProblemNotJSON},
		"lines without a hash":  {edit(func(r *Result) { r.EvidenceLines = 1 }), ProblemValue},
		"a hash that is none":   {edit(func(r *Result) { r.EvidenceLines, r.EvidenceSHA256 = 1, "abc" }), ProblemValue},
		"too many notes":        {edit(func(r *Result) { r.Notes = slices.Repeat([]string{"n"}, maxNotes+1) }), ProblemValue},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decode(test.data, expected)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var p *ProtocolError
			if !errors.As(err, &p) {
				t.Fatalf("it gives %v, want a ProtocolError", err)
			}
			if p.Problem != test.want || p.Detail == "" {
				t.Errorf("it is refused as %s (%s), want %s", p.Problem, p.Detail, test.want)
			}
			if diff := cmp.Diff(Result{}, got); diff != "" {
				t.Errorf("something is given beside the error:\n%s", diff)
			}
		})
	}
}

func TestAResultOfAnotherSuiteIsNotDecoded(t *testing.T) {
	data, err := Encode(testResult())
	if err != nil {
		t.Fatal(err)
	}
	want := expected
	want.Suite = "load"
	var p *ProtocolError
	if _, err := Decode(data, want); !errors.As(err, &p) || p.Problem != ProblemSuite {
		t.Errorf("it gives %v", err)
	}
}

func TestWhatIsLeftOutIsTheLeastBad(t *testing.T) {
	r := testResult()
	r.Rows[0].Verdict, r.Rows[0].Findings = v1alpha1.VerdictFail, nil
	for i := range 3 {
		r.Rows[0].Findings = append(r.Rows[0].Findings, testFinding(i, v1alpha1.SeverityCritical))
		r.Rows[1].Findings = append(r.Rows[1].Findings, testFinding(10+i, v1alpha1.SeverityLow), testFinding(20+i, v1alpha1.SeverityLow))
	}
	data, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data, expected)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rows[0].Findings) != 3 || got.Rows[1].Omitted.Low == 0 {
		t.Errorf("of 3 Critical findings %d are left, and %d Low ones are left out", len(got.Rows[0].Findings), got.Rows[1].Omitted.Low)
	}
}

func TestTextsAreShortenedBeforeTheLastFindingGoes(t *testing.T) {
	r := testResult()
	long := testFinding(1, v1alpha1.SeverityHigh)
	long.Message, long.Remedy, long.Reproduce = strings.Repeat("é", 512), strings.Repeat("r", 1000), strings.Repeat("c", 1000)
	r.Rows[0].Verdict, r.Rows[0].Findings, r.Rows[1].Findings = v1alpha1.VerdictFail, []Finding{long}, []Finding{long}
	data, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data, expected)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range got.Rows {
		if len(row.Findings) != 1 || row.Omitted != (v1alpha1.SeverityCounts{}) {
			t.Fatalf("%s: %d findings, %+v left out", row.Row, len(row.Findings), row.Omitted)
		}
		f := row.Findings[0]
		if !strings.HasPrefix(f.Message, "éé") || !strings.HasSuffix(f.Message, "é…") || f.Place != long.Place || f.Identity != long.Identity || f.Reproduce != "" {
			t.Errorf("it became %+v", f)
		}
	}
}

func TestDecodedTextsCanBeShown(t *testing.T) {
	r := testResult()
	r.Notes = []string{"\u202eevil\x1b[31m"}
	r.Rows[0].Control = "a\u200bb"
	r.Sinks = []SeenSink{{Name: "tracker", Detail: "a\u200bc", Leaks: []logmark.Leak{{Kind: logmark.Token, Place: logmark.Place{Form: logmark.JSONField, Path: "a\u200bd"}}}}}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data, expected)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`\u{202E}evil\u{1B}[31m`, `a\u{200B}b`, `a\u{200B}c`, `a\u{200B}d`},
		[]string{got.Notes[0], got.Rows[0].Control, got.Sinks[0].Detail, got.Sinks[0].Leaks[0].Place.Path}); diff != "" {
		t.Error(diff)
	}
}

func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	r := testResult()
	r.Rows[0].Control = ""
	var p *ProtocolError
	if _, err := Encode(r); !errors.As(err, &p) || p.Problem != ProblemValue {
		t.Errorf("a Pass without a control gives %v", err)
	}
}

func TestEvidenceIsFoundBetweenOtherLines(t *testing.T) {
	var log bytes.Buffer
	w := NewEvidenceWriter(&log, MaxEvidenceBytes)
	finding := testFinding(1, v1alpha1.SeverityHigh)
	want := []Evidence{{Row: v1alpha1.RowTenantIsolated, Finding: &finding}, {Note: "export was not measured"}}
	for _, e := range want {
		log.WriteString("time=12 level=info launchready-evidence {}\n")
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	log.WriteString("bye")
	sha, lines := w.Sum()
	if lines != 2 {
		t.Errorf("%d lines", lines)
	}
	got, err := ReadEvidence(log.Bytes(), sha)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	if diff := cmp.Diff([]Finding{finding}, Findings(got, v1alpha1.RowTenantIsolated)); diff != "" {
		t.Error(diff)
	}
}

func TestEvidenceThatIsNotTheResultsIsNone(t *testing.T) {
	var log bytes.Buffer
	w := NewEvidenceWriter(&log, MaxEvidenceBytes)
	for i := range 3 {
		f := testFinding(i, v1alpha1.SeverityHigh)
		if err := w.Write(Evidence{Row: v1alpha1.RowTenantIsolated, Finding: &f}); err != nil {
			t.Fatal(err)
		}
	}
	sha, _ := w.Sum()
	lines := slices.Collect(bytes.Lines(log.Bytes()))
	for name, test := range map[string]struct {
		log  []byte
		want Problem
	}{
		"empty":             {nil, ProblemEmpty},
		"without evidence":  {[]byte("hello\n"), ProblemEmpty},
		"a line is missing": {slices.Concat(lines[0], lines[2]), ProblemHash},
		"a line too many":   {slices.Concat(log.Bytes(), lines[0]), ProblemHash},
		"another order":     {slices.Concat(lines[1], lines[0], lines[2]), ProblemHash},
		"cut off":           {log.Bytes()[:log.Len()-5], ProblemHash},
		"one letter":        {bytes.Replace(log.Bytes(), []byte("bob"), []byte("eve"), 1), ProblemHash},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadEvidence(test.log, sha)
			var p *ProtocolError
			if !errors.As(err, &p) || p.Problem != test.want || got != nil {
				t.Errorf("it gives %d lines and %v, want %s", len(got), err, test.want)
			}
		})
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	var log bytes.Buffer
	w := NewEvidenceWriter(&log, 2000)
	for i := range 10 {
		f := testFinding(i, v1alpha1.SeverityHigh)
		if err := w.Write(Evidence{Row: v1alpha1.RowTenantIsolated, Finding: &f}); err != nil {
			t.Fatal(err)
		}
	}
	sha, lines := w.Sum()
	if log.Len() > 2000 || lines == 0 || lines+w.Dropped() != 10 {
		t.Errorf("%d bytes, %d lines, %d left out", log.Len(), lines, w.Dropped())
	}
	if got, err := ReadEvidence(log.Bytes(), sha); err != nil || len(got) != lines {
		t.Errorf("%d of %d lines are read: %v", len(got), lines, err)
	}
}

type failing struct{ io.Writer }

func (failing) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestEvidenceOfAFailedWriteIsNone(t *testing.T) {
	w := NewEvidenceWriter(failing{}, 2000)
	for range 2 {
		if err := w.Write(Evidence{Note: "n"}); err == nil {
			t.Error("no error")
		}
	}
	if sha, lines := w.Sum(); sha != "" || lines != 0 {
		t.Errorf("it has %d lines with hash %q", lines, sha)
	}
	w = NewEvidenceWriter(io.Discard, 2000)
	for _, e := range []Evidence{{}, {Row: "r", Note: "n", Finding: &Finding{}}, {Finding: &Finding{}}, {Row: "r", Finding: &Finding{}}} {
		if err := w.Write(e); err == nil {
			t.Errorf("%+v is written", e)
		}
	}
}

func TestAResultBecomesAnOutcome(t *testing.T) {
	high, low := testFinding(1, v1alpha1.SeverityHigh), testFinding(2, v1alpha1.SeverityLow)
	for name, test := range map[string]struct {
		row      RowResult
		evidence []Finding
		verdict  v1alpha1.Verdict
		reason   string
		findings int
	}{
		"Pass": {
			RowResult{Verdict: v1alpha1.VerdictPass, Cases: 3, Control: "c"},
			nil, v1alpha1.VerdictPass, v1alpha1.ReasonPassed, 0,
		},
		"Pass with a hint": {
			RowResult{Verdict: v1alpha1.VerdictPass, Cases: 3, Control: "c", Findings: []Finding{low}},
			[]Finding{low},
			v1alpha1.VerdictPass, v1alpha1.ReasonPassed, 1,
		},
		"Pass that the evidence contradicts": {
			RowResult{Verdict: v1alpha1.VerdictPass, Cases: 3, Control: "c"},
			[]Finding{high},
			v1alpha1.VerdictFail, high.Rule, 1,
		},
		"Fail": {
			RowResult{Verdict: v1alpha1.VerdictFail, Findings: []Finding{high}},
			[]Finding{high, low},
			v1alpha1.VerdictFail, high.Rule, 2,
		},
		"Fail with a reason of its own": {
			RowResult{Verdict: v1alpha1.VerdictFail, Reason: "Leaks", Findings: []Finding{high}},
			nil, v1alpha1.VerdictFail, "Leaks", 1,
		},
		"Fail of which nothing is left": {
			RowResult{Verdict: v1alpha1.VerdictFail, Cases: 3, Control: "c", Omitted: v1alpha1.SeverityCounts{High: 1}},
			nil, v1alpha1.VerdictFail, reasonOmitted, 0,
		},
		"Unknown": {
			RowResult{Verdict: v1alpha1.VerdictUnknown, Reason: "Timeout", Message: "m", Fault: v1alpha1.FaultApp, Cases: 3, Control: "c"},
			nil, v1alpha1.VerdictUnknown, "Timeout", 0,
		},
		"NotApplicable": {
			RowResult{Verdict: v1alpha1.VerdictNotApplicable, Reason: "NotApplicable", Message: "No path of 13 exists."},
			nil, v1alpha1.VerdictNotApplicable, "NotApplicable", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.row.Row = v1alpha1.RowTenantIsolated
			got := test.row.Outcome(testKey, test.evidence)
			if got.Row != test.row.Row || got.Verdict != test.verdict || got.Reason != test.reason || len(got.Findings) != test.findings || got.Message == "" {
				t.Errorf("it is %+v", got)
			}
			if got.Fault != test.row.Fault {
				t.Errorf("fault %q", got.Fault)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	good, err := Encode(testResult())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"schemaVersion":1}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(data, expected)
		var p *ProtocolError
		if err != nil {
			if !errors.As(err, &p) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if r.Nonce != expected.Nonce || len(r.Rows) != len(SuiteAccess.Rows()) {
			t.Fatalf("it is taken for ours: %+v", r)
		}
		again, err := Encode(r)
		if err != nil {
			t.Fatalf("what was decoded can't be encoded: %v", err)
		}
		if _, err := Decode(again, expected); err != nil {
			t.Fatalf("what was encoded can't be decoded: %v", err)
		}
	})
}

// hashOf is the hash that the evidence in a log would need.
func hashOf(log []byte) string {
	h := sha256.New()
	for line := range bytes.Lines(log) {
		if bytes.HasPrefix(line, []byte(EvidencePrefix)) {
			h.Write(line)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func FuzzReadEvidence(f *testing.F) {
	var log bytes.Buffer
	w := NewEvidenceWriter(&log, MaxEvidenceBytes)
	finding := testFinding(1, v1alpha1.SeverityHigh)
	for _, e := range []Evidence{{Row: v1alpha1.RowTenantIsolated, Finding: &finding}, {Note: "n"}} {
		if err := w.Write(e); err != nil {
			f.Fatal(err)
		}
	}
	sha, _ := w.Sum()
	f.Add(log.Bytes(), sha)
	f.Add([]byte("launchready-evidence \n"), "")
	f.Add([]byte("launchready-evidence null\n"), "f5f49e3aeac5a1ee4b0b6f0ecd0e4ea3b0f3f6b9e4c6a8a0f0c40c5bd7e6c7a1")
	f.Fuzz(func(t *testing.T, log []byte, sha string) {
		// With the right hash too, so that what stands behind it is reached.
		for _, sum := range []string{sha, hashOf(log)} {
			found, err := ReadEvidence(log, sum)
			var p *ProtocolError
			switch {
			case err != nil && !errors.As(err, &p):
				t.Fatalf("%T: %v", err, err)
			case err != nil && found != nil, err == nil && sum != hashOf(log):
				t.Fatalf("%d lines with %v", len(found), err)
			}
			for _, e := range found {
				if err := e.validate(); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
