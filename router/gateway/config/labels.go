package config

// OverrideLabels says which labels of progressive overrides (@override's
// label) are on. Labels percent(n) are on for that part of the requests,
// whatever stands here.
type OverrideLabels struct {
	Active []string `yaml:"active" desc:"Labels that are on for all requests."`
	Header string   `yaml:"header" desc:"Client header that names further labels, with commas between them; empty for none." format:"header"`
}
