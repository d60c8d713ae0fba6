package config

// OverrideLabels says which labels of progressive overrides (@override's
// label) are on. Labels percent(n) are on for that part of the requests,
// whatever stands here.
type OverrideLabels struct {
	Active []string `yaml:"active" desc:"Labels that are active for every request."`
	Header string   `yaml:"header" desc:"Client header with a comma-separated list of further active labels. If empty, clients cannot activate labels." format:"header"`
}
