package verify

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// routerConfig are the keys of router.yaml that the store sets. Another one needs a check of its
// values first: checkRouter refuses it.
type routerConfig struct {
	Version string
	Listen  string
	Admin   struct {
		Listen string
		Bundle any `json:"debug_bundle"`
	}
	Log     struct{ Level, Format string }
	Headers struct {
		All       headerRules
		Subgraphs map[string]headerRules
	}
	Limits struct {
		Connections *int64 `json:"http_max_connections"`
	}
	Introspection any
	Playground    struct{ Enabled any }
	Supergraph    struct {
		File      string
		HotReload bool   `json:"hot_reload"`
		Wait      string `json:"wait_for_subgraphs"`
	}
	Overrides     map[string]urlList `json:"override_subgraph_urls"`
	Errors        struct{ All bool } `json:"include_subgraph_errors"`
	Shaping       trafficShaping     `json:"traffic_shaping"` // CheckTimeouts
	Subscriptions struct {
		MaxConnections int64 `json:"max_connections"`
	}
	ClientAddress struct {
		TrustedProxies []string `json:"trusted_proxies"`
		SubgraphHeader string   `json:"subgraph_header"`
	} `json:"client_address"`
	RateLimit struct {
		Enabled      bool
		By, Interval string
		Requests     int64
		Redis        struct{ URL string }
	} `json:"rate_limit"`
	Demand struct {
		Enabled, Measure bool
		Max              float64
	} `json:"demand_control"`
	Authentication struct {
		JWT struct {
			JWKS         []keySet
			LastGoodKeys struct{ Secret string } `json:"last_good_keys"`
		}
	}
	Authorization *struct{ Enabled *bool }
	CSRF          *struct{ Enabled *bool }
	CORS          struct {
		Origins     []string `json:"allow_origins"`
		Credentials bool     `json:"allow_credentials"`
		// What a page of such an origin may send, and for how long a browser remembers that, is of no harm.
		Methods []string `json:"allow_methods"`
		Headers []string `json:"allow_headers"`
		MaxAge  string   `json:"max_age"`
	}
	Cache     responseCache `json:"response_cache"`
	Telemetry struct {
		ServiceName string   `json:"service_name"`
		ClientCodes []string `json:"client_error_codes"`
	}
}

// trafficShaping has the limits of requests, and of those to subgraphs.
// timeoutHeader is what the services read how long a caller still waits from.
const timeoutHeader = "Souk-Timeout-Ms"

type trafficShaping struct {
	Router struct {
		Timeout     string
		MaxInFlight int64 `json:"max_in_flight"`
	}
	All struct {
		Timeout string
		Header  string `json:"timeout_header"`
	}
	Subgraphs map[string]struct{ Timeout string }
}

// routerDefaults reads the defaults of the router's configuration.
func routerDefaults(sources string, to any) error {
	text, err := os.ReadFile(filepath.Join(sources, "docs", "router.yaml"))
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, to); err != nil {
		return fmt.Errorf("docs/router.yaml: %w", err)
	}
	return nil
}

// keySet is one of the sets of keys that sign tokens.
type keySet struct {
	URL, Issuer string
	Audiences   []string
}

// Bounds of a query: what the most expensive operation of the store costs
// (docs/operations.md), and twice as much.
const (
	storeCost   = 5402
	highestCost = 2 * storeCost
)

// checkRouter wants the router to protect itself, its clients and the services.
func (d Documents) checkRouter(sources string) error {
	texts := d.values("ConfigMap", "ecommerce", "api-gateway", "router.yaml")
	if len(texts) != 1 {
		return errors.New("the router has no configuration")
	}
	var deployment appsv1.Deployment
	if err := d.find("Deployment", "api-gateway", &deployment); err != nil {
		return err
	}
	var c, here routerConfig // as it is written, and with the Deployment's variables
	if err := yaml.UnmarshalStrict([]byte(texts[0]), &c); err != nil {
		return fmt.Errorf("router.yaml has a key whose values no check knows: %w", err)
	}
	if err := yaml.Unmarshal([]byte(resolved(texts[0], deployment.Spec.Template.Spec.Containers[0])), &here); err != nil {
		return fmt.Errorf("the router's configuration: %w", err)
	}
	return inContext("router.yaml", c.checkPorts(&deployment), checkReferences(texts[0], &deployment), c.checkExposed(), c.checkAddress(sources),
		here.checkExposed(), here.checkAddress(sources), c.checkBounds(d, deployment.Spec.Template.Spec.Containers[0], sources), c.checkTokens(d, sources), c.checkOrigins(), c.checkStreamPool(d), here.checkOverrides(d), here.checkLog(), c.checkHeaders(sources), c.Cache.check(sources))
}

