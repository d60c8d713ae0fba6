package config

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"souk/router/internal/clientaddr"
)

// Check finds what is wrong with a configuration as a whole, after the
// environment and the command line have had their say. The error is an
// [Errors]; the source, which may be nil, gives the places.
func (c *Config) Check(source *Source) error {
	problems := c.check(source)
	if c.ResponseCache.Enabled && !c.ResponseCache.Redis.Configured() {
		problems = append(problems, source.Problem("response_cache.enabled",
			"response_cache.enabled needs response_cache.redis.url, such as redis://localhost:6379, or the environment variable REDIS_URL"))
	}
	if len(problems) > 0 {
		return problems.sorted()
	}
	return nil
}

// check finds values that cannot be meant, whatever the environment adds.
func (c *Config) check(source *Source) Errors {
	k := &checker{source: source}
	k.block(reflect.ValueOf(*c), "", false)
	for key, message := range c.contradictions() {
		k.problems = append(k.problems, source.Problem(key, "%s", message))
	}
	k.problems = append(k.problems, c.paths(source)...)
	k.problems = append(k.problems, c.cachedForAll(source)...)
	for key, r := range map[string]Redis{"response_cache.redis": c.ResponseCache.Redis, "rate_limit.redis": c.RateLimit.Redis} {
		if _, err := r.Options(); err != nil {
			k.problems = append(k.problems, source.Problem(key, "%s: %v", key, err))
		}
	}
	return k.problems
}

// contradictions are values that do not go with each other, by the key to
// change.
func (c *Config) contradictions() map[string]string {
	found := map[string]string{}
	add := func(wrong bool, key, message string) {
		if wrong {
			found[key] = message
		}
	}
	for key, message := range map[string]string{"cors": c.CORS.problem(), "headers": c.Headers.problem()} {
		add(message != "", key, message)
	}
	if _, err := clientaddr.New(c.ClientAddress.TrustedProxies, c.ClientAddress.Header); err != nil {
		found["client_address.trusted_proxies"] = fmt.Sprintf("client_address.trusted_proxies: %v", err)
	}
	r := c.RateLimit
	add(c.PersistedDocuments.Require && c.PersistedDocuments.Path == "", "persisted_documents.require",
		"persisted_documents.require needs persisted_documents.path")
	add(c.CSRF.Enabled && len(c.CSRF.RequiredHeaders) == 0, "csrf.required_headers",
		"csrf.required_headers is empty; name a header or set csrf.enabled to false")
	add(r.Enabled && r.By == "header" && r.Header == "", "rate_limit.by",
		"rate_limit.by is header, which needs rate_limit.header, such as X-API-Key")
	add(r.Enabled && r.Requests == 0, "rate_limit.requests", "rate_limit.requests is 0; it must be 1 or more, or rate_limit.enabled false")
	add(r.Enabled && r.Interval == 0, "rate_limit.interval", "rate_limit.interval is 0s; it must be a duration, such as 1s")
	add(r.RedisURL != "" && r.Redis.Configured(), "rate_limit.redis_url", "rate_limit.redis_url and rate_limit.redis cannot be given together")
	if r.RedisURL != "" {
		if _, err := (Redis{URL: r.RedisURL}).Options(); err != nil {
			found["rate_limit.redis_url"] = fmt.Sprintf("rate_limit.redis_url: %v", err)
		}
	}
	add(c.DemandControl.Enabled && c.DemandControl.Max == 0, "demand_control.max",
		"demand_control.max is 0, which refuses every operation; it must be more than 0")
	add(c.HTTP.Batching.Enabled && c.HTTP.Batching.MaxSize == 0, "http.batching.max_size", "http.batching.max_size is 0; it must be 1 or more")
	add(c.Authentication.JWT.Required && len(c.Authentication.JWT.JWKS) == 0, "authentication.jwt.required",
		"authentication.jwt.required needs a key set in authentication.jwt.jwks")
	for i, s := range c.Authentication.JWT.JWKS {
		add(s.URL == "", fmt.Sprintf("authentication.jwt.jwks[%d]", i), fmt.Sprintf("authentication.jwt.jwks[%d] has no url", i))
	}
	return found
}

// A checker walks a configuration by its types and looks at each value.
type checker struct {
	source   *Source
	problems Errors
}

