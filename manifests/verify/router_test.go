package verify

import "testing"

func TestRouterProtectsTheStore(t *testing.T) {
	if err := read(t).checkRouter("../.."); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"shared order":         {file: "08", old: "inventory: {types: [Product], shared: true}", new: "inventory: {types: [Product], shared: true}\n          order: {types: [Order], shared: true}", said: "callers share Order: "},
		"shared user":          {file: "08", old: "inventory: {types: [Product], shared: true}", new: "inventory: {types: [Product], shared: true}\n          user: {types: [User], shared_types: [User]}", said: "callers share User: the type User is private"},
		"shared user of order": {file: "08", old: "inventory: {types: [Product], shared: true}", new: "inventory: {types: [Product], shared: true}\n          order: {types: [User], shared: true}", said: "callers share User: "},
		"shared notification":  {file: "08", old: "inventory: {types: [Product], shared: true}", new: "inventory: {types: [Product], shared: true}\n          notification: {types: [EmailNotification], shared: true}", said: "callers share EmailNotification: "},
		"shared root field":    {file: "08", old: "product: {types: [Product], shared: true}", new: "product: {types: [Product], shared: true}\n          user: {root: [me], shared: true}", said: "callers share Query.me"},
		"shared by all":        {file: "08", old: "all: {ttl: 1m}", new: "all: {ttl: 1m, shared: true}", said: "shares what all subgraphs have"},
		"event of stock":       {file: "08", old: "          inventory.updated: [Product, StockLevel.productId]\n", said: "inventory.updated does not invalidate Product"},
		"event of products":    {file: "08", old: "product.updated: [Product]", new: "product.updated: [Category.slug]", said: "product.updated does not invalidate Product"},
		"erasure":              {file: "08", old: "          user.erased: [User]\n", said: "user.erased leaves personal data"},
		"unknown event":        {file: "08", old: "product.updated: [Product]", new: "product.updated: [Product]\n          product.changed: [Product]", said: "no service publishes product.changed"},
		"stream":               {file: "08", old: "stream: souk:events", new: "stream: souk:event", said: "follows the stream"},
		"lifetime":             {file: "08", old: "all: {ttl: 1m}", new: "all: {ttl: 24h}", said: `stay for "24h"`},
		"comparison":           {file: "08", old: "compare: 0.01", new: "compare: 1", said: "compares 1 of its requests"},
		"cache":                {file: "08", old: "compare: 0.01\n      enabled: true", new: "compare: 0.01\n      enabled: false", said: "is off"},
		"introspection":        {file: "08", old: "INTROSPECTION:-false", new: "INTROSPECTION:-true", said: "introspection is on"},
		"playground":           {file: "08", old: "enabled: ${env.PLAYGROUND:-false}", new: "enabled: true", said: "the playground is on"},
		"rate":                 {file: "08", old: "requests: 100\n", new: "requests: 10000\n", said: "a client has 10000 requests"},
		"interval":             {file: "08", old: "interval: 1s", new: "interval: 1ms", said: "a client has 100000 requests"},
		"caller":               {file: "08", old: "by: ip", new: "by: header", said: `counted by "header"`},
		"no rate":              {file: "08", old: "rate_limit:\n      enabled: true", new: "rate_limit:\n      enabled: false", said: "a client has"},
		"cost":                 {file: "08", old: "max: 10000", new: "max: 1000000", said: "an operation may cost 1000000"},
		"low cost":             {file: "08", old: "max: 10000", new: "max: 1000", said: "an operation may cost 1000"},
		"no cost":              {file: "08", old: "demand_control:\n      enabled: true", new: "demand_control:\n      enabled: false", said: "an operation may cost"},
		"operations":           {file: "08", old: "max_in_flight: 2000", new: "max_in_flight: 20000", said: "takes 20000 requests"},
		"streams":              {file: "08", old: "max_connections: 2000", new: "max_connections: 20", said: "20 streams"},
		"proxies":              {file: "08", old: "127.0.0.0/8", new: "0.0.0.0/0", said: `believes "0.0.0.0/0"`},
		"header of addresses":  {file: "08", old: "subgraph_header: Souk-Client-Address", new: "subgraph_header: X-Client-Address", said: "do not learn the address"},
		"issuer":               {file: "08", old: "issuer: souk", new: "issuer: other", said: "accepts tokens of other"},
		"keys":                 {file: "08", old: "jwks.json", new: "keys.json", said: "keys.json"},
		"gateway's keys":       {file: "09", old: "user-service.ecommerce", new: "order-service.ecommerce", said: "order-service.ecommerce"},
		"authorization":        {file: "08", old: "    authentication:\n", new: "    authorization: {enabled: false}\n    authentication:\n", said: "enforces nothing"},
		"token":                {file: "08", old: "${env.INVALIDATION_TOKEN:-}", new: "${env.INVALIDATION_TOKEN:-secret}", said: "INVALIDATION_TOKEN has a value outside of Secrets"},
		"plain token":          {file: "08", old: "${env.INVALIDATION_TOKEN:-}", new: "change-me", said: "token has the value change-me"},
		"token's variable":     {file: "08", old: "- name: INVALIDATION_TOKEN\n              valueFrom: {secretKeyRef: {name: api-gateway, key: INVALIDATION_TOKEN}}", new: "- {name: INVALIDATION_TOKEN, value: change-me}", said: "INVALIDATION_TOKEN has a value outside of Secrets"},
		"Redis":                {file: "08", old: "{name: REDIS_URL,", new: "{name: REDIS,", said: "the Deployment has no variable REDIS_URL"},
		"supergraph":           {file: "08", old: "mountPath: /etc/souk/graph", new: "mountPath: /etc/souk/graphs", said: "is in no volume"},
		"nothing cached":       {file: "08", old: "subgraph:\n        all: {ttl: 1m}", new: "subgraphs:\n        all: {ttl: 1m}", said: "the response cache is off"},
		"listener":             {file: "08", old: `listen: "0.0.0.0:9090"`, new: `listen: "127.0.0.1:9090"`, said: "where no other pod reaches it"},
		"port":                 {file: "08", old: `listen: "0.0.0.0:8080"`, new: `listen: "0.0.0.0:4000"`, said: "is not the port http"},
		"reload":               {file: "08", old: "hot_reload: true", new: "hot_reload: false", said: "does not come into use"},
		"wait":                 {file: "08", old: "wait_for_subgraphs: 15m", new: "wait_for_subgraphs: 0s", said: "does not come into use"},
		"messages":             {file: "08", old: "{all: true}", new: "{all: false}", said: "do not see the messages"},
		"name":                 {file: "08", old: "service_name: api-gateway", new: "service_name: router", said: `its traces are of "router"`},
	} {
		wrong.noticed(t, name, wrong.read(t).checkRouter("../.."))
	}
}
