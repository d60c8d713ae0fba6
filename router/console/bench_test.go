package console_test

import (
	"fmt"
	"testing"

	"souk/router/gateway/config"
)

// BenchmarkRequest measures a request through a router with the console off and on. Client,
// router and subgraphs share the process, so that the difference is what recording costs.
func BenchmarkRequest(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(fmt.Sprintf("console=%t", on), func(b *testing.B) {
			s := newShop(b, func(c *config.Config) { c.Admin.Console.Enabled = on })
			s.send(b, manyBody)
			b.ReportAllocs()
			for b.Loop() {
				s.send(b, manyBody)
			}
		})
	}
}