// checkPorts wants the router to listen where its Deployment says, for other pods.
func (c routerConfig) checkPorts(deployment *appsv1.Deployment) error {
	for name, listen := range map[string]string{"http": c.Listen, "http-admin": c.Admin.Listen} {
		at, err := netip.ParseAddrPort(listen)
		if err != nil || !at.Addr().IsUnspecified() {
			return fmt.Errorf("it listens on %q, where no other pod reaches it", listen)
		}
		if !slices.ContainsFunc(deployment.Spec.Template.Spec.Containers[0].Ports, func(p corev1.ContainerPort) bool { return p.Name == name && p.ContainerPort == int32(at.Port()) }) {
			return fmt.Errorf("it listens on %s, which is not the port %s of its Deployment", listen, name)
		}
	}
	if !slices.ContainsFunc(deployment.Spec.Template.Spec.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool { return strings.HasPrefix(c.Supergraph.File, m.MountPath+"/") }) {
		return fmt.Errorf("the supergraph %s is in no volume", c.Supergraph.File)
	}
	return nil
}

var reference = regexp.MustCompile(`([\w"]*):? ?["\[]*\$\{env\.(\w+)(:-([^}]*))?\}`)

// checkReferences wants each variable that has no default to be one of the Deployment, and no
// secret to have a default that everybody can read.
func checkReferences(text string, deployment *appsv1.Deployment) (err error) {
	c := deployment.Spec.Template.Spec.Containers[0]
	for _, found := range reference.FindAllStringSubmatch(text, -1) {
		key, name, hasDefault, value := found[1], found[2], found[3] != "", found[4]
		secret := key == "token" || key == "secret" || key == "password"
		switch v := variable(c, name); {
		case v == nil && (!hasDefault || secret):
			err = errors.Join(err, fmt.Errorf("the Deployment has no variable %s", name))
		case secret && (value != "" || v.ValueFrom == nil || v.ValueFrom.SecretKeyRef == nil):
			err = errors.Join(err, fmt.Errorf("%s has a value outside of Secrets", name))
		}
	}
	for _, found := range regexp.MustCompile(`(?m)(token|secret|password): *([^$\s].*)$`).FindAllStringSubmatch(text, -1) {
		err = errors.Join(err, fmt.Errorf("%s has the value %s, and not one of a Secret", found[1], found[2]))
	}
	return err
}

// checkExposed wants neither the schema nor the playground to be public unless a variable says
// so, and clients to get the messages that the services write for them.
func (c routerConfig) checkExposed() error {
	for name, value := range map[string]any{"introspection": c.Introspection, "the playground": c.Playground.Enabled} {
		if text := fmt.Sprint(value); text != "false" && !strings.HasSuffix(text, ":-false}") {
			return fmt.Errorf("%s is on (%s)", name, text)
		}
	}
	if !c.Errors.All {
		return errors.New("clients do not see the messages of the services")
	}
	wait, err := time.ParseDuration(c.Supergraph.Wait)
	if !c.Supergraph.HotReload || err != nil || wait < time.Minute || wait > time.Hour {
		return fmt.Errorf("a new supergraph does not come into use when the services serve it (hot_reload %t, wait_for_subgraphs %q)", c.Supergraph.HotReload, c.Supergraph.Wait)
	}
	if c.Telemetry.ServiceName != "api-gateway" {
		return fmt.Errorf("its traces are of %q", c.Telemetry.ServiceName)
	}
	if codes := slices.Sorted(slices.Values(c.Telemetry.ClientCodes)); !slices.Equal(codes, refusals) {
		return fmt.Errorf("it counts %v as what clients cause, and not as failures; those are %v", codes, refusals)
	}
	return nil
}

// refusals are the errors of an order that nobody is paged for.
var refusals = []string{"OUT_OF_STOCK", "PAYMENT_DECLINED", "TOTAL_CHANGED"}

var clientAddressHeader = regexp.MustCompile(`ClientAddressHeader = "([^"]+)"`)

