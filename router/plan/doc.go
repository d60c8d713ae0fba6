// Package plan holds plans: how an operation is answered, as data. The
// planner, in plan/planner, makes them; execute carries them out; people read
// them by [Print].
package plan
