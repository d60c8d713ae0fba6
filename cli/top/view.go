package top

import (
	"fmt"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// The screen: a title, two lines of figures, a line for messages, the tabs, then the body,
// and a line of keys at the bottom.
const (
	bodyTop   = 5
	minWidth  = 40
	minHeight = 10
)

// bodyHeight is the number of lines between the tabs and the keys.
func (m *Model) bodyHeight() int { return max(1, m.height-bodyTop-1) }

// space is the number of rows of a table that fit: the body without the header.
func (m *Model) space() int { return max(1, m.bodyHeight()-1) }

// View implements tea.Model.
func (m *Model) View() tea.View {
	v := tea.NewView(strings.Join(m.screen(), "\n"))
	v.AltScreen = true
	v.WindowTitle = "souk top"
	return v
}

// screen returns the lines of the screen, as many as it is high.
func (m *Model) screen() []string {
	if m.width < minWidth || m.height < minHeight {
		return []string{ansi.Truncate(fmt.Sprintf("souk top needs %d×%d cells", minWidth, minHeight), max(1, m.width), "…")}
	}
	lines := append(header(&m.snapshot, m.address, m.width), m.message(), m.tabs())
	body := m.body()
	for i := range m.bodyHeight() {
		if i < len(body) {
			lines = append(lines, body[i])
		} else {
			lines = append(lines, "")
		}
	}
	lines = append(lines, m.footer())
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, m.width, "…")
	}
	return lines
}

// header returns the title and two lines of figures.
func header(s *Snapshot, address string, width int) []string {
	title := titleStyle.Render("souk top") + "  " + clean(strings.TrimPrefix(strings.TrimPrefix(address, "http://"), "https://"))
	if s.Info.Replica != "" {
		title += "  " + clean(s.Info.Replica)
	}
	title += "  " + clean(s.Info.Version) + "  up " + span(s.Info.Now.Sub(s.Info.Started))
	right := fmt.Sprintf("last %s   %s", window(s.Traffic.Window), s.Info.Now.UTC().Format(time.TimeOnly+"Z"))
	t := s.Traffic.Totals
	failed := 0.0
	if t.Requests > 0 {
		failed = t.Errors / t.Requests
	}
	first := fmt.Sprintf("requests %s/s   errors %s   %s",
		rate(t.Rate), errorStyle(failed).Render(share(failed)), t.text())
	second := fmt.Sprintf("in flight %s   subscriptions %s   cache %s", count(t.InFlight), count(t.Streams), hits(t.CacheHits).text)
	if n := len(s.Traffic.Shed); n > 0 && s.Traffic.Shed[n-1] > 0 {
		second += "   " + warnStyle.Render("shed "+rate(s.Traffic.Shed[n-1])+"/s")
	}
	if e := s.Events; e != nil {
		second += "   " + e.summary()
	}
	if room := width - ansi.StringWidth(first) - 4; room >= 10 {
		first = ends(first, spark(s.Traffic.Requests, min(room, 60)), width)
	}
	return []string{ends(title, right, width), first, second}
}

// window formats a window in seconds.
func window(seconds float64) string {
	if seconds >= 3600 {
		return fmt.Sprintf("%.0f h", seconds/3600)
	}
	return fmt.Sprintf("%.0f min", seconds/60)
}

// ends puts two texts at the ends of a line. The right one is left out if they do not fit.
func ends(left, right string, width int) string {
	gap := width - ansi.StringWidth(left) - ansi.StringWidth(right)
	if gap < 2 {
		return left
	}
	return left + strings.Repeat(" ", gap) + right
}

