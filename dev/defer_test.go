package dev_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"testing"

	"souk/dev"
	"souk/schema"
)

// TestDeferExampleDeliversStockLater runs the playground's @defer example: the stock
// arrives after the fields of the product service, in separate parts.
func TestDeferExampleDeliversStockLater(t *testing.T) {
	t.Parallel()
	store := open(t, dev.Options{})
	text, err := schema.Examples.ReadFile("examples/5-defer.graphql")
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"query": string(text)})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, store.URL("router")+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "multipart/mixed, application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, parameters, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	type response struct {
		Data struct {
			Products struct{ Nodes []map[string]any }
		}
		Pending     []struct{ ID, Label string }
		Incremental []struct {
			ID   string
			Data map[string]any
		}
		Errors  []any
		HasNext bool
	}
	parts := multipart.NewReader(res.Body, parameters["boundary"])
	var all []response
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var r response
		if err := json.NewDecoder(part).Decode(&r); err != nil || r.Errors != nil {
			t.Fatalf("part %d: err %v, errors %v", len(all), err, r.Errors)
		}
		all = append(all, r)
	}
	if len(all) < 2 || all[len(all)-1].HasNext {
		t.Fatalf("got parts %+v", all)
	}
	first, stocks := all[0], 0
	if n := first.Data.Products.Nodes; len(n) != 5 || n[0]["name"] == nil || n[0]["available"] != nil || len(first.Pending) != 5 || first.Pending[0].Label != "stock" {
		t.Errorf("got first part %+v", first)
	}
	for _, r := range all[1:] {
		for _, i := range r.Incremental {
			if i.Data["available"] != nil && i.Data["shippingEstimate"] != nil {
				stocks++
			}
		}
	}
	if stocks != 5 {
		t.Errorf("got the stock of %d products: %+v", stocks, all[1:])
	}
}
