package config

import (
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"souk/router/internal/clientaddr"
	"souk/router/internal/yamlfile"
	"souk/router/subgraph"
)

// Check validates the complete configuration, after environment variables and
// flags are applied. The error is an [Errors]. The source provides the positions
// of keys in the file; it may be nil.
func (c *Config) Check(source *Source) error {
	problems := slices.Concat(c.check(source), c.checkCache(source), c.checkKeyStorage(source))
	if len(problems) > 0 {
		return problems.Sorted()
	}
	return nil
}

// checkCache finds the problem that the environment variable REDIS_URL can resolve.
func (c *Config) checkCache(source *Source) Errors {
	if response := c.CacheRedis(); !c.ResponseCache.Enabled || response.Configured() || source.Unread("redis", "response_cache.redis", "response_cache.enabled") {
		return nil
	}
	return Errors{source.Problem("response_cache.enabled",
		"response_cache.enabled needs redis.url or response_cache.redis.url, such as redis://localhost:6379, or the environment variable REDIS_URL")}
}

// check finds the problems that no environment variable can resolve. Values that could not
// be read, and combinations with them, have no further problem.
func (c *Config) check(source *Source) Errors {
	k := &checker{source: source}
	k.block(reflect.ValueOf(*c), "", false)
	add := func(wrong bool, key, message string, with ...string) {
		if wrong && !source.Unread(with...) {
			k.fail(key, "%s", message)
		}
	}
	c.contradictions(add)
	c.checkBounds(source, add)
	// souk dev replaces the default of admin.listen by a free address.
	given := source.Given("admin.listen") || source.Overridden("admin.listen")
	if given && !source.Unread("listen", "admin.listen") && sameAddress(c.Listen, c.Admin.Listen) {
		k.fail("admin.listen", "%s is %q, and %s is %q: both need the same port; choose another one", source.Name("admin.listen"), c.Admin.Listen, source.Name("listen"), c.Listen)
	}
	if !source.Unread("listen", "admin.listen", "health_check.listen") && (sameAddress(c.Listen, c.Health.Listen) || sameAddress(c.Admin.Listen, c.Health.Listen)) {
		k.fail("health_check.listen", "health_check.listen is %q, which is also the address of another port; choose another one, or leave it empty", c.Health.Listen)
	}
	if at := c.Subscriptions.Callback.Listen; !source.Unread("listen", "admin.listen", "health_check.listen", "subscriptions.callback.listen") && (sameAddress(c.Listen, at) || sameAddress(c.Admin.Listen, at) || sameAddress(c.Health.Listen, at)) {
		k.fail("subscriptions.callback.listen", "subscriptions.callback.listen is %q, which is also the address of another port; choose another one, or leave it empty", at)
	}
	if key := "supergraph.remote.url"; c.Supergraph.Remote.Configured() && source.Given("supergraph.file") && !source.Unread("supergraph.file", key) {
		k.fail(key, "%s and supergraph.file cannot both be set; remove one of them", key)
	}
	c.paths(k)
	c.cachedForAll(k)
	connections := map[string]Redis{"redis": c.Redis, "response_cache.redis": c.ResponseCache.Redis, "rate_limit.redis": c.RateLimit.Redis, "persisted_documents.redis": c.PersistedDocuments.Redis}
	for name, p := range c.EventSources.Providers {
		connections["event_sources.providers."+name+".redis"] = p.Redis
	}
	for key, r := range connections {
		if _, err := RedisOptions(r, nil); err != nil {
			if source.Overridden(key + ".url") {
				key += ".url"
			}
			k.fail(key, "%s: %v", source.Name(key), err)
		}
	}
	return k.problems
}

// minConsoleToken is the least length of the console's token. Twelve random letters and digits
// have 71 bits: too many to be guessed over a network.
const minConsoleToken = 12

// An addFunc adds a problem, if something is wrong, with the key to change. with are other
// keys that it depends on.
type addFunc func(wrong bool, key, message string, with ...string)

