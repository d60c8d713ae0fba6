package top

import (
	"context"
	"slices"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// Options configure the view.
type Options struct {
	// Interval is the time between two snapshots; Window the time whose figures are shown.
	Interval, Window time.Duration
}

// A source provides snapshots and traces. It is a Client, except in tests.
type source interface {
	Snapshot(ctx context.Context, window time.Duration) (Snapshot, error)
	Trace(ctx context.Context, id string) (Trace, error)
}

// windows are the times that the key w chooses from.
var windows = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// A Model is the state of the interactive view.
type Model struct {
	ctx     context.Context
	source  source
	options Options
	address string // of the router, for the title

	width, height int
	snapshot      Snapshot
	tables        [tableCount]table
	failure       error // of the last attempt to read a snapshot
	// request counts the snapshots asked for. An answer to an earlier request is out of
	// date: the window has changed since.
	request int
	paused  bool

	tab       int
	views     [tableCount]tableView
	filter    textinput.Model
	filtering bool
	details   *details
	scroll    int // first line of the details shown
	help      bool
}

// A tableView is how a table is shown.
type tableView struct {
	sort     int
	reversed bool
	selected string // ID of the row
	index    int    // of the selected row, where another one is selected if it goes
	first    int    // index of the first row on the screen
}

// NewModel returns a model that shows a snapshot at first. ctx bounds its requests.
func NewModel(ctx context.Context, c *Client, first Snapshot, o Options) *Model {
	m := &Model{ctx: ctx, source: c, options: o, address: c.URL, width: 80, height: 24, filter: textinput.New()}
	m.filter.Prompt = "/"
	for i, t := range first.tables() {
		m.views[i].sort = t.sort
	}
	m.show(first)
	return m
}

// snapshotMsg is the answer to a request for a snapshot.
type snapshotMsg struct {
	request  int
	snapshot Snapshot
	err      error
}

// traceMsg is the answer to a request for a trace.
type traceMsg struct {
	id    string
	trace Trace
	err   error
}

// tickMsg asks for the next snapshot.
type tickMsg struct{ request int }

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd { return m.wait() }

// wait sends a tick after the interval.
func (m *Model) wait() tea.Cmd {
	request := m.request
	return tea.Tick(m.options.Interval, func(time.Time) tea.Msg { return tickMsg{request} })
}

// requestTimeout bounds a request for a snapshot or a trace.
const requestTimeout = 10 * time.Second

// read asks for a snapshot.
func (m *Model) read() tea.Cmd {
	m.request++
	request, window := m.request, m.options.Window
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, requestTimeout)
		defer cancel()
		s, err := m.source.Snapshot(ctx, window)
		return snapshotMsg{request: request, snapshot: s, err: err}
	}
}

// readTrace asks for the trace that the details show, unless it is there or asked for.
func (m *Model) readTrace() tea.Cmd {
	if m.details == nil {
		return nil
	}
	id := m.details.traceID(&m.snapshot)
	if id == "" || id == m.details.asked {
		return nil
	}
	m.details.asked = id
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, requestTimeout)
		defer cancel()
		t, err := m.source.Trace(ctx, id)
		return traceMsg{id: id, trace: t, err: err}
	}
}

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.keepSelection()
	case tickMsg:
		switch {
		case msg.request != m.request: // another one is on its way
		case m.paused:
			return m, m.wait()
		default:
			return m, m.read()
		}
	case snapshotMsg:
		if msg.request != m.request {
			return m, nil
		}
		m.failure = msg.err
		if msg.err == nil {
			m.show(msg.snapshot)
		}
		return m, tea.Batch(m.wait(), m.readTrace())
	case traceMsg:
		if d := m.details; d != nil && d.asked == msg.id {
			d.failed = msg.err
			if msg.err == nil {
				d.trace, d.loaded = msg.trace, msg.id
			}
		}
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		if m.filtering {
			return m, m.updateFilter(msg)
		}
	}
	return m, nil
}

// show takes over a snapshot.
func (m *Model) show(s Snapshot) {
	m.snapshot, m.tables = s, s.tables()
	m.keepSelection()
}

// rows returns the rows of the current table in the order in which they are shown.
func (m *Model) rows() []row {
	t, v := m.tables[m.tab], m.views[m.tab]
	return sorted(t, filtered(t.rows, m.filter.Value()), v.sort, v.reversed)
}

// keepSelection selects the same row as before, or the one in its place, and scrolls so that
// it is on the screen.
func (m *Model) keepSelection() {
	v, rows := &m.views[m.tab], m.rows()
	if len(rows) == 0 {
		v.index, v.first = 0, 0
		return
	}
	if i := slices.IndexFunc(rows, func(r row) bool { return r.id == v.selected }); i >= 0 {
		v.index = i
	}
	m.selectRow(v.index)
}

// selectRow selects a row by its index.
func (m *Model) selectRow(i int) {
	v, rows := &m.views[m.tab], m.rows()
	if len(rows) == 0 {
		return
	}
	v.index = min(max(i, 0), len(rows)-1)
	v.selected = rows[v.index].id
	space := m.space()
	v.first = min(max(v.first, v.index-space+1, 0), v.index)
	v.first = min(v.first, max(0, len(rows)-space))
}
