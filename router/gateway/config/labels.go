package config

// OverrideLabels configures which labels of progressive overrides (the label
// argument of @override) are active. Labels of the form percent(n) are active for
// that percentage of requests, regardless of this configuration.
type OverrideLabels struct {
	Active []string `yaml:"active" desc:"Labels that are active for every request." example:"beta-checkout"`
	Header string   `yaml:"header" desc:"Client header with a comma-separated list of further active labels. If empty, clients cannot activate labels." format:"header" example:"X-Override-Labels"`
}
