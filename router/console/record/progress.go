package record

import "sync/atomic"

// progress is what is known of an operation in progress. It belongs to an Operation, and is
// in the list of one shard from Begin to End.
type progress struct {
	client, version, agent string
	document               atomic.Pointer[Document]
	before, after          *progress // nil if it is in no list
	home                   *shard
}

// begun adds an operation to those in progress. The lock of its shard must be held.
func (p *progress) begun(s *shard, client, version, agent string) {
	p.client, p.version, p.agent, p.home = client, version, agent, s
	first := &s.running
	if first.after == nil { // the list is new
		first.before, first.after = first, first
	}
	p.before, p.after = first.before, first
	p.before.after, first.before = p, p
}

// ended removes an operation from those in progress. The lock of its shard must be held.
func (p *progress) ended() {
	if p.after == nil {
		return
	}
	p.before.after, p.after.before = p.after, p.before
	p.before, p.after = nil, nil
}

// Identify sets the document of an operation.
func (o *Operation) Identify(d *Document) {
	o.Document = d
	o.progress.document.Store(d)
}

// running counts the operations in progress, without subscriptions.
type running struct {
	operations map[operationKey]int
	clients    map[clientKey]int
}

func (r *Recorder) running() running {
	out := running{map[operationKey]int{}, map[clientKey]int{}}
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for p := s.running.after; p != nil && p != &s.running; p = p.after {
			d := p.document.Load()
			if d != nil && d.subscribes() {
				continue
			}
			if d == nil {
				d = unknown
			}
			out.operations[operationKey{d.Key, d.Name}]++
			out.clients[keyOf(p.client, p.version, p.agent)]++
		}
		s.mu.Unlock()
	}
	return out
}