// checkAddress wants the router to believe the proxy of its own pod, and no others but those of
// a network, and to tell the services the address of the client by the header that they read.
func (c routerConfig) checkAddress(sources string) error {
	own := false
	for _, proxy := range c.ClientAddress.TrustedProxies {
		if found := reference.FindStringSubmatch(proxy); found != nil {
			proxy = found[4]
		}
		network, err := netip.ParsePrefix(proxy)
		if err != nil || !proxies(network) {
			return fmt.Errorf("it believes %q what the address of a client is", proxy)
		}
		own = own || network.Addr().IsLoopback()
	}
	text, err := os.ReadFile(filepath.Join(sources, "subgraphs/internal/identity/client.go"))
	if err != nil {
		return err
	}
	header := clientAddressHeader.FindStringSubmatch(string(text))
	if !own || header == nil || c.ClientAddress.SubgraphHeader != header[1] {
		return errors.New("the services do not learn the address of a client, by which they count failed log-ins")
	}
	return nil
}

// checkBounds wants bounds for a client, for an operation and for all. A client may have a
// tenth of what a gateway admits, and the router no more than its proxy and itself take.
func (c routerConfig) checkBounds(d Documents, container corev1.Container, sources string) error {
	admitted, err := d.entryRate()
	if err != nil {
		return err
	}
	taken := int64(0)
	for _, sidecar := range d.OfKind("Sidecar") {
		taken = max(taken, integer(sidecar.Object, "spec", "inboundConnectionPool", "tcp", "maxConnections"))
	}
	interval, err := time.ParseDuration(c.RateLimit.Interval)
	if err != nil || interval <= 0 {
		return fmt.Errorf("the interval of the rate limit is %q", c.RateLimit.Interval)
	}
	rate := float64(c.RateLimit.Requests) / interval.Seconds()
	if l := c.RateLimit; !l.Enabled || l.By != "ip" || rate < 10 || rate > admitted/10 || l.Redis.URL != "${env.REDIS_URL}" {
		return fmt.Errorf("a client has %.0f requests per second, counted by %q in %q; the gateway admits %.0f", rate, l.By, l.Redis.URL, admitted)
	}
	if own := c.Cache.Redis.URL; own != c.RateLimit.Redis.URL && !d.isRedis(own, container) {
		return fmt.Errorf("the response cache is at %q, which is no Redis", own)
	}
	if m := c.Demand; !m.Enabled || m.Measure || m.Max < storeCost || m.Max > highestCost {
		return fmt.Errorf("an operation may cost %.0f; the store's own cost up to %d, and twice as much is enough", m.Max, storeCost)
	}
	if header := c.Shaping.All.Header; header != timeoutHeader {
		return fmt.Errorf("the services read the time that is left from %s, and the router sends it as %q (traffic_shaping.all.timeout_header)", timeoutHeader, header)
	}
	requests, streams := c.Shaping.Router.MaxInFlight, c.Subscriptions.MaxConnections
	if requests < 100 || streams < 100 || requests+streams > taken {
		return fmt.Errorf("it takes %d requests and %d streams, and its proxy %d connections", requests, streams, taken)
	}
	most, err := c.connections(sources)
	if err != nil {
		return err
	}
	if most < requests+streams || most > mostConnections {
		return fmt.Errorf("it takes %d requests and %d streams, and %d connections (limits.http_max_connections)", requests, streams, most)
	}
	return nil
}

// mostConnections is how many connections fit into the memory of a router, with a stream each.
const mostConnections = 20_000

// connections returns how many the router takes, by itself or by its default.
func (c routerConfig) connections(sources string) (int64, error) {
	if c.Limits.Connections != nil {
		return *c.Limits.Connections, nil
	}
	var defaults routerConfig
	if err := routerDefaults(sources, &defaults); err != nil || defaults.Limits.Connections == nil {
		return 0, errors.Join(err, errors.New("docs/router.yaml has no limits.http_max_connections"))
	}
	return *defaults.Limits.Connections, nil
}

var wholeReference = regexp.MustCompile(`^\$\{env\.(\w+)\}$`)

// isRedis reports whether a URL is that of a Redis, by itself or by a variable of the container. What
// is in a Secret elsewhere, nobody knows here.
func (d Documents) isRedis(text string, container corev1.Container) bool {
	if found := wholeReference.FindStringSubmatch(text); found != nil {
		v := variable(container, found[1])
		if v == nil {
			return false
		}
		if text = v.Value; v.ValueFrom != nil {
			ref := v.ValueFrom.SecretKeyRef
			if ref == nil {
				return false
			}
			values := d.values("Secret", "ecommerce", ref.Name, ref.Key)
			if len(values) != 1 { // CheckReferences wants the Secret to be there, or elsewhere
				return true
			}
			text = values[0]
		}
	}
	to, err := url.Parse(text)
	return err == nil && (to.Scheme == "redis" || to.Scheme == "rediss") && to.Hostname() != ""
}
