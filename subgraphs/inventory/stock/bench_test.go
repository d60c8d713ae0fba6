package stock_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"souk/subgraphs/inventory/stock"
)

// The two cases are many products with few orders each, and one product that
// all orders contend for.
func BenchmarkReserve(b *testing.B) {
	for name, products := range map[string]int64{"1000 products": 1000, "one product": 1} {
		b.Run(name, func(b *testing.B) {
			w, _, _ := newStore(b)
			for p := range products {
				mustSet(b, w, p+1, stock.MaxUnits)
			}
			var order atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n := order.Add(1)
					if _, err := w.Reserve(b.Context(), fmt.Sprint(n), one(n%products+1, 1), time.Minute); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