// contradictions adds the combinations of values that are invalid.
func (c *Config) contradictions(add addFunc) {
	c.CORS.check(add)
	c.Headers.check(add)
	c.Telemetry.check(add)
	_, own := c.ResponseExtensions["souk"]
	add(own, "response_extensions.souk", "response_extensions.souk: the router has a member of this name; choose another one in the subgraph, or leave it out")
	c.ExposeQueryPlan.check(c.Dev, add)
	c.Supergraph.Remote.check("supergraph.remote", add)
	if _, err := clientaddr.New(c.ClientAddress.TrustedProxies, c.ClientAddress.Header); err != nil {
		add(true, "client_address.trusted_proxies", fmt.Sprintf("client_address.trusted_proxies: %v", err), "client_address.header")
	}
	r := c.RateLimit
	add(c.Admin.Console.Enabled && c.Admin.Console.Token == "" && !c.Dev, "admin.console.token",
		"admin.console.enabled needs admin.console.token, such as ${env.SOUK_CONSOLE_TOKEN}; only development mode (dev) serves the console without a token", "admin.console.enabled", "dev")
	if n := len(c.Admin.Console.Token); n > 0 {
		add(n < minConsoleToken, "admin.console.token",
			fmt.Sprintf("admin.console.token has %d characters, but needs %d; use a random one, such as the output of openssl rand -hex 16", n, minConsoleToken))
	}
	add(strings.Contains(c.Admin.Console.Token, "${"), "admin.console.token",
		"admin.console.token has a reference that the router does not expand; use ${env.NAME}, or ${file.PATH} for the content of a file")
	c.PersistedDocuments.check(add)
	c.MCP.check(c.PersistedDocuments, add)
	c.EventSources.check(c.Redis, add)
	if name := c.ClientAddress.SubgraphHeader; name != "" {
		err := subgraph.CheckPropagated(name)
		add(err != nil || http.CanonicalHeaderKey(name) == "Authorization", "client_address.subgraph_header",
			fmt.Sprintf("client_address.subgraph_header: %q cannot carry the client address; choose another name, such as Souk-Client-Address", name))
	}
	add(c.CSRF.Enabled && len(c.CSRF.RequiredHeaders) == 0, "csrf.required_headers",
		"csrf.required_headers is empty; name a header or set csrf.enabled to false", "csrf.enabled")
	add(r.Enabled && r.By == "header" && r.Header == "", "rate_limit.by",
		"rate_limit.by is header, which requires rate_limit.header, such as X-API-Key", "rate_limit.enabled", "rate_limit.header")
	add(r.Enabled && r.Requests == 0 && len(r.Policies) == 0, "rate_limit.requests", "rate_limit.requests is 0; it must be 1 or more, or set rate_limit.enabled to false", "rate_limit.enabled", "rate_limit.policies")
	r.checkPolicies(add)
	checkRate(add, "rate_limit", r.Requests, r.Interval)
	c.Coprocessor.check(add)
	c.checkShared(add)
	c.TrafficShaping.checkTimeoutHeaders(add)
	add(r.Enabled && r.Interval == 0, "rate_limit.interval", "rate_limit.interval is 0s; it must be a duration, such as 1s", "rate_limit.enabled")
	add(r.RedisURL != "" && r.Redis.Configured(), "rate_limit.redis_url", "rate_limit.redis_url and rate_limit.redis cannot both be set", "rate_limit.redis")
	if r.RedisURL != "" {
		if _, err := RedisOptions(Redis{URL: r.RedisURL}, nil); err != nil {
			add(true, "rate_limit.redis_url", fmt.Sprintf("rate_limit.redis_url: %v", err))
		}
	}
	c.DemandControl.check(add)
	c.FileUploads.check(add)
	c.RequestExtensions.check(add)
	c.Subscriptions.check(add)
	c.Limits.check(add)
	c.Canary.check(c.Supergraph, add)
	c.OverrideSubgraphURLs.check("override_subgraph_urls", add)
	c.Canary.OverrideSubgraphURLs.check("canary.override_subgraph_urls", add)
	add(c.HTTP.Batching.Enabled && c.HTTP.Batching.MaxSize == 0, "http.batching.max_size", "http.batching.max_size is 0; it must be 1 or more", "http.batching.enabled")
	add(c.Authentication.JWT.Required && len(c.Authentication.JWT.JWKS) == 0, "authentication.jwt.required",
		"authentication.jwt.required needs a key set in authentication.jwt.jwks", "authentication.jwt.jwks")
	add(c.Coprocessor.Policies && (c.Coprocessor.URL == "" || !c.Coprocessor.Supergraph.Request.Context), "coprocessor.policies",
		"coprocessor.policies needs coprocessor.url and coprocessor.supergraph.request.context", "coprocessor.url", "coprocessor.supergraph.request.context")
	add(c.Coprocessor.Policies && !c.Authorization.Enabled, "coprocessor.policies", "coprocessor.policies needs authorization.enabled", "authorization.enabled")
	keys := c.Authentication.JWT.LastGoodKeys
	add(keys.Secret != "" && len(keys.Secret) < 16, "authentication.jwt.last_good_keys.secret",
		"authentication.jwt.last_good_keys.secret is shorter than 16 characters")
	for i, s := range c.Authentication.JWT.JWKS {
		at := fmt.Sprintf("authentication.jwt.jwks[%d]", i)
		add(s.URL == "" && s.File == "", at, at+" has no url and no file")
		add(s.URL != "" && s.File != "", at+".file", at+" has a url and a file; a key set has one of them")
		add(s.File != "" && len(s.Headers) > 0, at+".headers", at+".headers needs "+at+".url")
		add(s.File != "" && s.TLS != (ClientTLS{}), at+".tls", at+".tls needs "+at+".url")
		for name, value := range s.Headers {
			err := subgraph.CheckSet(name, value)
			add(err != nil, at+".headers."+name, fmt.Sprintf("%s.headers.%s: this header cannot be set: %v", at, name, err))
		}
	}
	for i, s := range c.Authentication.JWT.Sources {
		at := fmt.Sprintf("authentication.jwt.sources[%d]", i)
		add((s.Header == "") == (s.Cookie == ""), at, at+" must have either header or cookie")
		add(s.Scheme != "" && s.Header == "", at, at+".scheme needs "+at+".header")
		add(s.Cookie != "" && !httpguts.ValidHeaderFieldName(s.Cookie), at+".cookie", fmt.Sprintf("%s.cookie: %q is not the name of a cookie", at, s.Cookie))
	}
}

