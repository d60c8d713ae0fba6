package bench

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// Measure runs a benchmark of a read, which gets the number of the call. Besides
// the mean, it reports percentiles in milliseconds, of the time on the wall and,
// if cpu is not nil, of the processor.
func Measure(b *testing.B, cpu Clock, name string, read func(context.Context, int) error) {
	b.Run(name, func(b *testing.B) {
		var wall, processor []time.Duration
		for b.Loop() {
			var used time.Duration
			if cpu != nil {
				used = cpu()
			}
			began := time.Now()
			if err := read(b.Context(), len(wall)); err != nil {
				b.Fatal(err)
			}
			wall = append(wall, time.Since(began))
			if cpu != nil {
				processor = append(processor, cpu()-used)
			}
		}
		report(b, wall, "ms")
		report(b, processor, "cpu-ms")
	})
}

func report(b *testing.B, times []time.Duration, unit string) {
	slices.Sort(times)
	for _, percent := range []int{50, 95} {
		if len(times) > 0 {
			at := times[(len(times)-1)*percent/100]
			b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("p%d-%s", percent, unit))
		}
	}
}
