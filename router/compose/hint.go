package compose

import (
	"encoding/json"
	"fmt"

	"souk/router/compose/internal/report"
)

// Level says how important a hint is.
type Level int

// The levels of hints, as in the composition specification.
const (
	LevelDebug Level = iota + 1
	LevelInfo
	LevelWarn
)

var levelNames = map[Level]string{LevelDebug: "debug", LevelInfo: "info", LevelWarn: "warn"}

// ParseLevel parses debug, info or warn.
func ParseLevel(name string) (Level, error) {
	for l, n := range levelNames {
		if n == name {
			return l, nil
		}
	}
	return 0, fmt.Errorf("%q is not a level of hints: use warn, info or debug", name)
}

// String returns debug, info or warn.
func (l Level) String() string { return levelNames[l] }

// MarshalJSON encodes the level as its name.
func (l Level) MarshalJSON() ([]byte, error) { return json.Marshal(l.String()) }

// Hint is something to know about a composition that succeeds, such as a difference
// between subgraphs.
type Hint struct {
	Code       string     `json:"code"` // of the composition specification
	Level      Level      `json:"level"`
	Message    string     `json:"message"`
	Coordinate string     `json:"coordinate,omitempty"` // schema coordinate; may be empty
	Locations  []Location `json:"locations,omitempty"`  // all places it concerns
}

// String returns `location: CODE: message` and omits unknown parts.
func (h Hint) String() string { return line(h.Locations, h.Code, h.Message) }

// levels are the levels of hints other than LevelWarn.
var levels = map[string]Level{
	"INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE":              LevelInfo,
	"INCONSISTENT_BUT_COMPATIBLE_ARGUMENT_TYPE":           LevelInfo,
	"INCONSISTENT_ENTITY":                                 LevelInfo,
	"INCONSISTENT_OBJECT_VALUE_TYPE_FIELD":                LevelDebug,
	"INCONSISTENT_INTERFACE_VALUE_TYPE_FIELD":             LevelDebug,
	"INCONSISTENT_UNION_MEMBER":                           LevelDebug,
	"INCONSISTENT_ENUM_VALUE_FOR_OUTPUT_ENUM":             LevelDebug,
	"UNUSED_ENUM_TYPE":                                    LevelDebug,
	"OVERRIDDEN_FIELD_CAN_BE_REMOVED":                     LevelInfo,
	"OVERRIDE_DIRECTIVE_CAN_BE_REMOVED":                   LevelInfo,
	"OVERRIDE_MIGRATION_IN_PROGRESS":                      LevelInfo,
	"MERGED_NON_REPEATABLE_DIRECTIVE_ARGUMENTS":           LevelInfo,
	"DIRECTIVE_COMPOSITION_INFO":                          LevelInfo,
	"IMPLICITLY_UPGRADED_FEDERATION_VERSION":              LevelInfo,
	"CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS": LevelInfo,
}

func (l locator) hints(hints []*report.Hint) []Hint {
	var all []Hint
	for _, h := range hints {
		level := levels[h.Code]
		if level == 0 {
			level = LevelWarn
		}
		all = append(all, Hint{Code: h.Code, Level: level, Message: h.Message, Coordinate: h.Coordinate, Locations: l.at(h.Locations)})
	}
	return all
}
