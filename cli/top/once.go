package top

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// WriteText writes a snapshot as text without colours: the figures and all tables, each
// sorted as in the interactive view. Lines are at most width cells long.
func (s *Snapshot) WriteText(w io.Writer, address string, width int) error {
	var text strings.Builder
	line := func(l string) { text.WriteString(strings.TrimRight(ansi.Strip(l), " ") + "\n") }
	for _, l := range header(s, address, width) {
		line(l)
	}
	for _, t := range s.tables() {
		line("")
		line(fmt.Sprintf("%s (%d)", t.name, len(t.rows)))
		if len(t.rows) == 0 {
			line("  " + t.empty)
			continue
		}
		widths := layout(t.columns, width)
		line(t.header(widths, t.sort, false))
		for _, r := range sorted(t, t.rows, t.sort, false) {
			line(t.line(r, widths, false))
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// WriteJSON writes a snapshot as a JSON object with a member for each resource of the API,
// such as info and operations. Each is the API's own response.
func (s *Snapshot) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(s.raw)
}
