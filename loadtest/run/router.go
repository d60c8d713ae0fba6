package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"souk/dev"
	"souk/subgraphs"
)

// router runs the router with the configuration of the cluster. The manifest
// has it; schema is the directory of the supergraph and the REST routes.
func (f *fleet) router(ctx context.Context, manifest, schema string) (*process, error) {
	if err := f.store.StopRouter(); err != nil {
		return nil, err
	}
	path := filepath.Join(f.logs, "router.yaml")
	if err := writeRouterConfig(path, manifest, filepath.Join(schema, "supergraph.graphql"), f.store); err != nil {
		return nil, err
	}
	p := &process{
		name: routerPart, binary: f.binary, args: []string{"router", "--config", path, "--routes", filepath.Join(schema, "rest")},
		variables: f.store.RouterVariables(), log: filepath.Join(f.logs, routerPart+".log"), url: f.store.URL(routerPart),
	}
	f.running = append(f.running, p.kill)
	return p, p.start(ctx)
}

// writeRouterConfig writes the cluster's configuration with the addresses of a
// store on this machine.
func writeRouterConfig(path, manifest, supergraph string, store *dev.System) error {
	text, err := configOf(manifest)
	if err != nil {
		return fmt.Errorf("reading the router's configuration: %w", err)
	}
	var c map[string]any
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		return fmt.Errorf("reading the router's configuration in %s: %w", manifest, err)
	}
	urls := map[string]any{}
	for _, name := range subgraphs.Names() {
		urls[name] = store.URL(name) + "/graphql"
	}
	for _, change := range []struct {
		value any
		path  []string
	}{
		{store.Address(routerPart), []string{"listen"}},
		{store.Address("admin"), []string{"admin", "listen"}},
		{supergraph, []string{"supergraph", supergraphKey(c)}},
		{urls, []string{"override_subgraph_urls"}},
		{store.RedisURL(), []string{"response_cache", "redis", "url"}},
		{[]any{map[string]any{"url": store.URL("user") + "/.well-known/jwks.json", "issuer": "souk"}}, []string{"authentication", "jwt", "jwks"}},
	} {
		set(c, change.value, change.path...)
	}
	if _, limited := c["rate_limit"]; limited { // not in older versions
		set(c, store.RedisURL(), "rate_limit", "redis", "url")
	}
	out, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("writing the router's configuration: %w", err)
	}
	if err := os.WriteFile(path, out, 0o600); err != nil {
		return fmt.Errorf("writing the router's configuration: %w", err)
	}
	return nil
}

// supergraphKey returns the key of the supergraph's file, which is path in older versions.
func supergraphKey(config map[string]any) string {
	block, _ := config["supergraph"].(map[string]any)
	if _, former := block["path"]; former {
		return "path"
	}
	return "file"
}

// configOf returns the key router.yaml of a ConfigMap in a manifest.
func configOf(manifest string) (string, error) {
	text, err := os.ReadFile(manifest)
	if err != nil {
		return "", err
	}
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var object struct{ Data map[string]string }
		switch err := d.Decode(&object); {
		case errors.Is(err, io.EOF):
			return "", fmt.Errorf("%s has no ConfigMap with the key router.yaml", manifest)
		case err != nil:
			return "", fmt.Errorf("%s: %w", manifest, err)
		}
		if config, ok := object.Data["router.yaml"]; ok {
			return config, nil
		}
	}
}

// set sets a value in nested maps, which it adds where they are missing.
func set(in map[string]any, value any, path ...string) {
	for _, key := range path[:len(path)-1] {
		child, ok := in[key].(map[string]any)
		if !ok {
			child = map[string]any{}
			in[key] = child
		}
		in = child
	}
	in[path[len(path)-1]] = value
}
