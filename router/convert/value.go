package convert

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A transform converts a scalar to YAML. The error says why that is not possible.
type transform func(c *conversion, n *node) (string, error)

// one returns the text of a scalar. The error says what the value is instead.
func (n *node) one() (string, error) {
	if text, ok := n.scalar(); ok {
		return text, nil
	}
	return "", fmt.Errorf("it is %s, where a single value was expected", n.kind())
}

// plain keeps a value.
func plain(c *conversion, n *node) (string, error) {
	text, err := n.one()
	if err == nil && n.isString {
		text = c.quote(text)
	}
	return text, err
}

// quote writes a string, with references to the environment as this router has them.
func (c *conversion) quote(text string) string {
	encoded, _ := json.Marshal(c.source.expand(text)) // a string always encodes
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(encoded))
}

// asText keeps a value as a string.
func asText(c *conversion, n *node) (string, error) {
	text, err := n.one()
	return c.quote(text), err
}

var rustDuration = regexp.MustCompile(`(\d+(?:\.\d+)?)\s*(nanoseconds?|nanos|nsec|ns|microseconds?|usec|us|µs|milliseconds?|millis|msec|ms|seconds?|secs?|sec|minutes?|mins?|hours?|hrs?|hr|days?|weeks?|s|m|h|d|w)`)

// duration converts a duration such as 30s, 1min 30s or {secs: 30, nanos: 0}.
func duration(c *conversion, n *node) (string, error) {
	if n.isMap {
		secs, err := strconv.ParseInt(n.value("secs"), 10, 64)
		nanos, wrong := strconv.ParseInt(cmp.Or(n.value("nanos"), "0"), 10, 64)
		if err != nil || wrong != nil {
			return "", fmt.Errorf("it is a map that is not a duration")
		}
		return (time.Duration(secs)*time.Second + time.Duration(nanos)).String(), nil
	}
	text, err := n.one()
	if err != nil {
		return "", err
	}
	if strings.Contains(text, "${") {
		return c.quote(text), nil
	}
	d, err := parseDuration(text)
	if err != nil {
		return "", err
	}
	return d.String(), nil
}

// seconds converts a number of seconds, or a duration.
func seconds(c *conversion, n *node) (string, error) {
	if secs, err := strconv.Atoi(n.text()); err == nil {
		return (time.Duration(secs) * time.Second).String(), nil
	}
	return duration(c, n)
}

// minutes converts a number of minutes.
func minutes(c *conversion, n *node) (string, error) { return counted(n, time.Minute) }

// millis converts a number of milliseconds.
func millis(c *conversion, n *node) (string, error) { return counted(n, time.Millisecond) }

func counted(n *node, unit time.Duration) (string, error) {
	text, err := n.one()
	if err != nil {
		return "", err
	}
	count, err := strconv.ParseInt(text, 10, 64)
	if err != nil || count < 0 || count > int64(math.MaxInt64/unit) {
		return "", fmt.Errorf("%q is not a number of units of %s", text, unit)
	}
	return (time.Duration(count) * unit).String(), nil
}

func parseDuration(text string) (time.Duration, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return d, nil
	}
	units := map[byte]time.Duration{'n': time.Nanosecond, 'u': time.Microsecond, 's': time.Second, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	parts := rustDuration.FindAllStringSubmatch(text, -1)
	if rest := rustDuration.ReplaceAllString(text, ""); len(parts) == 0 || strings.TrimSpace(rest) != "" {
		return 0, fmt.Errorf("%q is not a duration", text)
	}
	var sum time.Duration
	for _, part := range parts {
		amount, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return 0, err
		}
		unit := units[part[2][0]]
		switch {
		case strings.HasPrefix(part[2], "mill") || part[2] == "ms" || part[2] == "msec":
			unit = time.Millisecond
		case strings.HasPrefix(part[2], "micro") || part[2] == "µs":
			unit = time.Microsecond
		case part[2][0] == 'm':
			unit = time.Minute
		}
		sum += time.Duration(amount * float64(unit))
	}
	return sum, nil
}

var sizeUnits = map[string]float64{
	"": 1, "b": 1, "k": 1e3, "kb": 1e3, "kib": 1 << 10, "m": 1e6, "mb": 1e6, "mib": 1 << 20, "g": 1e9, "gb": 1e9, "gib": 1 << 30,
}

var sizeText = regexp.MustCompile(`^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$`)

// size converts a size such as 5MB or 4KiB to bytes.
func size(c *conversion, n *node) (string, error) {
	text, err := n.one()
	if err != nil {
		return "", err
	}
	if strings.Contains(text, "${") {
		return c.quote(text), nil
	}
	match := sizeText.FindStringSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("%q is not a size", text)
	}
	unit, ok := sizeUnits[strings.ToLower(match[2])]
	amount, err := strconv.ParseFloat(match[1], 64)
	if !ok || err != nil {
		return "", fmt.Errorf("%q is not a size", text)
	}
	return strconv.FormatInt(int64(amount*unit), 10), nil
}

// not negates a boolean.
func not(_ *conversion, n *node) (string, error) {
	text, err := n.one()
	if err != nil {
		return "", err
	}
	switch text {
	case "true":
		return "false", nil
	case "false":
		return "true", nil
	}
	return "", fmt.Errorf("%q is not true or false", text)
}

// percent converts 50 or "50%" to 0.5. A ratio up to 1 is kept.
func percent(_ *conversion, n *node) (string, error) {
	own, err := n.one()
	if err != nil {
		return "", err
	}
	text, marked := strings.CutSuffix(strings.TrimSpace(own), "%")
	value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return "", fmt.Errorf("%q is not a percentage", own)
	}
	if marked || value > 1 {
		value /= 100
	}
	return strconv.FormatFloat(value, 'f', -1, 64), nil
}

// oneMore adds one to a number.
func oneMore(_ *conversion, n *node) (string, error) {
	text, err := n.one()
	if err != nil {
		return "", err
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		return "", fmt.Errorf("%q is not a number", text)
	}
	return strconv.Itoa(value + 1), nil
}

// words replaces a word by another one.
func words(list map[string]string) transform {
	return func(_ *conversion, n *node) (string, error) {
		text, err := n.one()
		if err != nil {
			return "", err
		}
		if to, ok := list[text]; ok {
			return to, nil
		}
		return "", fmt.Errorf("%q has no equivalent", text)
	}
}

// recursion copies a depth, which is at most what the parser can nest.
func recursion(key string) conversionFunc {
	return func(c *conversion, n *node, names []string) {
		if depth, err := strconv.Atoi(n.text()); err == nil && depth > maxRecursion {
			c.set(n, strconv.Itoa(maxRecursion), fill(key, names)...)
			c.note(n, Changed, key, "it is %s, but the parser nests at most %d levels", n.text(), maxRecursion)
			return
		}
		to(key).convert(c, n, names)
	}
}

// maxRecursion is the highest value of limits.parser_max_recursion.
const maxRecursion = 1000
