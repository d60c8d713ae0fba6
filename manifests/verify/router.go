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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// routerConfig is what the checks read of router.yaml. The router itself refuses other keys
// (manifests/configmaps).
type routerConfig struct {
	Listen        string
	Admin         struct{ Listen string }
	Introspection any
	Playground    struct{ Enabled any }
	Supergraph    struct {
		File      string
		HotReload bool   `json:"hot_reload"`
		Wait      string `json:"wait_for_subgraphs"`
	}
	Errors  struct{ All bool } `json:"include_subgraph_errors"`
	Shaping struct {
		Router struct {
			MaxInFlight int64 `json:"max_in_flight"`
		}
	} `json:"traffic_shaping"`
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
			JWKS         []struct{ URL, Issuer string }
			LastGoodKeys struct{ Secret string } `json:"last_good_keys"`
		}
	}
	Authorization *struct{ Enabled *bool }
	Cache         responseCache `json:"response_cache"`
	Telemetry     struct {
		ServiceName string `json:"service_name"`
	}
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
	err := errors.Join(yaml.Unmarshal([]byte(texts[0]), &c), yaml.Unmarshal([]byte(resolved(texts[0], deployment.Spec.Template.Spec.Containers[0])), &here))
	if err != nil {
		return fmt.Errorf("the router's configuration: %w", err)
	}
	return inContext("router.yaml", c.checkPorts(&deployment), checkReferences(texts[0], &deployment), c.checkExposed(), c.checkAddress(sources),
		here.checkExposed(), here.checkAddress(sources), c.checkBounds(d), c.checkTokens(d), c.Cache.check(sources))
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
	return nil
}

var clientAddressHeader = regexp.MustCompile(`ClientAddressHeader = "([^"]+)"`)

// checkAddress wants the router to believe only the proxy of its own pod, and to tell the
// services the address of the client by the header that they read.
func (c routerConfig) checkAddress(sources string) error {
	for _, proxy := range c.ClientAddress.TrustedProxies {
		if found := reference.FindStringSubmatch(proxy); found != nil {
			proxy = found[4]
		}
		network, err := netip.ParsePrefix(proxy)
		if err != nil || !network.Addr().IsLoopback() {
			return fmt.Errorf("it believes %q what the address of a client is", proxy)
		}
	}
	text, err := os.ReadFile(filepath.Join(sources, "subgraphs/internal/identity/client.go"))
	if err != nil {
		return err
	}
	header := clientAddressHeader.FindStringSubmatch(string(text))
	if len(c.ClientAddress.TrustedProxies) == 0 || header == nil || c.ClientAddress.SubgraphHeader != header[1] {
		return errors.New("the services do not learn the address of a client, by which they count failed log-ins")
	}
	return nil
}

// checkBounds wants bounds for a client, for an operation and for all. A client may have a
// tenth of what a gateway admits, and the router no more than its proxy takes.
func (c routerConfig) checkBounds(d Documents) error {
	admitted, taken := d.bucket(), int64(0)
	for _, sidecar := range d.OfKind("Sidecar") {
		taken = max(taken, integer(sidecar.Object, "spec", "inboundConnectionPool", "tcp", "maxConnections"))
	}
	interval, err := time.ParseDuration(c.RateLimit.Interval)
	if err != nil || interval <= 0 {
		return fmt.Errorf("the interval of the rate limit is %q", c.RateLimit.Interval)
	}
	rate := float64(c.RateLimit.Requests) / interval.Seconds()
	if l := c.RateLimit; !l.Enabled || l.By != "ip" || rate < 10 || rate > float64(admitted)/10 || l.Redis.URL != "${env.REDIS_URL}" || c.Cache.Redis.URL != l.Redis.URL {
		return fmt.Errorf("a client has %.0f requests per second, counted by %q in %q; the gateway admits %d", rate, l.By, l.Redis.URL, admitted)
	}
	if m := c.Demand; !m.Enabled || m.Measure || m.Max < storeCost || m.Max > highestCost {
		return fmt.Errorf("an operation may cost %.0f; the store's own cost up to %d, and twice as much is enough", m.Max, storeCost)
	}
	requests, streams := c.Shaping.Router.MaxInFlight, c.Subscriptions.MaxConnections
	if requests < 100 || streams < 100 || requests+streams > taken {
		return fmt.Errorf("it takes %d requests and %d streams, and its proxy %d connections", requests, streams, taken)
	}
	return nil
}

// bucket returns how many requests per second the gateway admits.
func (d Documents) bucket() (rate int64) {
	for _, filter := range d.OfKind("EnvoyFilter") {
		patches, _, _ := unstructured.NestedSlice(filter.Object, "spec", "configPatches")
		for _, entry := range patches {
			patch, _ := entry.(map[string]any)
			rate = max(rate, integer(patch, "patch", "value", "typed_config", "token_bucket", "tokens_per_fill"))
		}
	}
	return rate
}

// checkTokens wants the router to accept the tokens that the gateway accepts, by the same keys.
func (c routerConfig) checkTokens(d Documents) error {
	if len(c.Authentication.JWT.JWKS) != 1 || c.Authorization != nil && c.Authorization.Enabled != nil && !*c.Authorization.Enabled {
		return errors.New("it accepts tokens of other issuers, or enforces nothing")
	}
	keys := c.Authentication.JWT.JWKS[0]
	own, err := url.Parse(keys.URL)
	if err != nil {
		return err
	}
	for _, document := range d.OfKind("RequestAuthentication") {
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
		if rule["issuer"] != keys.Issuer || name != own.Hostname() || there.Port() != own.Port() || there.Path != own.Path || rule["forwardOriginalToken"] != true {
			return fmt.Errorf("it accepts tokens of %s with the keys of %s, and the gateway passes on those of %v with the keys of %s", keys.Issuer, own, rule["issuer"], there)
		}
	}
	return nil
}
