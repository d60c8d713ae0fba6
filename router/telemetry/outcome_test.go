package telemetry_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"souk/router/telemetry"
)

func TestErrorsOfClientsAreNoFailures(t *testing.T) {
	blame := telemetry.NewBlame("OUT_OF_STOCK")
	for _, test := range []struct {
		codes []string
		null  bool
		want  telemetry.Outcome
	}{
		{want: telemetry.Data},
		{codes: []string{"BAD_USER_INPUT"}, null: true, want: telemetry.ClientErrors},
		{codes: []string{"UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND"}, want: telemetry.ClientErrors},
		{codes: []string{"OUT_OF_STOCK"}, null: true, want: telemetry.ClientErrors},
		{codes: []string{"TOTAL_CHANGED"}, null: true, want: telemetry.Errors}, // nobody says that it is the client's
		{codes: []string{""}, null: true, want: telemetry.Errors},
		{codes: []string{"INTERNAL_SERVER_ERROR"}, null: true, want: telemetry.Errors},
		{codes: []string{"DOWNSTREAM_SERVICE_ERROR"}, want: telemetry.Partial},
		{codes: []string{"NOT_FOUND", "SUBREQUEST_TIMEOUT"}, null: true, want: telemetry.Errors},
		{codes: []string{"NOT_FOUND", "SUBREQUEST_TIMEOUT"}, want: telemetry.Partial},
		{codes: []string{"AUTHENTICATION_UNAVAILABLE"}, null: true, want: telemetry.Errors},
	} {
		if got := blame.Outcome(test.codes, test.null); got != test.want {
			t.Errorf("%q, null %t: got %s, want %s", test.codes, test.null, got, test.want)
		}
	}
}

// failures are the codes that tell of a failure of the router or of a subgraph.
var failures = []string{
	"AUTHENTICATION_UNAVAILABLE", "AUTHORIZATION_UNAVAILABLE", "CIRCUIT_BREAKER_OPEN", "SUBGRAPH_OVERLOADED", "COPROCESSOR_FAILED", "DOWNSTREAM_SERVICE_ERROR",
	"GATEWAY_TIMEOUT", "INTERNAL_SERVER_ERROR", "OVERLOADED", "QUERY_PLANNING_FAILED", "RESPONSE_TIMEOUT", "RESPONSE_VALIDATION_FAILED",
	"REQUEST_CANCELED", // from a subgraph that the router still waits for: it ended the request itself
	"REQUEST_TIMEOUT",  // from a subgraph: the router responds so before there is an operation
	"SERVICE_UNAVAILABLE", "SHUTTING_DOWN", "SUBREQUEST_HTTP_ERROR", "SUBREQUEST_MALFORMED_RESPONSE", "SUBREQUEST_REJECTED", "SUBREQUEST_TIMEOUT",
	"EVENTS_LOST",      // by the broker, or by a client that was away too long
	"TOO_MANY_STREAMS", // of all clients
	"TOO_MANY_TOPICS",  // of all clients
	"UNAVAILABLE",
}

// words are no codes, although they look like some: environment variables and values of enums.
var words = []string{
	"ADMIN_EMAIL", "ADMIN_PASSWORD", "ADMIN_USERNAME", "AUTH_MODE", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
	"DATABASE_URL", "DOCKER_CONFIG", "DRAIN_DELAY", "DRAIN_TIMEOUT", "EVENTS_TOKEN", "IMAGE_BASE_URL", "JWT_PRIVATE_KEY", "LOG_FORMAT", "LOG_LEVEL",
	"MAIL_FROM", "PAYMENT_API_KEY", "PAYMENT_URL", "REDIS_URL", "ROUTER_ADMIN_LISTEN", "ROUTER_LISTEN", "SERVICE_TOKEN", "SMS_WEBHOOK_SECRET",
	"SMS_WEBHOOK_URL", "SOUK_PLAN_TOKEN", "SMTP_URL", "SUPERGRAPH_FILE_PATH",
	"INPUT_OBJECT", "NON_NULL", "PRICE_ASC", "PRICE_DESC",
}

