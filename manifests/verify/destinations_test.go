package verify

import "testing"

// Requests arrive at what serves them, with the token of their caller.
func TestRequestsArrive(t *testing.T) {
	if err := operated(read(t)); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"another service":    {file: "10", old: "- destination: {host: user-service,", new: "- destination: {host: order-service,", said: "VirtualService user-service, rule 1: it sends requests for user-service to order-service"},
		"stock":              {file: "10", old: "- destination: {host: inventory-service,", new: "- destination: {host: product-service,", said: "it sends requests for inventory-service to product-service"},
		"one version":        {file: "10", old: "- destination: {host: product-service, subset: v2,", new: "- destination: {host: user-service, subset: v2,", said: "it sends requests for product-service to user-service/v2"},
		"port":               {file: "10", old: "- destination: {host: order-service, port: {number: 8080}}", new: "- destination: {host: order-service, port: {number: 8081}}", said: "VirtualService order-service, rule 1: nothing serves the port 8081 of order-service"},
		"all versions":       {file: "10", old: "- destination: {host: product-service, subset: v2,", new: "- destination: {host: product-service,", said: "several targets are product-service, and one of them has no subset"},
		"subset":             {file: "10", old: "- destination: {host: product-service, subset: v2,", new: "- destination: {host: product-service, subset: v3,", said: "no DestinationRule has the subset v3 of product-service"},
		"requests of nobody": {file: "10", old: "    - name: order\n", new: "    - name: order\n      match: [{headers: {x-own: {exact: \"1\"}}}]\n", said: "VirtualService order-service has no rule for requests that match none"},
		"streams":            {file: "10", old: "upgrade: {regex: \"(?i)websocket\"}", new: "upgrade: {regex: \"(?i)socket\"}", said: "sends GET /graphql upgrade websocket to \"api-gateway\" and not to api-gateway/streams"},
		"events":             {file: "10", old: "text/event-stream|multipart/mixed", new: "text/events|multipart/mixed", said: "sends GET /graphql/stream accept text/event-stream to"},
		"pictures":           {file: "10", old: "- uri: {prefix: /images/}", new: "- uri: {prefix: /pictures/}", said: "sends GET /images/1.webp to \"api-gateway\" and not to product-service/v1"},
		"pictures' service":  {file: "10", old: "- destination: {host: product-service, subset: v1, port: {number: 8080}}\n      timeout", new: "- destination: {host: user-service, port: {number: 8080}}\n      timeout", said: "sends GET /images/1.webp to \"user-service\""},
		"products":           {file: "10", old: "delegate: {name: product-service,", new: "delegate: {name: products,", said: "sends GET /api/products to \"\" and not to api-gateway"},
		"REST":               {file: "10", old: "- uri: {prefix: /api/}\n      route:\n        - destination: {host: api-gateway,", new: "- uri: {prefix: /api/}\n      route:\n        - destination: {host: order-service,", said: "sends GET /api/health to \"order-service\" and not to api-gateway"},
		"pages":              {file: "10", old: "- name: pages\n      route:\n        - destination: {host: api-gateway,", new: "- name: pages\n      route:\n        - destination: {host: user-service,", said: "sends GET / to \"user-service\""},
		"path":               {file: "10", old: "    - name: api\n", new: "    - name: api\n      rewrite: {uri: /}\n", said: "VirtualService api-gateway, rule 5: it has rewrite"},
		"token":              {file: "10", old: "    - name: graphql\n", new: "    - name: graphql\n      headers: {request: {remove: [Authorization]}}\n", said: "VirtualService api-gateway, rule 2: it changes the header authorization"},
		"token of a target":  {file: "10", old: "- destination: {host: user-service, port: {number: 8080}}", new: "- destination: {host: user-service, port: {number: 8080}}\n          headers: {request: {set: {authorization: none}}}", said: "VirtualService user-service, rule 1: it changes the header authorization"},
		"ejection":           {file: "10", old: "    outlierDetection:\n      consecutive5xxErrors: 3\n      interval: 30s\n      baseEjectionTime: 30s\n      maxEjectionPercent: 50\n", said: "no DestinationRule of inventory-service has outlierDetection"},
		"around the proxy":   {file: "05", old: "        prometheus.io/scrape:", new: "        traffic.sidecar.istio.io/excludeInboundPorts: \"8080\"\n        prometheus.io/scrape:", said: "Deployment inventory-service has the annotation traffic.sidecar.istio.io/excludeInboundPorts"},
		"calls around it":    {file: "02", old: "        prometheus.io/scrape:", new: "        traffic.sidecar.istio.io/excludeOutboundIPRanges: 0.0.0.0/0\n        prometheus.io/scrape:", said: "StatefulSet redis has the annotation traffic.sidecar.istio.io/excludeOutboundIPRanges"},
	} {
		wrong.noticed(t, name, operated(wrong.read(t)))
	}
}

func TestRequestsArriveInAmbientMode(t *testing.T) {
	if err := composed(t, []string{"ambient"}).checkDestinations(); err != nil {
		t.Errorf("ambient: %v", err)
	}
	for name, wrong := range map[string]fault{
		"router": {file: "components/ambient/routes", old: "value: /api}\n      backendRefs: [{name: api-gateway,", new: "value: /api}\n      backendRefs: [{name: order-service,", said: "HTTPRoute api-gateway sends GET /api/health to \"order-service\" and not to api-gateway"},
		"stream": {file: "components/ambient/routes", old: "value: \"(?i)websocket\"", new: "value: \"(?i)socket\"", said: "sends GET /graphql upgrade websocket to \"api-gateway\" and not to api-gateway-streams"},
		"token":  {file: "components/ambient/routes", old: "      backendRefs: [{name: api-gateway, port: 8080}]\n      timeouts: {request: 10s}", new: "      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [Authorization]}}]\n      backendRefs: [{name: api-gateway, port: 8080}]\n      timeouts: {request: 10s}", said: "it changes the header authorization"},
	} {
		wrong.noticed(t, name, wrong.with(t, "ambient").checkDestinations())
	}
}