func (k *checker) fail(path, format string, args ...any) {
	k.problems = append(k.problems, k.source.Problem(path, format, args...))
}

// block looks at each field of v. In the blocks of single subgraphs, what is
// left out is taken from elsewhere.
func (k *checker) block(v reflect.Value, path string, single bool) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := strings.TrimPrefix(path+"."+f.Tag.Get("yaml"), ".")
		if with := f.Tag.Get("required_with"); with != "" && !v.Field(i).IsZero() {
			for j := range v.NumField() {
				if v.Type().Field(j).Tag.Get("yaml") == with && v.Field(j).IsZero() {
					k.fail(name, "%s needs %s.%s", name, path, with)
				}
			}
		}
		k.value(v.Field(i), f.Tag, name, single)
	}
}

func (k *checker) value(v reflect.Value, tag reflect.StructTag, path string, single bool) {
	switch v.Kind() {
	case reflect.Struct:
		k.block(v, path, single)
		return
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			k.value(v.MapIndex(key), tag, path+"."+key.String(), true)
		}
		return
	case reflect.Slice:
		for i := range v.Len() {
			k.value(v.Index(i), tag, fmt.Sprintf("%s[%d]", path, i), true)
		}
		return
	}
	if single && v.IsZero() && !k.source.Given(path) {
		return
	}
	switch v.Kind() {
	case reflect.String:
		k.text(v.String(), tag, path)
	case reflect.Int64, reflect.Int, reflect.Float64:
		k.number(v, tag, path)
	}
}

// number looks at a number or a duration. It must not be negative unless the
// tag min says otherwise.
func (k *checker) number(v reflect.Value, tag reflect.StructTag, path string) {
	least, most := tag.Get("min"), tag.Get("max")
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

// bound reads the value of a tag in the unit of v.
func bound(v reflect.Value, text string) float64 {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil {
			panic("config: a tag has the duration " + text) // a test walks all of them
		}
		return float64(d)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic("config: a tag has the number " + text)
	}
	return f
}

// formats are the values of the tag format: what a text must look like, unless
// it is empty, and whether it does.
var formats = map[string]struct {
	wanted string
	fits   func(string) bool
}{
	"address": {"host:port, such as 127.0.0.1:4000 or :4000", isAddress},
	"path":    {"a path that begins with /, such as /graphql", isPath},
	"http":    {"a URL, such as http://localhost:4001/graphql", func(s string) bool { return isURL(s, "http", "https") }},
	"jwks":    {"a URL, such as https://issuer.example/.well-known/jwks.json", func(s string) bool { return isURL(s, "http", "https") }},
	"stream":  {"a URL, such as ws://localhost:4001/graphql", func(s string) bool { return isURL(s, "http", "https", "ws", "wss") }},
	"header":  {"a header's name, such as X-API-Key", httpguts.ValidHeaderFieldName},
}

func (k *checker) text(s string, tag reflect.StructTag, path string) {
	enum, format := tag.Get("enum"), tag.Get("format")
	switch {
	case enum != "":
		if known := strings.Split(enum, ","); !slices.Contains(known, s) {
			k.fail(path, "%s is %q; it must be one of %s", path, s, strings.Join(known, ", "))
		}
	case s == "" && (tag.Get("empty") == "no" || strings.HasSuffix(path, "]")): // an item of a list
		k.fail(path, "%s is empty", path)
	case format != "" && s != "" && !formats[format].fits(s):
		k.fail(path, "%s is %q; it must be %s", path, withoutPassword(s), formats[format].wanted)
	}
}

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 0 && n <= 65535
}

// isPath reports whether s is a path that requests can have and that has no
// other form: no query, no dots, none of the characters that stand for others.
func isPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.ContainsAny(s, "{}?#%\\ \t\r\n") && strings.TrimSuffix(path.Clean(s), "/") == strings.TrimSuffix(s, "/")
}

func isURL(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme)
}

// withoutPassword is a text that may be a URL, for messages.
func withoutPassword(s string) string {
	before, after, ok := strings.Cut(s, "://")
	if at := strings.LastIndex(after, "@"); ok && at >= 0 {
		return before + "://xxxxx" + after[at:]
	}
	return s
}
