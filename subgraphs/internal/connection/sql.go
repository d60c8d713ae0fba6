package connection

import "fmt"

// ByID returns the end of an SQL statement that reads a page of rows that are
// sorted by an integer column alone, and the statement's arguments: args and
// those of the page. What comes before the end must have a WHERE. A bound that
// the page does not have is not part of it, so that the statement always
// describes one range of an index.
func ByID(page Page[int64], column string, newestFirst bool, args []any) (string, []any) {
	after, before, direction := ">", "<", "ASC"
	if newestFirst {
		after, before = before, after
	}
	if newestFirst != page.Backward {
		direction = "DESC"
	}
	end := ""
	bound := func(operator string, at *int64) {
		if at != nil {
			args = append(args, *at)
			end += fmt.Sprintf(" AND %s %s $%d", column, operator, len(args))
		}
	}
	bound(after, page.After)
	bound(before, page.Before)
	args = append(args, page.Limit())
	return fmt.Sprintf("%s ORDER BY %s %s LIMIT $%d", end, column, direction, len(args)), args
}