// checkPolicies adds the invalid policies.
func (r RateLimit) checkPolicies(add addFunc) {
	names := []string{"default"} // the limit of the block itself
	for i, p := range r.Policies {
		at := fmt.Sprintf("rate_limit.policies[%d]", i)
		add(p.Name == "", at, at+" has no name")
		add(p.Name != "" && slices.Contains(names, p.Name), at+".name", fmt.Sprintf("%s.name is %q, which another policy has; choose another", at, p.Name))
		names = append(names, p.Name)
		add(p.Requests == 0, at, at+" has no requests")
		add(p.Interval == 0, at, at+" has no interval")
		checkRate(add, at, p.Requests, p.Interval)
		add(p.By == "header" && p.Header == "", at+".by", at+".by is header, which requires "+at+".header, such as X-API-Key")
		add(p.By == "claim" && p.Claim == "", at+".by", at+".by is claim, which requires "+at+".claim, such as tenant")
	}
}

// sameAddress reports whether only one server can listen on two addresses. Port 0 is any free one.
func sameAddress(a, b string) bool {
	host, port, err := net.SplitHostPort(a)
	other, samePort, wrong := net.SplitHostPort(b)
	if err != nil || wrong != nil || port != samePort || port == "0" {
		return false
	}
	return host == other || slices.Contains(allInterfaces, host) || slices.Contains(allInterfaces, other)
}

// allInterfaces are hosts that stand for all addresses of the machine.
var allInterfaces = []string{"", "0.0.0.0", "::"}

// oneOrMore is the type of lists that may be written as one string.
var oneOrMore = reflect.TypeFor[yamlfile.OneOrMore]()

// A checker walks a configuration by reflection and checks each value against its
// struct tags.
type checker struct {
	source   *Source
	problems Errors
}

// fail adds a problem with the value at a path, if the value could be read.
func (k *checker) fail(path, format string, args ...any) {
	if k.source.Unread(path) {
		return
	}
	k.problems = append(k.problems, k.source.Problem(path, format, args...))
}

// block checks each field of v. single is set inside the blocks of single
// subgraphs, where a zero value is inherited and therefore not checked.
func (k *checker) block(v reflect.Value, path string, single bool) {
	fields := fieldsOf(v.Type())
	for i, f := range fields {
		name := strings.TrimPrefix(path+"."+f.key, ".")
		if f.requiredWith != "" && !v.Field(i).IsZero() {
			for j, other := range fields {
				if other.key == f.requiredWith && v.Field(j).IsZero() && !k.source.Unread(path+"."+other.key) {
					k.fail(name, "%s needs %s.%s", name, path, other.key)
				}
			}
		}
		k.value(v.Field(i), f.tags, name, single)
	}
}

