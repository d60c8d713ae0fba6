package catalogue

// SetMaxRanked changes how many of the products that match a search are ranked,
// so that small catalogues have more.
func (c *Catalogue) SetMaxRanked(n int) { c.maxRanked = n }
