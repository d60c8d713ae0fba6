package gateway

import (
	"net/http"
	"sync"
	"time"

	"souk/router/internal/jsonscan"
	"souk/router/internal/panics"
	"souk/router/operation"
)

// serveBatch answers a batch: it executes the requests concurrently and returns the
// responses in request order. The status is 200 even if requests fail, because each
// has its own response.
func (x *exchange) serveBatch(body []byte) {
	if !x.config.HTTP.Batching.Enabled {
		x.fail(invalidRequest("Batching is disabled. Send one request, as a JSON object."))
		return
	}
	list, err := split(body)
	if err != nil {
		x.fail(err)
		return
	}
	if most := x.config.HTTP.Batching.MaxSize; len(list) == 0 || len(list) > most {
		x.fail(invalidRequest("A batch must have 1 to %d requests, but this one has %d.", most, len(list)))
		return
	}
	x.batch = true
	x.unsee() // each member is an operation of its own
	x.exposed = exposeNothing
	answers := make([][]byte, len(list))
	var all sync.WaitGroup
	for i := range list {
		// The HTTP request has already been admitted as one operation.
		slot, refused := x.slot, (*Refusal)(nil)
		if i > 0 {
			slot, refused = x.takeSlot(x.r, x.w.Header())
		}
		if refused != nil {
			answers[i] = x.refuse(refused).body()
			continue
		}
		all.Go(func() {
			defer slot.release()
			err := panics.Catch(func() error {
				answers[i] = x.batched(list[i])
				return nil
			})
			if err != nil {
				x.logFault(x.r.Context(), err)
				answers[i] = x.refuse(err).body()
			}
		})
	}
	x.slot = slot{}
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

// split returns the items of a JSON array.
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
	x = x.forBatchMember()
	x.see("batch")
	defer x.saw()
	start := time.Now()
	var req request
	err := req.parse(value)
	req.safe = x.r.Method == methodQuery
	var p *prepared
	if err == nil {
		p, err = x.prepare(x.r.Context(), &req)
	}
	if err == nil && p.op.Kind == operation.Subscription {
		err = invalidRequest("A subscription cannot be part of a batch.")
	}
	if err != nil {
		x.logFault(x.r.Context(), err)
		f := x.refuse(err)
		x.sawFailure(f)
		_, body := x.hookResponse(x.r.Context(), http.StatusOK, f.body(), nil)
		return body
	}
	ctx := x.deadline(x.r.Context())
	defer ctx.Cancel()
	response := x.run(ctx, p, start)
	defer response.Release()
	// The response is copied twice: here and into the body of the batch.
	_, answer := x.hookResponse(ctx, http.StatusOK, response.Body, response)
	if response.Shed || whole.memory.Grow(ctx, 2*len(answer)) != nil {
		return x.refuse(errNoRoom).body()
	}
	return append([]byte(nil), answer...)
}
