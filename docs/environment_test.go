package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"souk/dev"
	"souk/router/gateway/config"
	"souk/subgraphs"
)

// docs/environment.md lists every environment variable that Souk and its libraries read, and no
// other.
func TestEveryEnvironmentVariableIsDocumented(t *testing.T) {
	page, err := os.ReadFile("environment.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string // names, and prefixes that end with *
	for _, match := range regexp.MustCompile("`([A-Z][A-Z0-9_]+\\*?)`").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, match[1])
	}
	read := ownVariables(t)
	if len(read) < 30 {
		t.Errorf("found only %d variables", len(read))
	}
	maps.Copy(read, libraryVariables(t))
	for _, variable := range slices.Sorted(maps.Keys(read)) {
		if !slices.ContainsFunc(documented, func(name string) bool { return covers(name, variable) }) {
			t.Errorf("docs/environment.md does not list %s, which %s reads", variable, read[variable])
		}
	}
	for _, name := range documented {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(read)), func(variable string) bool { return covers(name, variable) }) {
			t.Errorf("docs/environment.md lists %s, which nothing reads", name)
		}
	}
}

// covers reports whether a name or prefix on the page stands for a variable.
func covers(name, variable string) bool {
	prefix, isPrefix := strings.CutSuffix(name, "*")
	return name == variable || isPrefix && strings.HasPrefix(variable, prefix)
}

var (
	// reader is the name of a function that reads a variable, whose name is its first argument.
	reader = regexp.MustCompile(`(?i)^(getenv|lookupenv|lookup|get|getDefault)$`)
	// variableName is the form of names, and certainName that of names wherever they stand.
	variableName = regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)
	certainName  = regexp.MustCompile(`^(OTEL|SOUK)_[A-Z_]+$`)
)

// ownVariables returns the variables that Souk reads, with the places that read them.
func ownVariables(t *testing.T) map[string]string {
	t.Helper()
	read := map[string]string{}
	for _, path := range config.Keys() {
		key, err := config.Explain(path)
		if err != nil {
			t.Fatal(err)
		}
		if key.Environment != "" {
			read[key.Environment] = path
		}
	}
	for _, name := range dev.DatabaseNames() { // for souk sample
		read[strings.ToUpper(name)+"_DATABASE_URL"] = "cli/sample.go"
	}
	for _, name := range subgraphs.Names() {
		_, _ = subgraphs.EnvironmentFrom(name, func(variable string) (string, bool) { // it misses a database
			read[variable] = "the service " + name
			return "", false
		})
	}
	for dir, files := range sources(t) {
		if first, _, _ := strings.Cut(dir, "/"); !slices.Contains([]string{"cli", "dev", "internal", "jwks", "router", "subgraphs", "telemetry"}, first) || strings.HasSuffix(dir, "test") {
			continue
		}
		var parsed []*ast.File
		constants := map[string]string{}
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, file)
			addConstants(constants, file)
		}
		for _, file := range parsed {
			for _, variable := range variablesOf(t, dir, file, constants) {
				read[variable] = dir
			}
		}
	}
	return read
}

// addConstants adds the string constants of a file.
func addConstants(constants map[string]string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, value := range spec.Values {
			if text, ok := literal(value); ok && i < len(spec.Names) {
				constants[spec.Names[i].Name] = text
			}
		}
		return true
	})
}

// variablesOf returns the variables that a file reads. A call of package os must name its
// variable.
func variablesOf(t *testing.T, dir string, file *ast.File, constants map[string]string) (read []string) {
	t.Helper()
	ast.Inspect(file, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok {
			if text, ok := literal(e); ok && certainName.MatchString(text) {
				read = append(read, text)
			}
		}
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		name, fromOS := "", false
		switch f := call.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
			x, isIdent := f.X.(*ast.Ident)
			fromOS = isIdent && x.Name == "os"
		}
		if !reader.MatchString(name) {
			return true
		}
		text, known := literal(call.Args[0])
		if identifier, ok := call.Args[0].(*ast.Ident); !known && ok {
			text, known = constants[identifier.Name]
		}
		switch {
		case known && variableName.MatchString(text):
			read = append(read, text)
		case fromOS:
			t.Errorf("%s calls os.%s with a name that is computed; the test cannot check it", dir, name)
		}
		return true
	})
	return read
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// libraries are the packages that read variables which have an effect on Souk, and how these
// stand there.
var libraries = []struct{ path, name string }{
	{"runtime", `gogetenv\("([A-Z]+)"`},
	{"crypto/x509", `"(SSL_CERT_[A-Z]+)"`},
	{"vendor/golang.org/x/net/http/httpproxy", `"([A-Z]+_PROXY)"`},
	{"os", `Getenv\("(TMPDIR|XDG_CACHE_HOME)"`},
	{"time", `Getenv\("(TZ)"`},
	{"github.com/charmbracelet/colorprofile", `"(NO_COLOR)"`},
	{"github.com/jackc/pgx/v5/pgconn", `"(PG[A-Z]+)"`},
	{"go.opentelemetry.io", `"(OTEL_[A-Z_]+[A-Z])"`},
	{"github.com/minio/minio-go/v7/pkg/credentials", `"(AWS_[A-Z_]+)"`},
	{"oras.land/oras-go/v2/registry/remote/credentials", `"(DOCKER_CONFIG)"`},
}

// without are names in libraries that have no effect, with the reason.
var without = map[string]string{
	"AWS_ACCESS_KEY":     "the library also reads this old name of AWS_ACCESS_KEY_ID",
	"AWS_SECRET_KEY":     "the library also reads this old name of AWS_SECRET_ACCESS_KEY",
	"GOROOT":             "programs do not read Go's sources",
	"OTEL_EXPORTER_OTLP": "a prefix of names",

	"OTEL_GO_X_CARDINALITY_LIMIT":  "metrics come from a Prometheus registry, not from instruments of the SDK",
	"OTEL_METRICS_EXEMPLAR_FILTER": "metrics come from a Prometheus registry, not from instruments of the SDK",
}

// libraryVariables returns the variables that libraries read, with their packages.
func libraryVariables(t *testing.T) map[string]string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", `{{$p := .}}{{range .GoFiles}}{{$p.ImportPath}} {{$p.Dir}}/{{.}}{{"\n"}}{{end}}`, ".")
	command.Dir = top
	list, err := command.Output()
	if err != nil {
		t.Fatalf("listing the packages of the program: %v", err)
	}
	read := map[string]string{}
	for _, library := range libraries {
		name, before := regexp.MustCompile(library.name), len(read)
		for line := range strings.Lines(string(list)) {
			importPath, file, _ := strings.Cut(strings.TrimSpace(line), " ")
			if importPath != library.path && !strings.HasPrefix(importPath, library.path+"/") || !strings.Contains(path.Dir(library.path), ".") && importPath != library.path {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range name.FindAllStringSubmatch(string(text), -1) {
				if without[match[1]] == "" {
					read[match[1]] = importPath
				}
			}
		}
		if len(read) == before {
			t.Errorf("found no variables of %s", library.path)
		}
	}
	return read
}
