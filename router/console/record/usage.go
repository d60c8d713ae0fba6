package record

import "sync"

// fields gives numbers to the coordinates of fields, such as Product.name. It has its own
// lock because the gateway asks for numbers when it compiles a plan.
type fields struct {
	mu    sync.Mutex
	ids   map[string]uint32
	names []string // by number; number 0 is for coordinates that are not counted
}

func (f *fields) id(coordinate string) uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id, ok := f.ids[coordinate]; ok {
		return id
	}
	if len(f.names) > maxFields || len(coordinate) > 2*maxName {
		return 0
	}
	if f.ids == nil {
		f.ids, f.names = map[string]uint32{}, []string{""}
	}
	id := uint32(len(f.names))
	f.ids[coordinate] = id
	f.names = append(f.names, coordinate)
	return id
}

func (f *fields) name(id uint32) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if int(id) >= len(f.names) {
		return ""
	}
	return f.names[id]
}

const (
	usePeriod  = coarseStep
	usePeriods = Seconds/usePeriod + 1
)

// A use counts the operations that select a field.
type use struct {
	counts [usePeriods]uint32
	last   int64 // the period of the last operation
	// recent and before are sets of clients, by the index of the client's entry: those of
	// this half hour and of the one before.
	recent, before uint64
	half           int64
}

const halfHour = Seconds / 2

// advance forgets what is older than an hour.
func (u *use) advance(unix int64) {
	if period := unix / usePeriod; period > u.last {
		for at := max(u.last+1, period-usePeriods+1); at <= period; at++ {
			u.counts[at%usePeriods] = 0
		}
		u.last = period
	}
	if half := unix / halfHour; half > u.half {
		u.before = 0
		if half == u.half+1 {
			u.before = u.recent
		}
		u.recent, u.half = 0, half
	}
}

// usage has the use of fields, by their numbers.
type usage []use

func (u *usage) add(ids []uint32, unix int64, client int) {
	for _, id := range ids {
		if id == 0 {
			continue
		}
		for int(id) >= len(*u) {
			*u = append(*u, make([]use, 256)...)
		}
		one := &(*u)[id]
		one.advance(unix)
		if period := unix / usePeriod; period > one.last-usePeriods { // it may be one before the last
			one.counts[period%usePeriods]++
		}
		if client >= 0 {
			one.recent |= 1 << client
		}
	}
}

// forget removes a client from all sets.
func (u usage) forget(client int) {
	for i := range u {
		u[i].recent &^= 1 << client
		u[i].before &^= 1 << client
	}
}

// A FieldUse says how many operations of the last hour selected a field, and of which
// clients.
type FieldUse struct {
	Coordinate string
	Requests   uint64
	Clients    []string
}

// FieldUses returns the fields that were used in the last hour.
func (r *Recorder) FieldUses() []FieldUse {
	now := r.flush()
	defer r.mu.Unlock()
	names := map[int]string{}
	for key, e := range r.clients.entries {
		names[e.index] = key.name
	}
	var out []FieldUse
	for id := range r.usage {
		u := &r.usage[id]
		if u.last == 0 {
			continue
		}
		u.advance(now.Unix())
		f := FieldUse{Coordinate: r.fields.name(uint32(id))}
		for _, n := range u.counts {
			f.Requests += uint64(n)
		}
		if f.Requests == 0 {
			continue
		}
		known := map[string]bool{}
		for i := range maxClients {
			if name := names[i]; (u.recent|u.before)>>i&1 == 1 && name != "" && !known[name] {
				known[name] = true
				f.Clients = append(f.Clients, name)
			}
		}
		out = append(out, f)
	}
	return out
}

// Field returns the number of a coordinate, for Operation.Fields.
func (r *Recorder) Field(coordinate string) uint32 { return r.fields.id(coordinate) }

// Coordinate returns the coordinate of a number.
func (r *Recorder) Coordinate(id uint32) string { return r.fields.name(id) }
