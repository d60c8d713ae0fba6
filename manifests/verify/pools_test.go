package verify

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bootstrap "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// eachKind is how many WebSockets, and how many streams of events, a test opens: each more
// than the 100 connections and 50 waiting requests that requests may use. Together with
// the requests they are fewer than the gateway admits at once.
const eachKind = 170

// Two Envoys with Istio's configuration, that of the gateway and that of the router's
// proxy, let many clients keep streams open and still serve every request.
func TestStreamsTakeNoConnectionsFromRequests(t *testing.T) {
	envoy := findEnvoy(t)
	if err := serveBesideStreams(t, envoy, read(t)); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"WebSockets":        {file: "10", old: "(?i)websocket", new: "(?i)socket", said: "opening a WebSocket: status 503"},
		"events":            {file: "10", old: "text/event-stream", new: "text/events", said: "opening a stream of events: status 503"},
		"pool":              {file: "10", old: "maxConnections: 5000, connectTimeout: 3s}\n          http: {http1MaxPendingRequests: 5000,", new: "maxConnections: 100, connectTimeout: 3s}\n          http: {http1MaxPendingRequests: 50,", said: ": status 503"},
		"pool of the proxy": {file: "10", old: "tcp: {maxConnections: 6000}\n    http: {http1MaxPendingRequests: 5500}", new: "tcp: {maxConnections: 100}\n    http: {http1MaxPendingRequests: 50}", said: ": status 503"},
	} {
		wrong.noticed(t, name, serveBesideStreams(t, envoy, wrong.read(t)))
	}
}

