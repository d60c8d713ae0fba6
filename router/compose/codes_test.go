package compose_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"souk/router/compose"
)

// neverReported are the codes that the rules of field sets allow, but do not report.
var neverReported = map[string]string{
	"KEY_FIELDS_MISSING_EXTERNAL": "the subgraph resolves the fields of its keys",
	"REQUIRES_FIELDS_HAS_ARGS":    "@requires may pass arguments",
}

// A codeReader collects the codes of errors from the source: the literals that become a
// parameter, a variable or a field named code.
type codeReader struct {
	parameter map[string]int // index of the parameter code, by function
	codes     map[string]bool
	prefixes  map[string]bool // of the codes of field sets
	suffixes  map[string]bool
}

// reportedCodes returns the codes of errors in the source of the package and of those
// below it.
func reportedCodes(t *testing.T) []string {
	t.Helper()
	var files []*ast.File
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		files = append(files, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &codeReader{map[string]int{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, visit := range []func(ast.Node) bool{r.function, r.use} {
		for _, file := range files {
			ast.Inspect(file, visit)
		}
	}
	for prefix := range r.prefixes {
		for suffix := range r.suffixes {
			if neverReported[prefix+suffix] == "" {
				r.codes[prefix+suffix] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(r.codes))
}

// function notes which parameter of a function is a code. The codes of hints are not those
// of errors.
func (r *codeReader) function(n ast.Node) bool {
	name, signature := "", (*ast.FuncType)(nil)
	switch n := n.(type) {
	case *ast.FuncDecl:
		name, signature = n.Name.Name, n.Type
	case *ast.AssignStmt:
		if literal, is := n.Rhs[0].(*ast.FuncLit); is {
			name, signature = nameOf(n.Lhs[0]), literal.Type
		}
	}
	if signature == nil || name == "hint" || name == "presence" {
		return true
	}
	index := 0
	for _, field := range signature.Params.List {
		for _, parameter := range field.Names {
			if parameter.Name == "code" {
				r.parameter[name] = index
			}
			index++
		}
	}
	return true
}

// use collects the codes that a node uses.
func (r *codeReader) use(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		if index, takes := r.parameter[nameOf(n.Fun)]; takes && index < len(n.Args) {
			r.literals(n.Args[index])
		}
	case *ast.AssignStmt:
		for i, to := range n.Lhs {
			if nameOf(to) == "code" && len(n.Rhs) == len(n.Lhs) {
				r.literals(n.Rhs[i])
			}
		}
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if (name.Name == "code" || strings.HasPrefix(name.Name, "Code")) && i < len(n.Values) {
				r.literals(n.Values[i])
			}
		}
	case *ast.CompositeLit:
		if nameOf(n.Type) != "Hint" {
			r.fields(n)
		}
	}
	return true
}

func (r *codeReader) fields(n *ast.CompositeLit) {
	for _, element := range n.Elts {
		field, is := element.(*ast.KeyValueExpr)
		switch {
		case !is:
			if nameOf(n.Type) == "codedError" {
				r.literals(n.Elts[0])
			}
		case strings.EqualFold(nameOf(field.Key), "code"):
			r.literals(field.Value)
		case nameOf(field.Key) == "prefix":
			if literal, is := field.Value.(*ast.BasicLit); is {
				r.prefixes[text(literal)] = true
			}
		}
	}
}

// literals adds the codes in an expression. A suffix that begins with "_" makes a code with
// each prefix.
func (r *codeReader) literals(e ast.Expr) {
	ast.Inspect(e, func(n ast.Node) bool {
		if literal, is := n.(*ast.BasicLit); is && literal.Kind == token.STRING {
			switch code := text(literal); {
			case strings.HasPrefix(code, "_"):
				r.suffixes[code] = true
			case strings.ToUpper(code) == code && code != "":
				r.codes[code] = true
			}
		}
		return true
	})
}

func text(literal *ast.BasicLit) string {
	value, _ := strconv.Unquote(literal.Value) // the parser has accepted it
	return value
}

// nameOf is the last name of an expression, or "".
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.StarExpr:
		return nameOf(e.X)
	}
	return ""
}

// Every error says what to do. A code in the source that has no suggestion has a case in
// testdata/rules, and there its errors have suggestions of their own.
func TestEveryCodeHasASuggestion(t *testing.T) {
	codes := reportedCodes(t)
	reported := map[string]bool{}
	for path, archive := range ruleArchives(t) {
		for _, r := range rules(t, archive) {
			_, err := compose.Compose(t.Context(), r.subgraphs)
			var problems compose.Errors
			errors.As(err, &problems)
			for _, p := range problems {
				reported[p.Code] = true
				if p.Suggestion == "" {
					t.Errorf("%s: %s: %v has no suggestion", path, r.name, p)
				}
				if !slices.Contains(codes, p.Code) {
					t.Errorf("%s: %s: %s is not found in the source", path, r.name, p.Code)
				}
			}
		}
	}
	for _, code := range codes {
		if !slices.Contains(compose.SuggestedCodes(), code) && !reported[code] {
			t.Errorf("%s has no suggestion", code)
		}
	}
	for _, code := range compose.SuggestedCodes() {
		if !slices.Contains(codes, code) {
			t.Errorf("there is a suggestion for %s, which no error has", code)
		}
	}
}
