package sample_test

import (
	"testing"

	"souk/subgraphs/internal/sample"
)

func TestSampleStoreIsConsistent(t *testing.T) {
	shop, err := sample.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(shop.Categories) < 10 || len(shop.Products) < 250 {
		t.Errorf("got %d categories and %d products", len(shop.Categories), len(shop.Products))
	}
	codes := map[string]bool{}
	soldOut := 0
	for i, p := range shop.Products {
		if p.ID != int64(i+1) || p.Cents < 100 || p.Weight < 10 || len(p.Tags) == 0 || len(p.Description) < 40 || p.Name == "" {
			t.Errorf("a field of product %+v is empty", p)
		}
		if codes[p.SKU] {
			t.Errorf("duplicate SKU %s", p.SKU)
		}
		codes[p.SKU] = true
		if p.Stock == 0 {
			soldOut++
		}
	}
	if soldOut == 0 || soldOut > len(shop.Products)/10 {
		t.Errorf("got %d products that are sold out", soldOut)
	}
	if first := shop.Products[0]; first.Stock < 100 {
		t.Errorf("got a stock of %d for the first product, which the examples order", first.Stock)
	}
}