// Every code that the router, the store's subgraphs or gqlgen can send is either the client's or
// a failure. The store's own are in the configurations of the store.
func TestEveryCodeIsClassified(t *testing.T) {
	store := configuredCodes(t, "../../manifests/08-api-gateway.yaml", `client_error_codes: \[(.*)\]`)
	if dev := configuredCodes(t, "../../dev/router.go", `ClientErrorCodes = \[\]string\{(.*)\}`); !slices.Equal(store, dev) {
		t.Errorf("the manifests have the codes %q, souk dev has %q", store, dev)
	}
	blame := telemetry.NewBlame(store...)
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/99designs/gqlgen").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, dir := range []string{"..", "../../subgraphs", filepath.Join(strings.TrimSpace(string(module)), "graphql")} {
		sourceCodes(t, dir, found)
	}
	for code, file := range found {
		_, client := blame[code]
		switch failure := slices.Contains(failures, code); {
		case slices.Contains(words, code):
		case client && failure:
			t.Errorf("%s is both the client's and a failure", code)
		case !client && !failure:
			t.Errorf("%s of %s is neither the client's nor a failure: add it to clientCodes, failures or, if it is no code, words", code, file)
		}
	}
	for _, code := range slices.Concat(failures, words, store, []string{"LIST_TOO_LONG", "COMPLEXITY_LIMIT_EXCEEDED", "SUBSCRIPTION_SESSION_ENDED", "CONFLICT"}) {
		if found[code] == "" {
			t.Errorf("no file has %s", code)
		}
	}
}

func configuredCodes(t *testing.T, file, pattern string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(pattern).FindSubmatch(text)
	if list == nil {
		t.Fatalf("%s has no codes of clients' errors", file)
	}
	return regexp.MustCompile(`\w+`).FindAllString(string(list[1]), -1)
}

var (
	severalWords = regexp.MustCompile(`^[A-Z]+(_[A-Z]+)+$`)
	oneWord      = regexp.MustCompile(`^[A-Z]{4,}$`)
	codeInJSON   = regexp.MustCompile(`"code": ?"([A-Z_]+)"`)
)

// sourceCodes adds the codes in the Go files of a directory to found, with a file. Those of
// composition are in no response. Words with an underscore count everywhere, others only where
// something is named code, or its method Code returns them.
func sourceCodes(t *testing.T, dir string, found map[string]string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == "../compose" || entry.Name() == "node_modules" || entry.Name() == "testdata"):
			return fs.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || path == "outcome.go" || path == "../telemetry/outcome.go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		if ast.IsGenerated(file) {
			return nil
		}
		ast.Inspect(file, func(n ast.Node) bool {
			for _, text := range literal(n) {
				if m := codeInJSON.FindStringSubmatch(text); m != nil {
					found[m[1]] = path
				} else if severalWords.MatchString(text) {
					found[text] = path
				}
			}
			for _, part := range namedCode(n) {
				ast.Inspect(part, func(n ast.Node) bool {
					for _, text := range literal(n) {
						if oneWord.MatchString(text) {
							found[text] = path
						}
					}
					return true
				})
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// literal returns the text of a string literal.
func literal(n ast.Node) []string {
	if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
		if text, err := strconv.Unquote(l.Value); err == nil {
			return []string{text}
		}
	}
	return nil
}

var codeName = regexp.MustCompile(`^([cC]ode|Reason$)|Code$`)

// namedCode returns the parts of a node that are the value of a code.
func namedCode(n ast.Node) []ast.Node {
	var parts []ast.Node
	switch n := n.(type) {
	case *ast.FuncDecl:
		if codeName.MatchString(n.Name.Name) && n.Body != nil {
			parts = append(parts, n.Body)
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && codeName.MatchString(key.Name) {
			parts = append(parts, n.Value)
		}
	case *ast.ValueSpec:
		for i, value := range n.Values {
			if codeName.MatchString(n.Names[i].Name) {
				parts = append(parts, value)
			}
		}
	}
	return parts
}
