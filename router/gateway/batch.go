package gateway

import (
	"net/http"
	"sync"
	"time"

	"souk/router/internal/jsonscan"
	"souk/router/operation"
)

// serveBatch answers several requests in one, in their order, at the same
// time. Each has its own answer, so the status is 200 once the batch as such
// is accepted.
func (x *exchange) serveBatch(body []byte) {
	if !x.config.HTTP.Batching.Enabled {
		x.fail(shape("Batching is disabled. Send one request, as a JSON object."))
		return
	}
	list, err := split(body)
	if err != nil {
		x.fail(err)
		return
	}
	if most := x.config.HTTP.Batching.MaxSize; len(list) == 0 || len(list) > most {
		x.fail(shape("A batch must have 1 to %d requests, but this one has %d.", most, len(list)))
		return
	}
	x.batch = true
	answers := make([][]byte, len(list))
	var all sync.WaitGroup
	for i := range list {
		// The request was admitted as one operation: the first.
		place, refused := x.place, (*Refusal)(nil)
		if i > 0 {
			place, refused = x.enter(x.r, x.w.Header())
		}
		if refused != nil {
			answers[i] = x.refuse(refused).body()
			continue
		}
		all.Go(func() {
			defer place.leave()
			answers[i] = x.batched(list[i])
		})
	}
	x.place = place{}
	all.Wait()
	out := []byte{'['}
	for i, a := range answers {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, a...)
	}
	x.w.Header().Set("Cache-Control", "no-store")
	x.write(http.StatusOK, append(out, ']'))
}

// split finds the items of a JSON array.
func split(body []byte) (list [][]byte, err error) {
	r := jsonscan.NewReader(body, jsonscan.MaxDepth)
	err = r.Array(func(int) error {
		item, err := r.Value()
		list = append(list, item)
		return err
	})
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return nil, notJSON(err)
	}
	return list, nil
}

// batched answers one request of a batch.
func (x *exchange) batched(value []byte) []byte {
	whole := x
	x = x.alone()
	start := time.Now()
	var req request
	err := req.parse(value)
	req.safe = x.r.Method == methodQuery
	var p *prepared
	if err == nil {
		p, err = x.prepare(x.r.Context(), &req)
	}
	if err == nil && p.op.Kind == operation.Subscription {
		err = shape("A subscription cannot be part of a batch.")
	}
	if err != nil {
		x.logFault(x.r.Context(), err)
		_, body := x.answered(x.r.Context(), http.StatusOK, x.refuse(err).body(), nil)
		return body
	}
	ctx, cancel := x.deadline(x.r.Context())
	defer cancel()
	response := x.run(ctx, p, start)
	defer response.Release()
	// Twice: once here, and once in the body of the batch.
	_, answer := x.answered(ctx, http.StatusOK, response.Body, response)
	if response.Shed || whole.memory.Grow(ctx, 2*len(answer)) != nil {
		return x.refuse(errNoRoom).body()
	}
	return append([]byte(nil), answer...)
}
