package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// An Attribute is a value of an operation for spans, instruments and the access log.
type Attribute struct {
	From    string `yaml:"from" desc:"Where the value is: request_header or response_header of the HTTP request, claim of the token, context (a value of the request context, which hooks and the coprocessor set), operation, or static: the value is key itself." enum:"request_header,response_header,claim,context,operation,static" example:"request_header"`
	Key     string `yaml:"key" desc:"Name of the header, the claim (or its path, such as realm.tenant) or the value of the context. Of an operation: name, type, hash, client_name, client_version, carrier, status, or errors, which is true or false." example:"X-Tenant"`
	Default string `yaml:"default" desc:"Value if there is none. If empty, spans and lines of the access log do not have the attribute then, and the label of an instrument is empty." example:"none"`
}

// operationKeys are the keys of attributes of the operation.
var operationKeys = []string{"name", "type", "hash", "client_name", "client_version", "carrier", "status", "errors"}

// A Condition holds for some operations.
type Condition struct {
	Attribute string `yaml:"attribute" desc:"Name of an attribute in telemetry.attributes." example:"tenant"`
	Equals    string `yaml:"equals" desc:"The value that it must have. Without equals and matches, it must have any." example:"acme"`
	Matches   string `yaml:"matches" desc:"Regular expression (RE2) that must match the whole value." format:"pattern" example:"a.*"`
	Not       bool   `yaml:"not" desc:"The condition must not hold."`
}

// An Instrument is a metric of operations.
type Instrument struct {
	Type        string      `yaml:"type" desc:"counter, whose name for Prometheus ends with _total, or histogram." enum:"counter,histogram"`
	Measure     string      `yaml:"measure" desc:"What it counts or observes for each operation: operations, which is 1, duration in seconds, errors in the response, fetches from subgraphs, or the cost of the response. Durations end with _seconds and have the buckets of telemetry.duration_buckets." enum:"operations,duration,errors,fetches,cost"`
	Description string      `yaml:"description" desc:"Help text." example:"Orders by tenant."`
	Attributes  []string    `yaml:"attributes" desc:"Names of attributes in telemetry.attributes, which are labels." example:"tenant"`
	Conditions  []Condition `yaml:"conditions" desc:"Only operations for which all of these hold are counted."`
	Max         int         `yaml:"max" desc:"How many combinations of values of the attributes have time series of their own: those that occur most. All others count with _other as each value, as do values longer than 100 bytes. 0 means 100." max:"1000"`
}

const (
	maxAttributes  = 50
	maxInstruments = 50
	maxLabels      = 8
	maxConditions  = 10
)