// summary counts events that wait or failed, as far as services report.
func (e *Events) summary() string {
	waiting, silent := 0.0, 0
	for _, o := range e.Outbox {
		if o.Pending == nil {
			silent++
			continue
		}
		waiting += *o.Pending
	}
	text := "events waiting "
	switch {
	case silent == 0 && e.Dead != nil:
		text += count(waiting)
	case silent == len(e.Outbox):
		text += warnStyle.Render("unknown")
	default:
		text += count(waiting) + warnStyle.Render(fmt.Sprintf(" (%d of %d outboxes unknown)", silent, len(e.Outbox)))
	}
	switch {
	case e.Dead == nil:
		text += "   " + warnStyle.Render("dead letters unknown")
	case len(e.Dead) > 0:
		text += "   " + warnStyle.Render(fmt.Sprintf("dead letters %d", len(e.Dead)))
	}
	return text
}

// message is the line for what the user should know.
func (m *Model) message() string {
	switch {
	case m.failure != nil:
		return badStyle.Render("Not up to date: " + clean(m.failure.Error()))
	case m.paused:
		return warnStyle.Render("Paused. Press p to go on.")
	}
	return ""
}

// tabs is the line of tabs with the number of rows of each table, and the filter.
func (m *Model) tabs() string {
	var tabs []string
	for i, t := range m.tables {
		text := fmt.Sprintf(" %s %d ", t.name, len(t.rows))
		if i == m.tab {
			tabs = append(tabs, selectedStyle.Bold(true).Render("["+text[1:len(text)-1]+"]"))
		} else {
			tabs = append(tabs, text)
		}
	}
	line := strings.Join(tabs, " ")
	switch {
	case m.filtering:
		return line + "  " + m.filter.View()
	case m.filter.Value() != "":
		return line + "  " + warnStyle.Render("filter /"+clean(m.filter.Value()))
	}
	return line
}

// body returns the lines between the tabs and the keys.
func (m *Model) body() []string {
	switch {
	case m.help:
		return helpLines()
	case m.details != nil:
		lines := m.details.lines(&m.snapshot, m.width)
		first := max(0, min(m.scroll, len(lines)-m.bodyHeight())) // the text may have become shorter
		return lines[first:min(len(lines), first+m.bodyHeight())]
	}
	t, v, rows := m.tables[m.tab], m.views[m.tab], m.rows()
	widths := layout(t.columns, m.width)
	lines := []string{titleStyle.Render(t.header(widths, v.sort, v.reversed))}
	if len(rows) == 0 {
		text := t.empty
		if len(t.rows) > 0 {
			text = "Nothing matches the filter. Press esc to clear it."
		}
		return append(lines, "", "  "+text)
	}
	for i := v.first; i < min(len(rows), v.first+m.space()); i++ {
		lines = append(lines, t.line(rows[i], widths, i == v.index))
	}
	return lines
}

// helpLines lists the keys.
func helpLines() []string {
	var lines []string
	for i := 0; i < len(allKeys); i += 2 {
		line := ""
		for _, k := range allKeys[i:min(i+2, len(allKeys))] {
			line += fit(k.Help().Key, 10, false) + fit(k.Help().Desc, 28, false)
		}
		lines = append(lines, "  "+strings.TrimRight(line, " "))
	}
	return append(lines, "", "  Press any key to close.")
}

// footer is the line of the most important keys.
func (m *Model) footer() string {
	shown := []key.Binding{keyNext, keyOpen, keyFilter, keySort, keyWindow, keyPause, keyHelp, keyQuit}
	names := map[string]string{"s": "sort", "w": "window", "tab": "table", "t": "other trace"}
	switch {
	case m.filtering:
		return faintStyle.Render("enter keep the filter   esc clear it")
	case m.details != nil:
		shown = []key.Binding{keyBack, keyUp, keyDown}
		if m.details.table == operations {
			shown = append(shown, keyTrace)
		}
		shown = append(shown, keyPause, keyHelp, keyQuit)
	}
	var texts []string
	for _, k := range shown {
		name := k.Help().Desc
		if short, ok := names[k.Help().Key]; ok {
			name = short
		}
		texts = append(texts, k.Help().Key+" "+name)
	}
	return faintStyle.Render(strings.Join(texts, "  "))
}
