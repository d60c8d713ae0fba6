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
		t.Errorf("the shop has %d categories and %d products", len(shop.Categories), len(shop.Products))
	}
	codes := map[string]bool{}
	soldOut := 0
	for i, p := range shop.Products {
		if p.ID != int64(i+1) || p.Cents < 100 || p.Weight < 10 || len(p.Tags) == 0 || len(p.Description) < 40 || p.Name == "" {
			t.Errorf("the product %+v lacks something", p)
		}
		if codes[p.SKU] {
			t.Errorf("the article code %s is there twice", p.SKU)
		}
		codes[p.SKU] = true
		if p.Stock == 0 {
			soldOut++
		}
	}
	if soldOut == 0 || soldOut > len(shop.Products)/10 {
		t.Errorf("%d products are sold out", soldOut)
	}
	if first := shop.Products[0]; first.Stock < 100 {
		t.Errorf("there are only %d of the first product, which examples order", first.Stock)
	}
}