var (
	attributeName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]{0,99}$`)
	notInLabel    = regexp.MustCompile(`[^a-zA-Z0-9_]`)
)

// ownMetrics are the beginnings of the names of the router's metrics.
var ownMetrics = []string{"souk_", "http_", "go_", "process_", "promhttp_", "target_"}

// LabelName returns the name of an attribute as the label of a metric.
func LabelName(attribute string) string { return notInLabel.ReplaceAllString(attribute, "_") }

// MetricName returns the name of an instrument for Prometheus.
func (i Instrument) MetricName(name string) string {
	name = notInLabel.ReplaceAllString(name, "_")
	if i.Measure == "duration" {
		name = strings.TrimSuffix(name, "_seconds") + "_seconds"
	}
	if i.Type == "counter" {
		name = strings.TrimSuffix(name, "_total") + "_total"
	}
	return name
}

// checkAttributes adds what is wrong with attributes and their uses.
func (t *Telemetry) checkAttributes(add addFunc) {
	add(len(t.Attributes) > maxAttributes, "telemetry.attributes", fmt.Sprintf("telemetry.attributes has %d attributes; it may have %d", len(t.Attributes), maxAttributes))
	for name, a := range t.Attributes {
		key := "telemetry.attributes." + name
		add(!attributeName.MatchString(name), key, fmt.Sprintf("%s: the name of an attribute has letters, digits, _, . and -, begins with a letter, and has at most 100 characters", key))
		add(a.From == "" || a.Key == "", key, key+" has no from or no key; set both, such as from: request_header and key: X-Tenant")
		add(a.From == "operation" && a.Key != "" && !slices.Contains(operationKeys, a.Key), key+".key", fmt.Sprintf("%s.key is %q; of an operation it must be one of %s", key, a.Key, strings.Join(operationKeys, ", ")))
	}
	t.known(add, "telemetry.span_attributes", t.SpanAttributes)
	t.known(add, "telemetry.access_log.attributes", t.AccessLog.Attributes)
	t.checkConditions(add, "telemetry.access_log.conditions", t.AccessLog.Conditions)
	add(len(t.Instruments) > maxInstruments, "telemetry.instruments", fmt.Sprintf("telemetry.instruments has %d instruments; it may have %d", len(t.Instruments), maxInstruments))
	metrics := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(t.Instruments)) {
		t.checkInstrument(add, name, metrics)
	}
}

// checkInstrument adds what is wrong with an instrument. metrics has the names of those before.
func (t *Telemetry) checkInstrument(add addFunc, name string, metrics map[string]string) {
	i, key := t.Instruments[name], "telemetry.instruments."+name
	metric := i.MetricName(name)
	add(!attributeName.MatchString(name), key, fmt.Sprintf("%s: the name of an instrument has letters, digits, _, . and -, begins with a letter, and has at most 100 characters", key))
	for _, own := range ownMetrics {
		add(strings.HasPrefix(metric, own), key, fmt.Sprintf("%s: names that begin with %s are those of the router; choose another one", key, own))
	}
	if former, taken := metrics[metric]; taken {
		add(true, key, fmt.Sprintf("%s is %s for Prometheus, as is %s; rename one of them", key, metric, former))
	}
	metrics[metric] = name
	add(i.Type == "" || i.Measure == "", key, key+" has no type or no measure; set both, such as type: counter and measure: operations")
	add(len(i.Attributes) > maxLabels, key+".attributes", fmt.Sprintf("%s.attributes has %d attributes; it may have %d", key, len(i.Attributes), maxLabels))
	t.known(add, key+".attributes", i.Attributes)
	labels := map[string]bool{"le": true}
	for n, attribute := range i.Attributes {
		add(labels[LabelName(attribute)], fmt.Sprintf("%s.attributes[%d]", key, n), fmt.Sprintf("%s.attributes has the label %s twice, or it is le, which has another meaning", key, LabelName(attribute)))
		labels[LabelName(attribute)] = true
	}
	t.checkConditions(add, key+".conditions", i.Conditions)
}

func (t *Telemetry) checkConditions(add addFunc, key string, list []Condition) {
	add(len(list) > maxConditions, key, fmt.Sprintf("%s has %d conditions; it may have %d", key, len(list), maxConditions))
	for i, c := range list {
		_, ok := t.Attributes[c.Attribute]
		add(c.Attribute == "", fmt.Sprintf("%s[%d]", key, i), fmt.Sprintf("%s[%d] has no attribute; name one of telemetry.attributes", key, i))
		add(c.Attribute != "" && !ok, fmt.Sprintf("%s[%d].attribute", key, i), unknownAttribute(key, c.Attribute))
	}
}

// known adds the names that are no attributes.
func (t *Telemetry) known(add addFunc, key string, names []string) {
	for i, name := range names {
		_, ok := t.Attributes[name]
		add(!ok, fmt.Sprintf("%s[%d]", key, i), unknownAttribute(key, name))
	}
}

func unknownAttribute(key, name string) string {
	return fmt.Sprintf("%s names the attribute %s, which telemetry.attributes does not have; define it there", key, name)
}

// attributeExample is the example of a key that has to do with attributes, or empty for others.
func attributeExample(path string) string {
	const (
		conditions = "conditions:\n%s  - attribute: tenant\n%s    equals: acme\n%s    matches: a.*\n%s    not: false\n"
		instrument = "  instruments:\n    tenant.orders:\n      type: counter\n      measure: operations\n      description: Orders by tenant.\n      attributes: [tenant]\n      max: 100\n      "
	)
	of := func(key string) bool {
		return path == "telemetry."+key || strings.HasPrefix(path, "telemetry."+key+".")
	}
	text := "telemetry:\n  attributes:\n    tenant:\n      from: request_header\n      key: X-Tenant\n      default: none\n"
	switch {
	case of("attributes"):
		return text
	case of("span_attributes"):
		return text + "  span_attributes: [tenant]\n"
	case of("instruments"):
		return text + instrument + strings.ReplaceAll(conditions, "%s", "      ")
	case of("access_log.attributes"), of("access_log.conditions"):
		return text + "  access_log:\n    enabled: true\n    attributes: [tenant]\n    " + strings.ReplaceAll(conditions, "%s", "    ")
	}
	return ""
}
