package connection

import (
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Planned makes Postgres plan a statement for its arguments whenever it is
// executed. Lists with filters need that, because the best index depends on the
// values: many rows may have a status or a tag, or none. Otherwise Postgres may
// settle on one plan for all of them.
const Planned = pgx.QueryExecModeCacheDescribe

// ByID returns the end of an SQL statement that reads a page of rows that are
// sorted by an integer column alone, and the statement's arguments: args and
// those of the page. What comes before the end must have a WHERE. A bound that
// the page does not have is not part of it, so that the statement always
// describes one range of an index. The limit is part of it, so that
// every plan is made for it.
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
	return fmt.Sprintf("%s ORDER BY %s %s LIMIT %d", end, column, direction, page.Limit()), args
}
