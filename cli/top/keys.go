package top

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// binding is a key with its description.
func binding(description, shown string, keys ...string) key.Binding {
	return key.NewBinding(key.WithKeys(keys...), key.WithHelp(shown, description))
}

// The keys.
var (
	keyNext    = binding("next table", "tab", "tab", "right", "l")
	keyPrev    = binding("previous table", "shift+tab", "shift+tab", "left", "h")
	keyUp      = binding("up", "↑", "up", "k")
	keyDown    = binding("down", "↓", "down", "j")
	keyPageUp  = binding("page up", "pgup", "pgup", "ctrl+b")
	keyPageDn  = binding("page down", "pgdn", "pgdown", "ctrl+f", "space")
	keyHome    = binding("first", "home", "home", "g")
	keyEnd     = binding("last", "end", "end", "G")
	keySort    = binding("sort by next column", "s", "s", ">")
	keySortBk  = binding("sort by previous column", "S", "S", "<")
	keyReverse = binding("reverse the order", "r", "r")
	keyFilter  = binding("filter", "/", "/")
	keyOpen    = binding("details", "enter", "enter")
	keyTrace   = binding("latest, slowest, failing", "t", "t")
	keyBack    = binding("back", "esc", "esc", "backspace")
	keyPause   = binding("pause", "p", "p")
	keyWindow  = binding("time window", "w", "w")
	keyHelp    = binding("help", "?", "?")
	keyQuit    = binding("quit", "q", "q", "ctrl+c")
)

// allKeys are listed in the help.
var allKeys = []key.Binding{
	keyNext, keyPrev, keyUp, keyDown, keyPageUp, keyPageDn, keyHome, keyEnd,
	keyOpen, keyTrace, keyBack, keyFilter, keySort, keySortBk, keyReverse, keyWindow, keyPause, keyHelp, keyQuit,
}

// key reacts to a key.
func (m *Model) key(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case msg.String() == "ctrl+c":
		return tea.Quit
	case m.filtering:
		return m.updateFilter(msg)
	case m.help: // any key closes it
		m.help = false
		return nil
	case key.Matches(msg, keyQuit):
		return tea.Quit
	case key.Matches(msg, keyHelp):
		m.help = true
		return nil
	case key.Matches(msg, keyPause):
		m.paused = !m.paused
		return nil
	case key.Matches(msg, keyWindow):
		return m.nextWindow()
	case m.details != nil:
		return m.detailKey(msg)
	}
	return m.tableKey(msg)
}

// nextWindow shows the figures of a longer time, or of the shortest after the longest.
func (m *Model) nextWindow() tea.Cmd {
	next := windows[0]
	for _, w := range windows {
		if w > m.options.Window {
			next = w
			break
		}
	}
	m.options.Window = next
	return m.read()
}

// tableKey reacts to a key while a table is shown.
func (m *Model) tableKey(msg tea.KeyPressMsg) tea.Cmd {
	v := &m.views[m.tab]
	columns := len(m.tables[m.tab].columns)
	switch {
	case key.Matches(msg, keyNext):
		m.tab = (m.tab + 1) % tableCount
	case key.Matches(msg, keyPrev):
		m.tab = (m.tab + tableCount - 1) % tableCount
	case key.Matches(msg, keySort):
		v.sortBy((v.sort+1)%columns, false)
	case key.Matches(msg, keySortBk):
		v.sortBy((v.sort+columns-1)%columns, false)
	case key.Matches(msg, keyReverse):
		v.sortBy(v.sort, !v.reversed)
	case key.Matches(msg, keyFilter):
		m.filtering = true
		return m.filter.Focus()
	case key.Matches(msg, keyBack):
		m.filter.Reset()
	case key.Matches(msg, keyOpen):
		return m.open()
	default:
		if i, ok := moved(msg, v.index, m.space()); ok {
			m.selectRow(i)
		}
		return nil
	}
	m.keepSelection()
	return nil
}

// sortBy changes the order of the rows and selects the first one.
func (v *tableView) sortBy(column int, reversed bool) {
	*v = tableView{sort: column, reversed: reversed}
}

// moved returns where a key moves from a position, with a page of the given size.
func moved(msg tea.KeyPressMsg, position, page int) (int, bool) {
	switch {
	case key.Matches(msg, keyUp):
		return position - 1, true
	case key.Matches(msg, keyDown):
		return position + 1, true
	case key.Matches(msg, keyPageUp):
		return position - page, true
	case key.Matches(msg, keyPageDn):
		return position + page, true
	case key.Matches(msg, keyHome):
		return 0, true
	case key.Matches(msg, keyEnd):
		return int(^uint(0) >> 1), true // selectRow and scrollTo limit it
	}
	return 0, false
}

// open shows the details of the selected row.
func (m *Model) open() tea.Cmd {
	if len(m.rows()) == 0 {
		return nil
	}
	m.details, m.scroll = &details{table: m.tab, id: m.views[m.tab].selected, kind: traceKinds[0]}, 0
	return m.readTrace()
}

// detailKey reacts to a key while details are shown.
func (m *Model) detailKey(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, keyBack) || key.Matches(msg, keyOpen):
		m.details = nil
		m.keepSelection()
		return nil
	case key.Matches(msg, keyTrace) && m.details.table == operations:
		d := m.details
		for i, kind := range traceKinds {
			if kind == d.kind {
				d.kind = traceKinds[(i+1)%len(traceKinds)]
				break
			}
		}
		d.trace, d.loaded, d.asked, d.failed = Trace{}, "", "", nil
		return m.readTrace()
	}
	if to, ok := moved(msg, m.scroll, m.height-bodyTop-1); ok {
		m.scrollTo(to)
	}
	return nil
}

// scrollTo shows the details from a line on.
func (m *Model) scrollTo(line int) {
	lines := m.details.lines(&m.snapshot, m.width)
	m.scroll = max(0, min(line, len(lines)-m.bodyHeight()))
}

// updateFilter passes a message to the filter's input. Enter keeps the filter, escape clears
// it.
func (m *Model) updateFilter(msg tea.Msg) tea.Cmd {
	if k, ok := msg.(tea.KeyPressMsg); ok && (k.String() == "enter" || k.String() == "esc") {
		if k.String() == "esc" {
			m.filter.Reset()
		}
		m.filtering = false
		m.filter.Blur()
		m.keepSelection()
		return nil
	}
	var cmd tea.Cmd
	m.filter, cmd = m.filter.Update(msg)
	m.keepSelection()
	return cmd
}
