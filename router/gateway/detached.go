package gateway

import (
	"bufio"
	"context"
	"errors"

	"souk/internal/detach"
	"souk/router/subscribe"
)

// serveDetached serves a stream that has begun and outlives the handler. done is called at its end.
func (x *exchange) serveDetached(d *detach.Response, ahead *bufio.ReadWriter, p *prepared, out subscribe.Writer, done func()) {
	out.Detach(d)
	x.outlive(d, p)
	silent := ahead.Reader.Buffered() == 0
	d.Serve(func() {
		ctx, stop := x.untilStopped(x.r.Context())
		if silent {
			d.Watch(stop)
		}
		x.serveOut(ctx, p, out, func(err error) {
			if !x.logFault(ctx, err) && err != nil && !errors.Is(context.Cause(ctx), context.Canceled) {
				x.logger.DebugContext(ctx, "stream ended", "error", err)
			}
			stop()
			d.End()
		})
	}, done)
}

// outlive prepares an exchange for the time after its handler.
func (x *exchange) outlive(d *detach.Response, p *prepared) {
	x.outlives = true
	d.After(x.end)
	x.r, x.w = detach.Request(x.r), nil
	if x.hooked != nil {
		x.hooked.HTTP = detach.Request(x.hooked.HTTP)
	}
	x.detach(p)
}
