// Package shipping estimates what it costs to ship one unit of a product. The
// estimate depends on the weight alone. It is the tariff of the store's
// carrier for domestic parcels, in US dollars.
package shipping

import "souk/subgraphs/internal/schema"

// A band is the price of parcels up to a weight.
type band struct {
	grams int   // inclusive
	cents int64 // US cents
}

// tariff lists the bands, lightest first. Heavier parcels go as freight.
var tariff = []band{
	{250, 290},     // letter
	{1_000, 490},   // small parcel
	{5_000, 790},   // parcel
	{10_000, 1190}, // large parcel
	{31_500, 2490}, // the most that one person may carry
}

const (
	freightBase    = 4900 // US cents
	freightPerKilo = 60   // per kilogram or part of one above the last band
)

// Estimate returns the cost of shipping one unit of a weight in grams.
func Estimate(grams int) schema.Money {
	for _, b := range tariff {
		if grams <= b.grams {
			return schema.Money{MinorUnits: b.cents, Currency: "USD"}
		}
	}
	above := grams - tariff[len(tariff)-1].grams
	kilos := int64(above+999) / 1000
	return schema.Money{MinorUnits: freightBase + freightPerKilo*kilos, Currency: "USD"}
}
