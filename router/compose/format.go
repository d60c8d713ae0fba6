package compose

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is a format of errors and hints.
type Format string

// The formats.
const (
	FormatText   Format = "text"   // for people
	FormatJSON   Format = "json"   // one object, on one line
	FormatGitHub Format = "github" // annotations of GitHub Actions
)

// ParseFormat parses the name of a format.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case FormatText, FormatJSON, FormatGitHub:
		return f, nil
	}
	return "", fmt.Errorf("%q is not a format: use text, json or github", name)
}

// Write writes errors and hints in the format.
func (f Format) Write(w io.Writer, problems Errors, hints []Hint) error {
	return f.write(w, problems, hints, "")
}

// write writes errors and hints, and in JSON also the reason of another failure, if there is
// one.
func (f Format) write(w io.Writer, problems Errors, hints []Hint, reason string) error {
	var text strings.Builder
	switch f {
	case FormatJSON:
		writeJSON(&text, problems, hints, reason)
	case FormatGitHub:
		writeGitHub(&text, problems, hints)
	default:
		WriteText(&text, problems, hints)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// report writes errors and hints. It returns the error that the command ends with.
func (c Command) report(result *Result, err error) error {
	if c.Stderr == nil {
		return err
	}
	var problems Errors
	reason := ""
	if err != nil && !errors.As(err, &problems) {
		reason = err.Error()
	}
	var hints []Hint
	if result != nil {
		hints = slices.DeleteFunc(slices.Clone(result.Hints), func(h Hint) bool { return !c.Hints && !c.fails(h) })
	}
	if writing := c.Format.write(c.Stderr, problems, hints, reason); writing != nil {
		return errors.Join(err, fmt.Errorf("writing errors and hints: %w", writing))
	}
	if len(problems) > 0 {
		return reportedError{problems}
	}
	return err
}

// A reportedError is errors that have been written.
type reportedError struct{ problems Errors }

func (e reportedError) Error() string {
	if len(e.problems) == 1 {
		return "the subgraphs do not compose: 1 error"
	}
	return fmt.Sprintf("the subgraphs do not compose: %d errors", len(e.problems))
}

func (e reportedError) Unwrap() error { return e.problems }

// WriteText writes errors and hints for people: each with all its places and what to do.
func WriteText(b *strings.Builder, problems Errors, hints []Hint) {
	also := func(at []Location) {
		for _, l := range at[min(1, len(at)):] {
			fmt.Fprintf(b, "    also at %s\n", l)
		}
	}
	for _, p := range problems {
		fmt.Fprintf(b, "%s\n", p)
		also(p.Locations)
		if p.Suggestion != "" {
			fmt.Fprintf(b, "    %s\n", p.Suggestion)
		}
	}
	for _, h := range hints {
		fmt.Fprintf(b, "%s: %s\n", h.Level, h)
		also(h.Locations)
	}
}

func writeJSON(b *strings.Builder, problems Errors, hints []Hint, reason string) {
	if problems == nil {
		problems = Errors{}
	}
	if hints == nil {
		hints = []Hint{}
	}
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(struct {
		Errors Errors `json:"errors"`
		Hints  []Hint `json:"hints"`
		Reason string `json:"reason,omitempty"`
	}{problems, hints, reason}) // strings and numbers always encode
}

// writeGitHub writes workflow commands: see
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
func writeGitHub(b *strings.Builder, problems Errors, hints []Hint) {
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	command := func(name, code, message string, at []Location) {
		var properties []string
		if len(at) > 0 {
			file := at[0].File
			if file != "" {
				properties = append(properties, "file="+property.Replace(file))
			} else {
				message = "[" + at[0].Subgraph + "] " + message
			}
			if at[0].Line > 0 {
				properties = append(properties, fmt.Sprintf("line=%d,col=%d", at[0].Line, at[0].Column))
			}
			for _, l := range at[1:] {
				message += "\nalso at " + l.String()
			}
		}
		properties = append(properties, "title="+property.Replace(code))
		fmt.Fprintf(b, "::%s %s::%s\n", name, strings.Join(properties, ","), data.Replace(message))
	}
	for _, p := range problems {
		message := p.Message
		if p.Suggestion != "" {
			message += "\n" + p.Suggestion
		}
		command("error", p.Code, message, p.Locations)
	}
	for _, h := range hints {
		name := "notice"
		if h.Level == LevelWarn {
			name = "warning"
		}
		command(name, h.Code, h.Message, h.Locations)
	}
}
