package shipping_test

import (
	"testing"

	"souk/subgraphs/inventory/shipping"
)

func TestEstimateFollowsTheTariff(t *testing.T) {
	for grams, cents := range map[int]int64{
		0: 290, 250: 290, 251: 490, 1_000: 490, 5_000: 790, 10_000: 1190, 31_500: 2490,
		31_501: 4960, 32_500: 4960, 32_501: 5020,
	} {
		if got := shipping.Estimate(grams); got.MinorUnits != cents || got.Currency != "USD" {
			t.Errorf("cost of %d g = %v, want %d US cents", grams, got, cents)
		}
	}
}
