package top

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// clean makes a text from the network safe to print: names and messages that clients choose
// must not control the terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r) || r == unicode.ReplacementChar: // controls, direction marks, what has no width
			return '·'
		}
		return r
	}, text)
}

// fit cuts or pads a text to a width in cells.
func fit(text string, width int, right bool) string {
	if width <= 0 {
		return ""
	}
	text = ansi.Truncate(text, width, "…")
	space := strings.Repeat(" ", width-ansi.StringWidth(text))
	if right {
		return space + text
	}
	return text + space
}

// count formats a number in at most five characters.
func count(n float64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%.0f", n)
	case n < 1e6:
		return fmt.Sprintf("%.1fk", n/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1fM", n/1e6)
	}
	return fmt.Sprintf("%.1fG", n/1e9)
}

// rate formats a number per second.
func rate(n float64) string {
	switch {
	case n == 0:
		return "0"
	case n < 0.01:
		return "<0.01"
	case n < 10:
		return fmt.Sprintf("%.2f", n)
	case n < 100:
		return fmt.Sprintf("%.1f", n)
	}
	return count(n)
}

// share formats a ratio in percent.
func share(ratio float64) string {
	percent := 100 * ratio
	switch {
	case percent == 0:
		return "0%"
	case percent < 0.1:
		return "<0.1%"
	case percent < 10:
		return fmt.Sprintf("%.1f%%", percent)
	}
	return fmt.Sprintf("%.0f%%", percent)
}

// duration formats seconds.
func duration(seconds float64) string {
	switch {
	case seconds <= 0:
		return "0"
	case seconds < 1e-6:
		return "<1µs"
	case seconds < 1e-3:
		return fmt.Sprintf("%.0fµs", seconds*1e6)
	case seconds < 10e-3:
		return fmt.Sprintf("%.1fms", seconds*1e3)
	case seconds < 1:
		return fmt.Sprintf("%.0fms", seconds*1e3)
	case seconds < 60:
		return fmt.Sprintf("%.1fs", seconds)
	}
	return span(time.Duration(seconds * float64(time.Second)))
}

// span formats a long time in two units.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// size formats bytes.
func size(n float64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%.0fB", n)
	case n < 1e6:
		return fmt.Sprintf("%.1fkB", n/1e3)
	}
	return fmt.Sprintf("%.1fMB", n/1e6)
}

// bars are the steps of a spark line.
var bars = []rune("▁▂▃▄▅▆▇█")

// spark draws the last values as a line of bars.
func spark(values []float64, width int) string {
	if len(values) > width {
		values = values[len(values)-width:]
	}
	highest := 0.0
	for _, v := range values {
		highest = max(highest, v)
	}
	var line strings.Builder
	for _, v := range values {
		step := 0
		if highest > 0 {
			step = int(max(0, v) / highest * float64(len(bars)-1))
		}
		line.WriteRune(bars[step])
	}
	return line.String()
}