func (k *checker) value(v reflect.Value, t tags, path string, single bool) {
	switch v.Kind() {
	case reflect.Struct:
		k.block(v, path, single)
		return
	case reflect.Pointer:
		if !v.IsNil() { // a value that is given, even if it is zero
			k.value(v.Elem(), t, path, false)
		}
		return
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			k.value(v.MapIndex(key), t, path+"."+key.String(), true)
		}
		return
	case reflect.Slice:
		if first := path + "[0]"; v.Type() == oneOrMore && v.Len() == 1 && !k.source.Given(first) {
			k.value(v.Index(0), t, path, single)
			return
		}
		for i := range v.Len() {
			k.value(v.Index(i), t, fmt.Sprintf("%s[%d]", path, i), true)
		}
		return
	}
	if single && v.IsZero() && !k.source.Given(path) {
		return
	}
	switch v.Kind() {
	case reflect.String:
		k.text(v.String(), t, path)
	case reflect.Int64, reflect.Int, reflect.Float64:
		k.number(v, t, path)
	}
}

// number checks a number or a duration against the tags min and max. The default
// minimum is 0.
func (k *checker) number(v reflect.Value, t tags, path string) {
	least, most := t.min, t.max
	if least == "" {
		least = "0"
	}
	is, low, high := amount(v), bound(v, least), 0.0
	if most != "" {
		high = bound(v, most)
	}
	if is >= low && (most == "" || is <= high) {
		return
	}
	want := least + " or more"
	if most != "" {
		want = "from " + least + " to " + most
	}
	k.fail(path, "%s is %v; it must be %s", path, v.Interface(), want)
}

func amount(v reflect.Value) float64 {
	if v.Kind() == reflect.Float64 {
		return v.Float()
	}
	return float64(v.Int())
}

// bound parses the value of a min or max tag in the unit of v.
func bound(v reflect.Value, text string) float64 {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil {
			panic("config: invalid duration in a struct tag: " + text) // a test parses every tag
		}
		return float64(d)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic("config: invalid number in a struct tag: " + text)
	}
	return f
}

// formats maps each value of the format tag to a description for messages and a
// check. Values with a port also have a function that returns it. Empty strings are
// not checked.
var formats = map[string]struct {
	wanted string
	fits   func(string) bool
	port   func(string) string
}{
	"address":    {"host:port, such as 127.0.0.1:4000 or :4000, or a Unix socket, such as unix:/run/souk.sock or unix:/run/souk.sock?mode=0660", isAddress, portOfAddress},
	"path":       {"a path that begins with /, such as /graphql, without wildcards and parameters", isPath, nil},
	"endpoint":   {"a path that begins with /, such as /graphql, with parameters for whole segments, such as /:tenant/graphql, or a * at its end, such as /graphql/*", isEndpoint, nil},
	"http":       {"a URL, such as http://localhost:4001/graphql", func(s string) bool { return isURL(s, "http", "https") }, portOfURL},
	"subgraph":   {"a URL, such as http://localhost:4001/graphql or unix:///run/products.sock?path=/graphql", isSubgraph, portOfURL},
	"jwks":       {"a URL, such as https://issuer.example/.well-known/jwks.json", func(s string) bool { return isURL(s, "http", "https") }, portOfURL},
	"stream":     {"a URL, such as ws://localhost:4001/graphql", func(s string) bool { return isURL(s, "http", "https", "ws", "wss") }, portOfURL},
	"pattern":    {"a regular expression, such as x-shop-.*", isPattern, nil},
	"name":       {"letters, digits, - and _, such as tenant", isName, nil},
	"method":     {"the name of an HTTP method in capitals, such as POST", isMethod, nil},
	"key_prefix": {"printable ASCII of at most 64 bytes without space and {}*?[], such as shop:", isKeyPrefix, nil},
	"header":     {"a header's name, such as X-API-Key", httpguts.ValidHeaderFieldName, nil},
	"date":       {"a date, such as 2026-01-15", isDate, nil},
	"remote":     {"an address such as https://graphs.example/supergraph.graphql, oci://registry.example/graphs/shop:production or s3://graphs/supergraph.graphql", isRemote, nil},
}

