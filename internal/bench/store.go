package bench

import (
	"flag"
	"strings"
)

// The size of the store that benchmarks generate, and additional searches.
var (
	Products = flag.Int("store.products", 2000, "how many products the benchmarks generate")
	Orders   = flag.Int("store.orders", 5000, "how many orders the benchmarks generate")
	searched = flag.String("store.searches", "", "search terms to measure besides, separated by commas")
)

// Search is a kind of search terms.
type Search struct {
	Name  string
	Terms []string
}

// Searches returns search terms for a generated store that has a product with
// the SKU.
func Searches(sku string) []Search {
	list := func(text string) []string { return strings.Split(text, ",") }
	searches := []Search{
		{"frequent", list("steel,black,laptop,coffee,wireless,guaranteed,series,b,oak,steel black,green")},
		{"known", list("mouse,keyboard,green tea,wool,linen,headphones,knife,kettle,lamp,wireless mouse,cast iron,walnut")},
		{"rare", list("norvik,zelworth,norvik laptop,ulwick mouse,guaranteed norvik,alden lamp black")},
		{"misspelt", list("labtop,latpop,keybord,hedphones,cofee,kettel,moniter,skilet,wirless mouse,wollen,kinfe,espreso,norvick,chiar")},
		{"unknown", list("zzzzqqqq,qwertzuiop,xqzv jkwq,blorptang,vvvvvv,hjklhjkl,laptop zzzzqqqq")},
		{"sku", []string{sku, sku[:len(sku)-2], strings.ToLower(sku)}},
	}
	if *searched != "" {
		searches = append(searches, Search{"given", list(*searched)})
	}
	return searches
}
