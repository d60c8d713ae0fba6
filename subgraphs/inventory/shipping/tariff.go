// Package shipping says what sending one unit of a product costs, from its
// weight alone: the tariff of the store's carrier, in US dollars, for parcels
// inside the country.
package shipping

import "souk/subgraphs/internal/schema"

// A band is what parcels up to a weight cost.
type band struct {
	grams int   // up to and including
	cents int64 // US cents
}

// tariff lists the bands, lightest first. What is heavier than the last goes
// as freight.
var tariff = []band{
	{250, 290},     // letter
	{1_000, 490},   // small parcel
	{5_000, 790},   // parcel
	{10_000, 1190}, // large parcel
	{31_500, 2490}, // what one person may carry
}

const (
	freightBase    = 4900 // US cents
	freightPerKilo = 60   // for each kilogram begun above the last band
)

// Estimate is what sending one unit of this many grams costs.
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