func (k *checker) text(s string, t tags, path string) {
	enum, format, name := t.enum, t.format, k.source.Name(path)
	switch {
	case enum != "":
		if known := strings.Split(enum, ","); !slices.Contains(known, s) {
			k.fail(path, "%s is %s; it must be one of %s", name, k.source.Shown(path, s), strings.Join(known, ", ")+switchedOff(path, s))
		}
	case s == "" && (t.empty == "no" || strings.HasSuffix(path, "]")): // an item of a list
		k.fail(path, "%s is empty", name)
	case format != "" && s != "":
		f := formats[format]
		switch port := f.port; {
		case !f.fits(s):
			k.fail(path, "%s is %s; it must be %s%s", name, k.source.Shown(path, withoutPassword(s)), f.wanted, bareReference(s))
		case port != nil && !isPort(port(s)):
			k.fail(path, "%s is %s; the port must be a number from 0 to 65535", name, k.source.Shown(path, withoutPassword(s)))
		}
	}
}

// switchedOff says how a limit is turned off, which is no mode.
func switchedOff(path, value string) string {
	mode := path == "limits.mode" || strings.HasPrefix(path, "limits.modes.")
	if !mode || !slices.Contains([]string{"off", "false", "none", "disabled"}, value) {
		return ""
	}
	limit := "limits.max_depth"
	if name, ok := strings.CutPrefix(path, "limits.modes."); ok {
		limit = "limits." + name
	}
	return "; a limit is off if it is 0, such as " + limit + ": 0"
}

var bare = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?`)

// bareReference says how to write a variable of the environment that is written as in a shell.
func bareReference(s string) string {
	if name := bare.FindStringSubmatch(s); name != nil {
		return "; the environment variable " + name[1] + " is written as ${env." + name[1] + "}"
	}
	return ""
}

var name = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func isName(s string) bool { return name.MatchString(s) }

func isMethod(s string) bool { return httpguts.ValidHeaderFieldName(s) && s == strings.ToUpper(s) }

func isAddress(s string) bool {
	if path, _, unix, err := UnixSocket(s); unix {
		return path != "" && err == nil
	}
	_, port, err := net.SplitHostPort(s)
	return err == nil && port != ""
}

// UnixSocket returns the path of a Unix socket in an address, unix:PATH or unix:PATH?mode=0660, and its
// mode, which is 0 if the address has none.
func UnixSocket(address string) (path string, mode fs.FileMode, unix bool, err error) {
	rest, unix := strings.CutPrefix(address, "unix:")
	path, query, given := strings.Cut(rest, "?")
	if !unix || !given {
		return path, 0, unix, nil
	}
	text, ok := strings.CutPrefix(query, "mode=")
	bits, err := strconv.ParseUint(text, 8, 32)
	if !ok || err != nil || bits == 0 || bits > 0o777 {
		return path, 0, true, fmt.Errorf("%q is not the mode of a Unix socket, such as mode=0660", query)
	}
	return path, fs.FileMode(bits), true, nil
}

func portOfAddress(s string) string {
	if strings.HasPrefix(s, "unix:") {
		return ""
	}
	_, port, _ := net.SplitHostPort(s)
	return port
}

// isPort reports whether s is a port number. An empty s means the default port of a URL.
func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return s == "" || err == nil && n >= 0 && n <= 65535
}

// isPath reports whether s is a normalized URL path without wildcards and parameters, which only the
// GraphQL endpoint has.
func isPath(s string) bool { return isBarePath(s) && !hasWildcard(s) }

// isBarePath reports whether s is a normalized URL path: it has no query, no dot
// segments, no percent-encoding and no wildcard of http.ServeMux.
func isBarePath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.ContainsAny(s, "{}?#%\\ \t\r\n") && strings.TrimSuffix(path.Clean(s), "/") == strings.TrimSuffix(s, "/")
}

func isURL(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme)
}

func isSubgraph(s string) bool {
	_, _, unix, err := subgraph.ParseUnixURL(s)
	return unix && err == nil || isURL(s, "http", "https")
}

func portOfURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Port()
}

// withoutPassword removes the user information from s if it is a URL, so that s
// can appear in a message.
func withoutPassword(s string) string {
	before, after, ok := strings.Cut(s, "://")
	if at := strings.LastIndex(after, "@"); ok && at >= 0 {
		return before + "://xxxxx" + after[at:]
	}
	return s
}
