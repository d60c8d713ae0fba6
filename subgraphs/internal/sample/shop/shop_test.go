package shop_test

import (
	"reflect"
	"testing"
	"time"

	"souk/subgraphs/internal/sample/shop"
)

func newShop(t *testing.T, change func(*shop.Options)) *shop.Shop {
	t.Helper()
	options := shop.Options{Seed: 1, Products: 5000, Users: 500, Orders: 3000, Now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	if change != nil {
		change(&options)
	}
	s, err := shop.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Services ask for rows in different sequences and must get the same ones.
func TestRowsDoNotDependOnEachOther(t *testing.T) {
	one, other := newShop(t, nil), newShop(t, nil)
	for i := range 100 {
		one.Order(i)
	}
	if a, b := one.Order(100), other.Order(100); !reflect.DeepEqual(a, b) {
		t.Errorf("got the orders %+v and %+v", a, b)
	}
	if a, b := one.Product(4999), other.Product(4999); !reflect.DeepEqual(a, b) {
		t.Errorf("got the products %+v and %+v", a, b)
	}
	third := newShop(t, func(o *shop.Options) { o.Seed = 2 })
	if reflect.DeepEqual(one.Order(100), third.Order(100)) || reflect.DeepEqual(one.Product(1), third.Product(1)) || one.User(3) == third.User(3) {
		t.Error("the seed changes nothing")
	}
}

func TestOrdersHappenInSequence(t *testing.T) {
	s := newShop(t, nil)
	var last time.Time
	for i := range s.Orders {
		o := s.Order(i)
		if !o.PlacedAt.After(last) {
			t.Fatalf("order %d was placed at %s, not after the one before it at %s", i, o.PlacedAt, last)
		}
		last = o.PlacedAt
		if joined := s.User(o.User).CreatedAt; joined.After(o.PlacedAt) {
			t.Errorf("order %d was placed at %s, before its user came at %s", i, o.PlacedAt, joined)
		}
		for _, line := range o.Lines {
			if made := s.Product(line.Product).CreatedAt; made.After(o.PlacedAt) {
				t.Errorf("order %d was placed at %s, before its product came at %s", i, o.PlacedAt, made)
			}
		}
		at := o.PlacedAt
		for _, next := range []time.Time{o.CancelledAt, o.ShippedAt, o.DeliveredAt, o.RefundedAt} {
			if next.IsZero() {
				continue
			}
			if next.Before(at) || next.After(s.Now) {
				t.Errorf("the times of order %+v are out of sequence, or after %s", o, s.Now)
			}
			at = next
		}
	}
}

func TestProductsAreBelievable(t *testing.T) {
	s := newShop(t, nil)
	skus, names, soldOut, retired := map[string]bool{}, map[string]bool{}, 0, 0
	for i := range s.Products {
		p := s.Product(i)
		skus[p.SKU], names[p.Name] = true, true
		if p.Cents < 90 || p.Weight < 1 || len(p.Tags) == 0 || len(p.Description) < 80 || len(p.SKU) > 64 {
			t.Errorf("got the product %+v", p)
		}
		if p.Stock == 0 {
			soldOut++
		}
		if p.Retired {
			retired++
		}
	}
	if len(skus) != s.Products || len(names) < s.Products*9/10 {
		t.Errorf("got %d SKUs and %d names of %d products", len(skus), len(names), s.Products)
	}
	if soldOut == 0 || soldOut > s.Products/10 || retired == 0 || retired > s.Products/20 {
		t.Errorf("got %d products that are sold out and %d that are retired", soldOut, retired)
	}
}

func TestOrdersNeedProducts(t *testing.T) {
	if _, err := shop.New(shop.Options{Orders: 1, Users: 1}); err == nil {
		t.Error("got a shop that sells nothing")
	}
}
