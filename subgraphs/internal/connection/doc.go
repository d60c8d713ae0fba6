// Package connection makes Relay cursor connections from keyset pages: it
// checks first, after, last and before, gives the store the page to read (one
// row more than asked for, beyond the key of a row), and from the rows makes
// edges' cursors and the page's PageInfo.
//
// A cursor is the sort key of a row, so a page stays right while rows come and
// go before it, and the thousandth page costs what the first does.
package connection