// findEnvoy returns the path of Envoy, which `make envoy` installs.
func findEnvoy(t *testing.T) string {
	t.Helper()
	candidates := []string{"envoy"}
	if cache, err := os.UserCacheDir(); err == nil {
		candidates = append(candidates, filepath.Join(cache, "souk", "envoy"))
	}
	for _, candidate := range candidates {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Skip("envoy not found: make envoy")
	return ""
}

// serveBesideStreams opens streams through both proxies, and then makes requests.
func serveBesideStreams(t *testing.T, envoy string, documents Documents) error {
	t.Helper()
	m := newMesh(t, documents)
	router := httptest.NewServer(http.HandlerFunc(streamOrAnswer))
	defer router.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // ends the streams before the server waits for them
	inbound := router.Listener.Addr().String()
	if !documents.ambient() { // ztunnel does not read HTTP
		inbound = startSidecar(t, m, envoy, inbound)
	}
	entry := startGateway(t, m, envoy, "https.", inbound)

	group, opening := errgroup.WithContext(ctx)
	for range eachKind {
		group.Go(func() error { return openStream(ctx, opening, entry, false) })
		group.Go(func() error { return openStream(ctx, opening, entry, true) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for range 10 {
		for _, path := range []string{"/graphql", "/api/products", "/api/orders", "/readyz"} {
			status, err := get(ctx, entry, path)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if status != http.StatusOK {
				return fmt.Errorf("%s: status %d", path, status)
			}
		}
	}
	return nil
}

// streamOrAnswer stands for the router: it keeps WebSockets and streams of events open.
func streamOrAnswer(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Upgrade") != "":
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer connection.Close()
		_, _ = connection.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
		_, _ = connection.Read(make([]byte, 1)) // until the client leaves
	case strings.Contains(r.Header.Get("Accept"), "event-stream"):
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

// openStream opens a stream that lasts until ctx ends. It gives up when opening ends.
func openStream(ctx, opening context.Context, address string, events bool) error {
	connection, err := new(net.Dialer).DialContext(opening, "tcp", address)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = connection.Close() })
	stop := context.AfterFunc(opening, func() { _ = connection.Close() })
	name, header, want := "a WebSocket", "Connection: Upgrade\r\nUpgrade: websocket\r\n", http.StatusSwitchingProtocols
	if events {
		name, header, want = "a stream of events", "Accept: text/event-stream\r\n", http.StatusOK
	}
	if _, err := fmt.Fprintf(connection, "GET /graphql HTTP/1.1\r\nHost: souk.example\r\n%s\r\n", header); err != nil {
		return fmt.Errorf("opening %s: %w", name, err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil) //nolint:bodyclose // it lasts until the connection is closed
	if err != nil {
		return fmt.Errorf("opening %s: %w", name, err)
	}
	if response.StatusCode != want {
		return fmt.Errorf("opening %s: status %d", name, response.StatusCode)
	}
	// The group's context ends when all are open; the stream must not.
	if !stop() {
		return opening.Err()
	}
	return nil
}

func get(ctx context.Context, address, path string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// startGateway starts Envoy with the routes of Istio's gateway for a scheme ("http." or
// "https."), without TLS, and with the router's proxy at an address. It returns its own
// address.
func startGateway(t *testing.T, m *mesh, envoy, scheme, router string) string {
	t.Helper()
	proxy := m.proxy(gatewayApp)
	var routes *route.RouteConfiguration
	for _, r := range m.server.Routes(proxy) {
		if strings.HasPrefix(r.GetName(), scheme) {
			routes = r
		}
	}
	for _, l := range m.server.Listeners(proxy) {
		for _, chain := range l.GetFilterChains() {
			if manager := managerOf(t, chain); manager != nil && manager.GetRds().GetRouteConfigName() == routes.GetName() {
				manager.RouteSpecifier = &hcm.HttpConnectionManager_RouteConfig{RouteConfig: routes}
				return startEnvoy(t, envoy, manager, "|api-gateway", router, m.server.Clusters(proxy))
			}
		}
	}
	t.Fatal("the gateway has no listener for HTTP")
	return ""
}

// startSidecar starts Envoy as the router's proxy, with the router at an address.
func startSidecar(t *testing.T, m *mesh, envoy, router string) string {
	t.Helper()
	chain, err := m.inboundTLS("api-gateway", 8080)
	if err != nil {
		t.Fatal(err)
	}
	manager := managerOf(t, chain)
	if manager == nil {
		t.Fatal("the router's proxy does not take HTTP")
	}
	return startEnvoy(t, envoy, manager, "inbound|8080|", router, m.server.Clusters(m.proxy("api-gateway")))
}

func managerOf(t testing.TB, chain *listener.FilterChain) *hcm.HttpConnectionManager {
	t.Helper()
	for _, f := range chain.GetFilters() {
		manager := new(hcm.HttpConnectionManager)
		if !f.GetTypedConfig().MessageIs(manager) {
			continue
		}
		if err := f.GetTypedConfig().UnmarshalTo(manager); err != nil {
			t.Fatal(err)
		}
		return manager
	}
	return nil
}

// startEnvoy starts Envoy with a connection manager and those clusters whose name contains
// part, and returns its address. Istio's own filters, its certificates and its telemetry
// are left out: Envoy alone does not have them.
func startEnvoy(t *testing.T, envoy string, manager *hcm.HttpConnectionManager, part, upstream string, clusters []*cluster.Cluster) string {
	t.Helper()
	manager.Tracing, manager.AccessLog = nil, nil
	manager.HttpFilters = slices.DeleteFunc(manager.GetHttpFilters(), func(f *hcm.HttpFilter) bool {
		return f.GetName() != "envoy.filters.http.router" && f.GetName() != "envoy.filters.http.local_ratelimit"
	})
	manager.GetRouteConfig().ValidateClusters = wrapperspb.Bool(false)
	config, err := anypb.New(manager)
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	b := &bootstrap.Bootstrap{StaticResources: &bootstrap.Bootstrap_StaticResources{Listeners: []*listener.Listener{{
		Name: "entry", Address: socket(t, address),
		FilterChains: []*listener.FilterChain{{Filters: []*listener.Filter{{
			Name: "envoy.filters.network.http_connection_manager", ConfigType: &listener.Filter_TypedConfig{TypedConfig: config},
		}}}},
	}}}}
	for _, c := range clusters {
		if strings.Contains(c.GetName(), part) {
			b.StaticResources.Clusters = append(b.StaticResources.Clusters, fixed(t, c, upstream))
		}
	}
	text, err := protojson.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "envoy.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir, "envoy", envoy, "-c", file, "--concurrency", "1", "--disable-hot-restart", "-l", "warning")
	await(t, func() bool {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		return err == nil && connection.Close() == nil
	}, func() string {
		log, _ := os.ReadFile(filepath.Join(dir, "envoy.log"))
		return "envoy does not listen: " + string(log[max(0, len(log)-2000):])
	})
	return address
}

// fixed returns a cluster whose one endpoint is at an address, without Istio's filters and
// certificates.
func fixed(t testing.TB, c *cluster.Cluster, address string) *cluster.Cluster {
	t.Helper()
	c = proto.Clone(c).(*cluster.Cluster)
	c.TransportSocket, c.TransportSocketMatches, c.Filters = nil, nil, nil
	c.EdsClusterConfig, c.UpstreamBindConfig, c.LbConfig = nil, nil, nil
	c.ClusterDiscoveryType = &cluster.Cluster_Type{Type: cluster.Cluster_STATIC}
	c.LbPolicy = cluster.Cluster_ROUND_ROBIN
	c.LoadAssignment = &endpointv3.ClusterLoadAssignment{ClusterName: c.GetName(), Endpoints: []*endpointv3.LocalityLbEndpoints{{
		LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
			Endpoint: &endpointv3.Endpoint{Address: socket(t, address)},
		}}},
	}}}
	return c
}

func socket(t testing.TB, address string) *core.Address {
	t.Helper()
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
		Address: at.IP.String(), PortSpecifier: &core.SocketAddress_PortValue{PortValue: uint32(at.Port)},
	}}}
}
