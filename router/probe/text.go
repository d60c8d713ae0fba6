package probe

import (
	"fmt"
	"io"
	"strings"
)

// Write writes the report for people: a line for each result, and for those that do not pass
// why and what to do.
func (r *Report) Write(w io.Writer) error {
	var text strings.Builder
	for _, x := range r.Results {
		subject := ""
		if x.Subject != "" {
			subject = " " + x.Subject
		}
		fmt.Fprintf(&text, "%s %s%s", x.Status, x.Check, subject)
		if x.Detail != "" {
			fmt.Fprintf(&text, ": %s", x.Detail)
		}
		text.WriteByte('\n')
		if x.Advice != "" {
			fmt.Fprintf(&text, "    %s\n", x.Advice)
		}
	}
	fmt.Fprintf(&text, "%d passed, %d warned, %d failed and %d skipped\n", r.Counts[Pass], r.Counts[Warn], r.Counts[Fail], r.Counts[Skip])
	_, err := io.WriteString(w, text.String())
	return err
}
