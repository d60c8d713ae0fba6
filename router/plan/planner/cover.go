package planner

// A cover says which clauses are not met, and bounds how many groups that takes.
type cover struct {
	clauses clauses
	may     []bool
	// Scratch space: the open clauses, and by group the number of open clauses and how much
	// of its request has been divided among them.
	open   [][]int32
	counts []int64
	shared []int64
	// looks counts the groups of clauses that have been looked at.
	looks int
}

// wholeRequest is the weight of a request that is divided among clauses.
const wholeRequest = 1 << 32

func newCover(found clauses, may []bool) *cover {
	return &cover{clauses: found, may: may, counts: make([]int64, len(may)), shared: make([]int64, len(may))}
}

// all returns all clauses.
func (c *cover) all() bits {
	open := newBits(len(c.clauses.lists))
	for i := range c.clauses.lists {
		open.set(int32(i))
	}
	return open
}

// bound returns how many groups are needed at least to meet the open clauses, and the clause with the
// fewest groups; nil if one cannot be met. Beyond most it need not be exact.
//
// Each clause takes a share of a request, so that the shares of a group's clauses are one
// request at most. Whatever groups meet the clauses, the shares are no more than the
// groups (by duality of linear programs).
func (c *cover) bound(open bits, most int) (least int, smallest []int32) {
	clear(c.counts)
	c.open = c.open[:0]
	size := 0
	for i, list := range c.clauses.lists {
		if !open.has(int32(i)) {
			continue
		}
		c.open = append(c.open, list)
		c.looks += len(list)
		n := 0
		for _, g := range list {
			if c.may[g] {
				c.counts[g]++
				n++
			}
		}
		if n == 0 {
			return 0, nil
		}
		if smallest == nil || n < size {
			smallest, size = list, n
		}
	}
	// First the request of each group is divided equally among its clauses.
	for g, n := range c.counts {
		if c.shared[g] = 0; n > 0 {
			c.counts[g] = wholeRequest / n
		}
	}
	var sum int64
	for _, list := range c.open {
		sum += c.share(list, c.counts)
	}
	if wholeRequests(sum) > most {
		return wholeRequests(sum), smallest
	}
	for g := range c.counts {
		c.counts[g] = wholeRequest
	}
	for _, list := range c.open { // what is left goes to the first clauses
		sum += c.share(list, c.counts)
	}
	if wholeRequests(sum) > most {
		return wholeRequests(sum), smallest
	}
	clear(c.shared)
	var inTurn int64
	for _, list := range c.open { // or all of it does
		inTurn += c.share(list, c.counts)
	}
	return wholeRequests(max(sum, inTurn)), smallest
}

func wholeRequests(sum int64) int { return int((sum + wholeRequest - 1) / wholeRequest) }

// share divides the requests of a clause's groups: it takes as much as there is of each, but at
// most so much.
func (c *cover) share(list []int32, most []int64) int64 {
	share := int64(wholeRequest)
	for _, g := range list {
		if c.may[g] {
			share = min(share, most[g], wholeRequest-c.shared[g])
		}
	}
	if share > 0 {
		for _, g := range list {
			c.shared[g] += share
		}
	}
	return share
}
