package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var issuerConstant = regexp.MustCompile(`(?m)^\s*Issuer\s*=\s*"([^"]+)"`)

// checkTokens wants the router to accept the tokens that the gateway accepts, for the same
// audience and by the same keys, and both those that the user service issues, whose audience is
// their issuer.
func (c routerConfig) checkTokens(d Documents, sources string) error {
	if len(c.Authentication.JWT.JWKS) != 1 || c.Authorization != nil && c.Authorization.Enabled != nil && !*c.Authorization.Enabled {
		return errors.New("it accepts tokens of other issuers, or enforces nothing")
	}
	text, err := os.ReadFile(filepath.Join(sources, "subgraphs/internal/identity/authenticator.go"))
	if err != nil {
		return err
	}
	issued := issuerConstant.FindStringSubmatch(string(text))
	keys := c.Authentication.JWT.JWKS[0]
	if issued == nil || keys.Issuer != issued[1] || !slices.Equal(keys.Audiences, issued[1:]) {
		return fmt.Errorf("it accepts tokens of %s for %v; the user service issues others", keys.Issuer, keys.Audiences)
	}
	for _, document := range d.OfKind("RequestAuthentication") {
		if err := keys.checkGateway(document); err != nil {
			return err
		}
	}
	if keys.URL != "" && !wholeSecret.MatchString(c.Authentication.JWT.LastGoodKeys.Secret) {
		return errors.New("a router that starts while the user service is away knows no keys: authentication.jwt.last_good_keys.secret is not ${env.LAST_GOOD_KEYS_SECRET:-}")
	}
	return nil
}

// wholeSecret is a reference to a variable, which may be absent.
var wholeSecret = regexp.MustCompile(`^\$\{env\.\w+(:-)?\}$`)

// checkGateway wants the gateway to accept the same tokens, and to pass them on.
func (k keySet) checkGateway(document Document) error {
	own, err := url.Parse(k.URL)
	if err != nil {
		return err
	}
	rules, _, _ := unstructured.NestedSlice(document.Object, "spec", "jwtRules")
	if len(rules) != 1 {
		return fmt.Errorf("RequestAuthentication %s has %d rules", document.GetName(), len(rules))
	}
	rule, _ := rules[0].(map[string]any)
	there, err := url.Parse(fmt.Sprint(rule["jwksUri"]))
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(there.Hostname(), ".")
	audiences, _, _ := unstructured.NestedStringSlice(rule, "audiences")
	if rule["issuer"] != k.Issuer || !slices.Equal(audiences, k.Audiences) {
		return fmt.Errorf("it accepts tokens of %s for %v, and the gateway those of %v for %v", k.Issuer, k.Audiences, rule["issuer"], audiences)
	}
	if name != own.Hostname() || there.Port() != own.Port() || there.Path != own.Path || rule["forwardOriginalToken"] != true {
		return fmt.Errorf("it accepts tokens with the keys of %s, and the gateway passes on those with the keys of %s", own, there)
	}
	return nil
}

// checkOrigins wants no page of a stranger to send requests in the name of a caller, or to read
// the responses.
func (c routerConfig) checkOrigins() error {
	if c.CSRF != nil && c.CSRF.Enabled != nil && !*c.CSRF.Enabled {
		return errors.New("pages of other sites may send requests (csrf.enabled)")
	}
	for _, origin := range c.CORS.Origins {
		if !closedOrigin(origin) {
			return fmt.Errorf("pages of %q may read responses (cors.allow_origins)", origin)
		}
	}
	return nil
}

// checkOverrides wants the URL of a subgraph to be that of its service, or of any service if it
// is a subgraph of the operator.
func (c routerConfig) checkOverrides(d Documents) error {
	for name, urls := range c.Overrides {
		for _, text := range urls {
			if err := checkOverride(d, name, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkOverride(d Documents, name, text string) error {
	to, err := url.Parse(text)
	if err != nil {
		return err
	}
	if !slices.Contains(subgraphs(), name) {
		graph, err := d.supergraph(routerTimeouts{})
		if err != nil {
			return err
		}
		if slices.Contains(slices.Collect(maps.Values(graph.names)), name) && to.Hostname() != "" {
			return nil
		}
	}
	if !slices.Contains(subgraphs(), name) || to.Hostname() != name+"-service" || to.Path != "/graphql" {
		return fmt.Errorf("it calls %s at %q, which is not that service", name, text)
	}
	return nil
}

// A urlList is one URL, or a list.
type urlList []string

// UnmarshalJSON implements [json.Unmarshaler].
func (l *urlList) UnmarshalJSON(text []byte) error {
	var one string
	if err := json.Unmarshal(text, &one); err == nil {
		*l = urlList{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// headerRules are rules of the headers that subgraphs receive. Those that remove headers or set
// values need a check first.
type headerRules struct {
	Propagate        []string
	Rename, Defaults map[string]string
	Return           any
}

var tokenHeader = regexp.MustCompile(`ServiceTokenHeader = "([^"]+)"`)

// checkHeaders wants the services to get the token of the caller, and no header of a client in
// place of those by which they trust the router and each other.
func (c routerConfig) checkHeaders(sources string) error {
	text, err := os.ReadFile(filepath.Join(sources, "subgraphs/internal/identity/authenticator.go"))
	if err != nil {
		return err
	}
	token := tokenHeader.FindStringSubmatch(string(text))
	if token == nil {
		return errors.New("the services have no header for the token between them")
	}
	same := func(name string) func(string) bool {
		return func(other string) bool { return strings.EqualFold(name, other) }
	}
	if all := c.Headers.All.Propagate; all != nil && !slices.ContainsFunc(all, same("Authorization")) {
		return fmt.Errorf("the services do not get the tokens of callers (headers.all.propagate has only %v)", all)
	}
	for _, rules := range append(slices.Collect(maps.Values(c.Headers.Subgraphs)), c.Headers.All) {
		for _, name := range slices.Concat(rules.Propagate, slices.Collect(maps.Values(rules.Rename)), slices.Collect(maps.Keys(rules.Defaults))) {
			if same(token[1])(name) || same(c.ClientAddress.SubgraphHeader)(name) {
				return fmt.Errorf("clients may send %s to the services (headers)", name)
			}
		}
		for _, name := range slices.Collect(maps.Values(rules.Rename)) {
			if same("Authorization")(name) {
				return errors.New("the services get another header as the token of the caller (headers)")
			}
		}
	}
	return nil
}

// checkLog wants a log that programs read, with what went wrong.
func (c routerConfig) checkLog() error {
	if l := c.Log; !slices.Contains([]string{"", "debug", "info", "warn"}, l.Level) || l.Format != "" && l.Format != "json" {
		return fmt.Errorf("its log has the level %q and the format %q", l.Level, l.Format)
	}
	return nil
}
