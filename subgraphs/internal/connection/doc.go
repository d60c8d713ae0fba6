// Package connection implements Relay cursor connections with keyset
// pagination. Parse checks the arguments first, after, last and before and
// returns the Page to read. The caller reads its rows, one more than the page
// has, and NewSlice makes the edges' cursors and the PageInfo of them. For rows
// that are sorted by ID, ByID in sql.go has the end of the SQL statement.
//
// A cursor contains the sort key of a row. So pages stay correct while rows
// are added or removed before them, and every page costs the same. The
// alternative, an offset, has neither property.
package connection
