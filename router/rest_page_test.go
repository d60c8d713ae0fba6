package router_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var fenced = regexp.MustCompile("(?s)```(graphql|http)\n(.*?)```")

// shelf is the subgraph of docs/rest.md.
func shelf(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	text := string(body)
	w.Header().Set("Content-Type", "application/json")
	const lamp = `{"__typename":"Product","id":"1","name":"Lamp","price":9.5}`
	switch {
	case strings.Contains(text, "addProduct") && strings.Contains(text, "Lamp"):
		fmt.Fprint(w, `{"data":{"addProduct":{"__typename":"NameTaken","message":"There is a product of this name.","code":"NAME_TAKEN"}}}`)
	case strings.Contains(text, "addProduct"):
		fmt.Fprint(w, `{"data":{"addProduct":{"__typename":"Product","id":"3","name":"Chair","price":49}}}`)
	case strings.Contains(text, "products"):
		fmt.Fprint(w, `{"data":{"products":{"nodes":[`+lamp+`],"pageInfo":{"hasNextPage":true,"hasPreviousPage":false,"startCursor":"c1","endCursor":"c1"},"totalCount":2}}}`)
	default:
		fmt.Fprint(w, `{"data":{"product":`+lamp+`}}`)
	}
}

// restPage returns the graph, the operations and the exchanges of the page about REST.
func restPage(t *testing.T) (graph, operations string, exchanges []string) {
	t.Helper()
	page, err := os.ReadFile("../docs/rest.md")
	if err != nil {
		t.Fatal(err)
	}
	var graphql []string
	for _, block := range fenced.FindAllStringSubmatch(string(page), -1) {
		if block[1] == "graphql" {
			graphql = append(graphql, block[2])
		} else {
			exchanges = append(exchanges, block[2])
		}
	}
	if len(graphql) != 2 || len(exchanges) < 5 {
		t.Fatalf("the page has %d blocks of GraphQL and %d exchanges", len(graphql), len(exchanges))
	}
	return graphql[0], graphql[1], exchanges
}

// The page about REST shows requests and responses as they are.
func TestExamplesOfTheRESTPage(t *testing.T) {
	graph, operations, exchanges := restPage(t)
	r := newRouter(t, composed(t, graph, "type Query { other: String }"), fstest.MapFS{"products.graphql": {Data: []byte(operations)}}, shelf, nil)
	server := httptest.NewServer(r.Handler())
	t.Cleanup(server.Close)
	for _, exchange := range exchanges {
		request, response, _ := strings.Cut(exchange, "\n\n")
		line, body, _ := strings.Cut(request, "\n")
		t.Run(line, func(t *testing.T) {
			method, path, _ := strings.Cut(line, " ")
			var headers []string
			if body != "" {
				headers = append(headers, posts)
			}
			got, text := ask(t, method, server.URL+path, body, headers...)
			lines := strings.Split(strings.TrimSpace(response), "\n")
			if fmt.Sprint(got.StatusCode) != lines[0] {
				t.Errorf("status %d, want %s: %s", got.StatusCode, lines[0], text)
			}
			for _, header := range lines[1 : len(lines)-1] {
				name, value, _ := strings.Cut(header, ": ")
				if got.Header.Get(name) != value {
					t.Errorf("%s: %q, want %q", name, got.Header.Get(name), value)
				}
			}
			var is, want any
			if err := json.Unmarshal([]byte(text), &is); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &want); err != nil {
				t.Fatal(err)
			}
			if fields, ok := want.(map[string]any); ok { // the page may leave out members
				for name, value := range fields {
					if !reflect.DeepEqual(is.(map[string]any)[name], value) {
						t.Errorf("%s is %v, want %v", name, is.(map[string]any)[name], value)
					}
				}
			} else if !reflect.DeepEqual(is, want) {
				t.Errorf("got %s", text)
			}
		})
	}
}
