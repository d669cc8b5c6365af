// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

package logmark_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"math/rand/v2"
	"mime/quotedprintable"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/launchready/launchready/internal/detect/logmark"
)

func search(t testing.TB, s *logmark.Searcher, text string) logmark.Seen {
	t.Helper()
	seen, err := s.Search(t.Context(), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if seen.Bytes != int64(len(text)) {
		t.Errorf("%d of %d bytes were searched", seen.Bytes, len(text))
	}
	return seen
}

// finds tells what was seen, as "password base64 whole".
func finds(seen logmark.Seen) []string {
	var all []string
	for leak := range seen.Leaks {
		size := "piece"
		if leak.Whole {
			size = "whole"
		}
		all = append(all, fmt.Sprintf("%s %s %s", leak.Kind, leak.Encoding, size))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func each(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

// numbered writes each character with its number.
func numbered(s, format, between string) string {
	var parts []string
	for i := range len(s) {
		parts = append(parts, fmt.Sprintf(format, i, s[i]))
	}
	return strings.Join(parts, between)
}

// grouped puts a space behind each so many characters.
func grouped(s string, size int) string {
	var parts []string
	for part := range slices.Chunk([]byte(s), size) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, " ")
}

// disguises write a text as other libraries than ours do, where there are such.
func disguises(t *testing.T) map[string]func(string) string {
	t.Helper()
	asJSON := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	numbers := func(s string) (all []int) {
		for _, c := range []byte(s) {
			all = append(all, int(c))
		}
		return all
	}
	return map[string]func(string) string{
		"as it is/raw":            func(s string) string { return s },
		"as it is/capitals":       strings.ToUpper,
		"as it is/JSON":           func(s string) string { return asJSON(asJSON("say \"" + s)) },
		"as it is/HTML":           func(s string) string { return html.EscapeString("<b>" + s + "</b>") },
		"base64/alone":            func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"base64/behind one byte":  func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(":" + s + ":")) },
		"base64/behind two bytes": func(s string) string { return base64.URLEncoding.EncodeToString([]byte("ÿ" + s + "ÿÿ")) },
		"base64/small letters":    func(s string) string { return strings.ToLower(base64.URLEncoding.EncodeToString([]byte("u:" + s))) },
		"base64 twice/": func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte("a" + base64.StdEncoding.EncodeToString([]byte("bb"+s))))
		},
		"base64 of hexadecimal/": func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte("x" + hex.EncodeToString([]byte(s))))
		},
		"base32/":                   func(s string) string { return base32.StdEncoding.EncodeToString([]byte("xyz" + s)) },
		"base32/small letters":      func(s string) string { return strings.ToLower(base32.StdEncoding.EncodeToString([]byte("wxyz" + s))) },
		"hexadecimal/":              func(s string) string { return hex.EncodeToString([]byte(s)) },
		"hexadecimal/capitals":      func(s string) string { return fmt.Sprintf("%X", s) },
		"hexadecimal/a Buffer":      func(s string) string { return fmt.Sprintf("<Buffer % x>", s) },
		"hexadecimal/Go":            func(s string) string { return fmt.Sprintf("%#v", []byte(s)) },
		"numbers of bytes/Go":       func(s string) string { return fmt.Sprintf("%d", []byte(s)) },
		"numbers of bytes/JSON":     func(s string) string { return asJSON(map[string]any{"type": "Buffer", "data": numbers(s)}) },
		"numbers of bytes/Python":   func(s string) string { return strings.ReplaceAll(fmt.Sprint(numbers(s)), " ", ", ") },
		"URL encoding/":             func(s string) string { return each(s, "%%%02X") },
		"URL encoding twice/":       func(s string) string { return each(s, "%%25%02X") },
		"quoted-printable/":         func(s string) string { return each(s, "=%02X") },
		"escapes of JSON/":          func(s string) string { return each(s, `\u%04x`) },
		"escapes of JSON in JSON/":  func(s string) string { return asJSON(each(s, `\u%04X`)) },
		"escapes of bytes/":         func(s string) string { return each(s, `\x%02x`) },
		"octal escapes/":            func(s string) string { return each(s, `\%03o`) },
		"HTML entities/decimal":     func(s string) string { return each(s, "&#%d;") },
		"HTML entities/hexadecimal": func(s string) string { return each(s, "&#x%X;") },
		"reversed/":                 func(s string) string { b := []byte(s); slices.Reverse(b); return string(b) },
		"separated characters/":     func(s string) string { return strings.TrimSpace(each(s, "%c ")) },
		"separated characters/JSON": func(s string) string { return asJSON(strings.Split(s, "")) },
		"UTF-16/":                   func(s string) string { return each(s, "%c\x00") },
		"ROT13/": func(s string) string {
			return strings.Map(func(c rune) rune {
				if c < 'A' || c > 'z' || c > 'Z' && c < 'a' {
					return c
				}
				return c&32 | (c&^32-'A'+13)%26 + 'A'
			}, s)
		},
		"bits/":                          func(s string) string { return each(s, "%08b") },
		"hexadecimal/Go, spaced":         func(s string) string { return fmt.Sprintf("%# x", s) },
		"hexadecimal/in twos":            func(s string) string { return grouped(hex.EncodeToString([]byte(s)), 4) },
		"hexadecimal/in fours":           func(s string) string { return grouped(hex.EncodeToString([]byte(":::"+s)), 8) },
		"code points/":                   func(s string) string { return fmt.Sprintf("%U", []rune(s)) },
		"separated characters/Go":        func(s string) string { return fmt.Sprintf("%q", []rune(s)) },
		"separated characters/od":        func(s string) string { return each(s, "   %c") },
		"escapes of JavaScript/":         func(s string) string { return each(s, `\u{%x}`) },
		"escapes of C/":                  func(s string) string { return each(s, `\U%08x`) },
		"URL encoding/of JavaScript":     func(s string) string { return each(s, "%%u%04X") },
		"octal escapes in JSON/":         func(s string) string { return asJSON(each(s, `\%03o`)) },
		"escapes of bytes/LDAP":          func(s string) string { return each(s, `\%02x`) },
		"HTML entities/four digits":      func(s string) string { return each(s, "&#x%04X;") },
		"base64 of UTF-16/":              func(s string) string { return base64.StdEncoding.EncodeToString([]byte(each(s, "%c\x00"))) },
		"base64 of UTF-16/behind a text": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(each("p:"+s, "%c\x00"))) },
		"base64 of UTF-16/big-endian":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(each("p"+s, "\x00%c"))) },
		"hexadecimal of UTF-16/SQL":      func(s string) string { return "0x" + strings.ToUpper(hex.EncodeToString([]byte(each(s, "%c\x00")))) },
		"UTF-32/":                        func(s string) string { return each(s, "%c\x00\x00\x00") },
		"an object of characters/JSON": func(s string) string {
			return asJSON(map[string]any{"spread": json.RawMessage("{" + numbered(s, `"%d":"%c"`, ",") + "}")})
		},
		"an object of characters/Node":  func(s string) string { return "{ " + numbered(s, `'%d': '%c'`, ", ") + " }" },
		"an object of characters/bytes": func(s string) string { return "{" + numbered(s, `"%d":%d`, ",") + "}" },
	}
}

