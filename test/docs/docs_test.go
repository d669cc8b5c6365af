// Copyright The LaunchReady Authors.
// SPDX-License-Identifier: Apache-2.0

// Package docs_test holds the pages to the code: what they name exists, and what a user meets is on a page. It reads
// files alone, and must not judge how a page is written.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/launchready/launchready/api/v1alpha1"
)

// root is the repository's folder, from docs, where these tests look around.
const root = ".."

// lookAround goes to docs. Each test does so itself: from what happens before the tests, go does not know which files they
// read, and would take an old result for theirs.
func lookAround(t *testing.T) {
	t.Helper()
	t.Chdir(filepath.Join("..", "..", "docs"))
}

func TestEveryReasonIsOnAPage(t *testing.T) {
	lookAround(t)
	reasons := reasonsOfTheAPI(t)
	pages := read(t, "conditions.md")
	for _, path := range glob(t, "rows/*.md") {
		pages += read(t, path)
	}
	for name, reason := range reasons {
		if !strings.Contains(pages, "`"+reason+"`") {
			t.Errorf("reason %q (%s) is neither in docs/conditions.md nor on a page of a row", reason, name)
		}
	}
}

func TestPageOfConditionsNamesNoOtherReason(t *testing.T) {
	lookAround(t)
	var known []string
	for _, reason := range reasonsOfTheAPI(t) {
		known = append(known, reason)
	}
	firstCell := regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|")
	cells := firstCell.FindAllStringSubmatch(read(t, "conditions.md"), -1)
	if len(cells) == 0 {
		t.Fatal("docs/conditions.md has no table of reasons")
	}
	for _, cell := range cells {
		if !slices.Contains(known, cell[1]) {
			t.Errorf("docs/conditions.md names the reason %q, which api/v1alpha1/conditions.go does not", cell[1])
		}
	}
}

func TestEveryFlagOfTheManagerIsOnAPage(t *testing.T) {
	lookAround(t)
	flags := flagsOfTheManager(t)
	page := read(t, "reference/manager.md")
	for _, name := range flags {
		if !strings.Contains(page+read(t, "install.md"), "`--"+name+"`") {
			t.Errorf("flag --%s is neither in docs/reference/manager.md nor in docs/install.md", name)
		}
	}
	for _, cell := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)`").FindAllStringSubmatch(page, -1) {
		if !slices.Contains(flags, cell[1]) {
			t.Errorf("docs/reference/manager.md names the flag --%s, which the manager does not have", cell[1])
		}
	}
}

func TestRelativeLinksLeadSomewhere(t *testing.T) {
	lookAround(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	checked := 0
	for _, path := range markdown(t) {
		for _, found := range link.FindAllStringSubmatch(withoutCode(read(t, path)), -1) {
			target, err := url.Parse(found[1])
			if err != nil {
				t.Errorf("%s: link %q: %v", path, found[1], err)
				continue
			}
			if target.Scheme == "" && target.Host == "" {
				checked++
				follow(t, path, target)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d relative links were found: the pages have more, so the search is broken", checked)
	}
}

// follow fails the test if a relative link leads to no file, or to no heading of it.
func follow(t *testing.T, from string, target *url.URL) {
	t.Helper()
	to := from
	if target.Path != "" {
		to = filepath.Join(filepath.Dir(from), filepath.FromSlash(target.Path))
	}
	if _, err := os.Stat(to); err != nil { //nolint:gosec // the path comes from a page of this repository
		t.Errorf("%s: link %q leads to no file", from, target)
		return
	}
	if target.Fragment != "" && !slices.Contains(anchors(read(t, to)), target.Fragment) {
		t.Errorf("%s: link %q leads to no heading of %s", from, target, to)
	}
}

func TestExamplesOfOurResourcesAreTakenStrictly(t *testing.T) {
	lookAround(t)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^[ ]*```yaml\n(.*?)^[ ]*```")
	checked := 0
	for _, path := range markdown(t) {
		for _, found := range block.FindAllStringSubmatch(read(t, path), -1) {
			for _, document := range regexp.MustCompile(`(?m)^---$`).Split(found[1], -1) {
				if !strings.Contains(document, "apiVersion: "+v1alpha1.GroupVersion.Group+"/") {
					continue
				}
				checked++
				if err := takeStrictly(scheme, document); err != nil {
					t.Errorf("%s: %v in\n%s", path, err, document)
				}
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d examples were found: the pages have more, so the search is broken", checked)
	}
}

// takeStrictly reads a document into the type of its kind, as an API server with strict field validation would.
func takeStrictly(scheme *runtime.Scheme, document string) error {
	var identity struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal([]byte(document), &identity); err != nil {
		return err
	}
	obj, err := scheme.New(schema.FromAPIVersionAndKind(identity.APIVersion, identity.Kind))
	if err != nil {
		return err
	}
	return yaml.UnmarshalStrict([]byte(document), obj)
}

// reasonsOfTheAPI gives the values of the constants Reason* by name.
func reasonsOfTheAPI(t *testing.T) map[string]string {
	t.Helper()
	reasons := map[string]string{}
	ast.Inspect(parsed(t, "api/v1alpha1/conditions.go"), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			if strings.HasPrefix(name.Name, "Reason") && i < len(spec.Values) {
				reasons[name.Name] = literal(t, spec.Values[i])
			}
		}
		return true
	})
	if len(reasons) < 30 {
		t.Fatalf("only %d reasons were found in the API: it has more, so the search is broken", len(reasons))
	}
	return reasons
}

// flagsOfTheManager gives the names that the manager's command registers: the second argument of f.StringVar and the like.
func flagsOfTheManager(t *testing.T) []string {
	t.Helper()
	var flags []string
	find := func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 4 {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if ok && (strings.HasSuffix(method.Sel.Name, "Var") || strings.HasSuffix(method.Sel.Name, "VarP")) {
			flags = append(flags, literal(t, call.Args[1]))
		}
		return true
	}
	ast.Inspect(parsed(t, "cmd/launchready/manager.go"), find)
	ast.Inspect(parsed(t, "cmd/launchready/edge.go"), find)
	if !slices.Contains(flags, "namespace") {
		t.Fatalf("the manager's flags were not found, only %q", flags)
	}
	return flags
}

func parsed(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func literal(t *testing.T, e ast.Expr) string {
	t.Helper()
	basic, ok := e.(*ast.BasicLit)
	if !ok {
		t.Fatalf("%T where a string was expected: teach this test about it", e)
	}
	text, err := strconv.Unquote(basic.Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// markdown gives the pages of this folder, and those of the repository's own folder.
func markdown(t *testing.T) []string {
	t.Helper()
	pages := glob(t, filepath.Join(root, "*.md"))
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no file is called %s", pattern)
	}
	return paths
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path) //nolint:gosec // the path comes from a page of this repository
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// withoutCode leaves out what is code, where brackets mean something else.
func withoutCode(text string) string {
	text = regexp.MustCompile("(?ms)^[ ]*```.*?^[ ]*```").ReplaceAllString(text, "")
	return regexp.MustCompile("`[^`\n]*`").ReplaceAllStringFunc(text, func(code string) string {
		return strings.NewReplacer("](", "").Replace(code)
	})
}

// anchors gives the anchors of a page's headings, as GitHub makes them: lower case, spaces as hyphens, punctuation gone.
func anchors(text string) []string {
	var found []string
	for _, heading := range regexp.MustCompile(`(?m)^#{1,6} +(.+)$`).FindAllStringSubmatch(withoutCode(text), -1) {
		found = append(found, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, strings.TrimSpace(heading[1])))
	}
	return found
}
