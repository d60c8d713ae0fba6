package top

import (
	"cmp"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
)

// A column is a column of a table.
type column struct {
	title string
	width int  // in cells; 0 for the column that takes the remaining space
	right bool // align right
	// optional columns are left out of narrow terminals, the highest number first; 0
	// means never.
	optional int
	// ascending is the natural order of the column, as for names. Numbers are sorted
	// with the highest first.
	ascending bool
}

// A cell is a value in a table.
type cell struct {
	text   string
	number float64 // sorts cells of columns that are not ascending
	style  lipgloss.Style
}

// A row is a row of a table.
type row struct {
	id    string // identifies the row in the next snapshot
	cells []cell
}

// A table is a list of rows with the same columns.
type table struct {
	name    string // of its tab
	empty   string // what to show without rows
	columns []column
	rows    []row
	sort    int // the column that sorts it at first
}

func plain(text string) cell { return cell{text: clean(text)} }

func figure(n float64, format func(float64) string) cell { return cell{text: format(n), number: n} }

// filtered returns the rows in which a cell contains the text, ignoring case.
func filtered(rows []row, text string) []row {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return rows
	}
	var kept []row
	for _, r := range rows {
		if slices.ContainsFunc(r.cells, func(c cell) bool { return strings.Contains(strings.ToLower(c.text), text) }) {
			kept = append(kept, r)
		}
	}
	return kept
}

// sorted returns the rows in the order of a column, or the opposite order.
func sorted(t table, rows []row, by int, reversed bool) []row {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b row) int {
		x, y := a.cells[by], b.cells[by]
		order := cmp.Compare(y.number, x.number)
		if t.columns[by].ascending {
			order = cmp.Compare(strings.ToLower(x.text), strings.ToLower(y.text))
		}
		if reversed {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(a.id, b.id))
	})
	return rows
}

// minFlexible is the width that the flexible column keeps while there are optional columns.
const minFlexible = 22

// layout returns the width of each column; 0 means that it is left out.
func layout(columns []column, width int) []int {
	dropped := 100 // columns with this number or a higher one are left out
	for {
		widths, flexible := make([]int, len(columns)), -1
		used, next := 2, 0 // the marker of the selected row
		for i, c := range columns {
			if c.optional >= dropped {
				continue
			}
			used++ // the gap
			next = max(next, c.optional)
			widths[i] = c.width
			used += c.width
			if c.width == 0 {
				flexible = i
			}
		}
		rest := width - used + 1
		if rest >= minFlexible || next == 0 {
			if flexible >= 0 {
				widths[flexible] = max(1, rest)
			}
			return widths
		}
		dropped = next
	}
}

// header returns the line of titles. An arrow marks the column that sorts the table.
func (t table) header(widths []int, by int, reversed bool) string {
	var line strings.Builder
	line.WriteString("  ")
	for i, c := range t.columns {
		if widths[i] == 0 {
			continue
		}
		title := c.title
		if i == by {
			arrow := "▼"
			if c.ascending != reversed {
				arrow = "▲"
			}
			title += arrow
		}
		line.WriteString(fit(title, widths[i], c.right) + " ")
	}
	return strings.TrimRight(line.String(), " ")
}

// line returns the line of a row.
func (t table) line(r row, widths []int, selected bool) string {
	var line strings.Builder
	for i, c := range t.columns {
		if widths[i] == 0 {
			continue
		}
		text := fit(r.cells[i].text, widths[i], c.right)
		if !selected {
			text = r.cells[i].style.Render(text)
		}
		line.WriteString(text + " ")
	}
	text := strings.TrimRight(line.String(), " ")
	if selected {
		return selectedStyle.Render("▸ " + text)
	}
	return "  " + text
}