func TestMarkersAreFoundHoweverTheyAreWritten(t *testing.T) {
	s, m := searcher(t), markers(t)
	for name, disguise := range disguises(t) {
		for _, marker := range m.All() {
			t.Run(name+"/"+string(marker.Kind), func(t *testing.T) {
				encoding, _, _ := strings.Cut(name, "/")
				if strings.HasPrefix(encoding, "ROT13") && marker.Kind == logmark.CardNumber {
					encoding = "as it is" // it has no letters
				}
				want := []string{fmt.Sprintf("%s %s whole", marker.Kind, encoding)}
				for _, s := range []*logmark.Searcher{s, s.Small()} {
					if diff := cmp.Diff(want, finds(search(t, s, "2026-11-26 INFO some text "+disguise(marker.Value)+" and more\n"))); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
				}
			})
		}
	}
}

func TestCardNumbersAreFoundInGroups(t *testing.T) {
	s, number := searcher(t), markers(t).Of(logmark.CardNumber).Value
	for _, between := range []string{" ", "-", ".", "+", "%20", "\u00a0"} {
		text := strings.Join([]string{number[:4], number[4:8], number[8:12], number[12:]}, between)
		if diff := cmp.Diff([]string{"card number as it is whole"}, finds(search(t, s, "paid with "+text+", thanks"))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	for _, between := range []string{",", ".", "'", "_", " ", "\u00a0", "\u202f"} {
		text := strings.Join([]string{number[:1], number[1:4], number[4:7], number[7:10], number[10:13], number[13:]}, between)
		if diff := cmp.Diff([]string{"card number with separators of thousands whole"}, finds(search(t, s, "paid with "+text+", thanks"))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	var parsed any
	if err := json.Unmarshal([]byte(number), &parsed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"card number a floating-point number whole"}, finds(search(t, s, fmt.Sprint(parsed)))); diff != "" {
		t.Errorf("%v (-want +got):\n%s", parsed, diff)
	}
}

func TestPiecesOfTwelveCharactersAreFoundAndShorterOnesAreNot(t *testing.T) {
	s := searcher(t)
	for _, marker := range markers(t).All() {
		r := marker.Random
		for from := 0; from+12 <= len(r); from++ {
			want := []string{fmt.Sprintf("%s as it is piece", marker.Kind)}
			if marker.Kind == logmark.CardNumber {
				want = nil
			}
			if diff := cmp.Diff(want, finds(search(t, s, "token=***"+r[from:from+12]+"*** user=x"))); diff != "" {
				t.Errorf("%s from %d (-want +got):\n%s", marker.Kind, from, diff)
			}
			if got := finds(search(t, s, "token=***"+r[from:from+11]+"*** user=x")); got != nil {
				t.Errorf("%s from %d: %v", marker.Kind, from, got)
			}
		}
		if got := finds(search(t, s, r[:4]+"..."+r[len(r)-4:]+" "+r[:6]+"******"+r[len(r)-4:])); got != nil {
			t.Errorf("%s: a masked value counts: %v", marker.Kind, got)
		}
	}
}

func TestPiecesAreFoundInEncodings(t *testing.T) {
	s, m := searcher(t), markers(t)
	for name, want := range map[string]string{
		base64.StdEncoding.EncodeToString([]byte("user:" + m.Of(logmark.Password).Value))[:32]: "password base64 piece",
		hex.EncodeToString([]byte(m.Of(logmark.Cookie).Random[7:19])):                          "session cookie hexadecimal piece",
		each(m.Of(logmark.Email).Random[:13], "&#%d;"):                                         "email address HTML entities piece",
		fmt.Sprintf("%d", []byte(m.Of(logmark.APIKey).Random[9:24])):                           "API key numbers of bytes piece",
	} {
		if diff := cmp.Diff([]string{want}, finds(search(t, s, "body: "+name+"..."))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestALineBreakHidesNothing(t *testing.T) {
	s := searcher(t)
	for _, marker := range markers(t).All() {
		if marker.Kind == logmark.CardNumber {
			continue
		}
		for pad := range 76 {
			var b bytes.Buffer
			w := quotedprintable.NewWriter(&b)
			_, _ = io.WriteString(w, strings.Repeat("x", pad)+marker.Random+strings.Repeat("y", 60)) // a buffer takes all
			_ = w.Close()
			if got := finds(search(t, s, b.String())); len(got) != 1 {
				t.Errorf("%s behind %d characters: %v in %q", marker.Kind, pad, got, b.String())
			}
		}
	}
}

func TestRequestIDsAreFoundInEachForm(t *testing.T) {
	s, m := searcher(t), markers(t)
	for i := range requests {
		r, err := m.Request(i)
		if err != nil {
			t.Fatal(err)
		}
		trace := strings.ReplaceAll(r.UUID, "-", "")
		var low uint64
		if _, err := fmt.Sscanf(trace[16:], "%x", &low); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			r.UUID, strings.ToUpper(r.UUID), r.Traceparent, "Mozilla/5.0 " + r.UserAgent, "/api?x=1&" + r.Query, trace, trace[16:],
			"Root=1-" + trace[:8] + "-" + trace[8:], fmt.Sprintf(`"dd.trace_id":"%d"`, low),
		} {
			seen := search(t, s, "request "+text+" done\n")
			if diff := cmp.Diff(map[int]bool{i: true}, seen.Requests); diff != "" || len(seen.Leaks) > 0 {
				t.Errorf("%q: %v (-want +got):\n%s", text, seen.Leaks, diff)
			}
		}
	}
	beyond, err := m.Request(requests)
	if err != nil {
		t.Fatal(err)
	}
	if seen := search(t, s, beyond.UUID); len(seen.Requests) > 0 {
		t.Errorf("a request that was not asked for: %v", seen.Requests)
	}
}

func TestNothingIsFoundInInnocence(t *testing.T) {
	s, m := searcher(t), markers(t)
	other, err := logmark.NewMarkers([]byte("the nonce of somebody else's run"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, marker := range other.All() {
		for _, disguise := range disguises(t) {
			text.WriteString(disguise(marker.Value) + "\n")
		}
	}
	for _, marker := range m.All() {
		// A hash gives nothing away, nor do the parts that all runs share.
		fmt.Fprintf(&text, "%x %s\n", sha256.Sum256([]byte(marker.Value)), strings.ReplaceAll(marker.Value, marker.Random, "***"))
	}
	text.WriteString("4111 1111 1111 1111 4242424242424242 4000000000000002 400000" + m.Of(logmark.CardNumber).Value[6:15] + "X")
	if seen := search(t, s, text.String()); len(seen.Leaks)+len(seen.Requests) > 0 {
		t.Errorf("%+v", seen)
	}
}

func TestNothingIsFoundInNoise(t *testing.T) {
	s := searcher(t)
	r := rand.NewChaCha8([32]byte{1})
	for name, log := range map[string]func() io.Reader{
		"bytes": func() io.Reader { return r },
		"base64": func() io.Reader {
			return encodedBy(r, func(w io.Writer) io.WriteCloser { return base64.NewEncoder(base64.StdEncoding, w) })
		},
		"hexadecimal": func() io.Reader {
			return encodedBy(r, func(w io.Writer) io.WriteCloser { return closing{hex.NewEncoder(w)} })
		},
		"digits": func() io.Reader { return encodedBy(r, func(w io.Writer) io.WriteCloser { return closing{digits{w}} }) },
		"logs":   func() io.Reader { return &endless{text: ordinary(8 << 20), left: 1 << 40} },
	} {
		seen, err := s.Search(t.Context(), io.LimitReader(log(), 64<<20))
		if err != nil || len(seen.Leaks)+len(seen.Requests) > 0 || seen.Bytes != 64<<20 {
			t.Errorf("%s: %v, %+v", name, err, seen)
		}
	}
}

// encodedBy gives noise in an encoding.
func encodedBy(noise io.Reader, encoder func(io.Writer) io.WriteCloser) io.Reader {
	plain := make([]byte, 16<<20)
	_, _ = io.ReadFull(noise, plain) // it never ends
	var b bytes.Buffer
	w := encoder(&b)
	_, _ = w.Write(plain) // a buffer takes all
	_ = w.Close()
	return &endless{text: b.Bytes(), left: 1 << 40}
}

type closing struct{ io.Writer }

func (closing) Close() error { return nil }

// digits writes bytes as decimal digits, one each.
type digits struct{ to io.Writer }

func (d digits) Write(b []byte) (int, error) {
	text := make([]byte, len(b))
	for i, c := range b {
		text[i] = '0' + c%10
	}
	return d.to.Write(text)
}

func TestMemoryIsBoundedHoweverLongALineIs(t *testing.T) {
	s := searcher(t)
	line := bytes.TrimSuffix(bytes.ReplaceAll(leaking(t, 1<<20), []byte("\n"), []byte(" ")), []byte(" "))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	seen, err := s.Search(t.Context(), &endless{text: line, left: 128 << 20})
	runtime.ReadMemStats(&after)
	if err != nil || len(seen.Leaks) == 0 {
		t.Fatal(err, seen)
	}
	// All that was ever allocated, not only what lived at once.
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 8<<20 {
		t.Errorf("%d bytes were allocated for a line of 128 MiB", allocated)
	}
	if places := len(seen.Leaks); places > 200 {
		t.Errorf("%d places are kept", places)
	}
}

func TestASearchThatIsCutShortTellsWhatItSaw(t *testing.T) {
	s, m := searcher(t), markers(t)
	broken := errors.New("connection reset")
	seen, err := s.Search(t.Context(), io.MultiReader(strings.NewReader("password="+m.Of(logmark.Password).Value), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || len(seen.Leaks) != 1 {
		t.Errorf("%v, %+v", err, seen)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Search(ctx, &endless{text: ordinary(1 << 20), left: 1 << 50}); !errors.Is(err, context.Canceled) {
		t.Errorf("a search goes on after its end: %v", err)
	}
}

func TestFindsAreCountedByPlace(t *testing.T) {
	s, m := searcher(t), markers(t)
	token := m.Of(logmark.Token).Value
	log := strings.Repeat(`{"headers":{"authorization":"Bearer `+token+`"}}`+"\n", 3) + "Authorization: Bearer " + token + "\n"
	want := map[logmark.Leak]int{
		{Kind: logmark.Token, Encoding: "as it is", Whole: true, Place: logmark.Place{Form: logmark.JSONField, Path: "headers.authorization", After: "Bearer"}}: 3,
		{Kind: logmark.Token, Encoding: "as it is", Whole: true, Place: logmark.Place{Form: logmark.Line, Path: "Authorization: Bearer"}}:                       1,
	}
	if diff := cmp.Diff(want, search(t, s, log).Leaks); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMorePlacesThanAreToldAreOne(t *testing.T) {
	s, cookie := searcher(t), markers(t).Of(logmark.Cookie).Value
	var log strings.Builder
	for c := 'a'; c <= 'z'; c++ {
		fmt.Fprintf(&log, "{\"field_%c\":%q}\n", c, cookie)
	}
	log.WriteString(strings.Repeat("sid="+cookie+"\n", 10000))
	seen := search(t, s, log.String())
	total := 0
	for n := range maps.Values(seen.Leaks) {
		total += n
	}
	elsewhere := logmark.Leak{Kind: logmark.Cookie, Encoding: "as it is", Whole: true, Place: logmark.Place{Form: logmark.Elsewhere}}
	if len(seen.Leaks) != 17 || seen.Leaks[elsewhere] < 10 || total != 10026 {
		t.Errorf("%d places, %d elsewhere, %d in all", len(seen.Leaks), seen.Leaks[elsewhere], total)
	}
}

func TestOnlySoManyFindsAreLocated(t *testing.T) {
	s, cookie := searcher(t), markers(t).Of(logmark.Cookie).Value
	seen := search(t, s, strings.Repeat("sid="+cookie+"\n", 5000)+"token="+cookie+"\n")
	first := logmark.Leak{Kind: logmark.Cookie, Encoding: "as it is", Whole: true, Place: logmark.Place{Form: logmark.LogfmtKey, Path: "sid"}}
	if diff := cmp.Diff(map[logmark.Leak]int{first: 5001}, seen.Leaks); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheFieldOfALongLineIsNotTold(t *testing.T) {
	s, cookie := searcher(t), markers(t).Of(logmark.Cookie).Value
	const kib = 1 << 10
	for length, want := range map[int]logmark.Place{
		16 * kib:  {Form: logmark.JSONField, Path: "sid"},
		40 * kib:  {Form: logmark.LongLine, After: "sid"},
		500 * kib: {Form: logmark.LongLine, After: "sid"},
		511 * kib: {Form: logmark.LongLine, After: "sid"},
		900 * kib: {Form: logmark.LongLine, After: "sid"},
	} {
		seen := search(t, s, `{"msg":"`+strings.Repeat("x", length)+`","sid":"`+cookie+`"}`)
		if len(seen.Leaks) != 1 || seen.Sorted()[0].Place != want {
			t.Errorf("%d: %v", length, seen.Leaks)
		}
	}
}
