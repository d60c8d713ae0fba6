package router

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"souk/router/gateway/config"
	"souk/router/internal/tlsfile"
)

// listen listens on host:port, or on a Unix socket if the address is unix:PATH, perhaps with
// ?mode=0660. setting says where the address comes from.
func listen(ctx context.Context, address, setting string) (net.Listener, error) {
	network, at := "tcp", address
	path, mode, unix, err := config.UnixSocket(address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with %s", address, err, setting)
	}
	if unix {
		network, at = "unix", path
		removeStale(ctx, path)
	}
	l, err := new(net.ListenConfig).Listen(ctx, network, at)
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			err = op.Err // without the address, which the message has already
		}
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with %s", address, err, setting)
	}
	if mode != 0 {
		if err := os.Chmod(path, mode); err != nil {
			_ = l.Close()
			return nil, fmt.Errorf("cannot set the mode of %s: %w; choose another address with %s", address, err, setting)
		}
	}
	return l, nil
}

// removeStale removes the socket of a process that has not removed it at its end. Nobody
// accepts connections there.
func removeStale(ctx context.Context, path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return
	}
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close()
		return
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		_ = os.Remove(path)
	}
}

// secure returns the TLS configuration of a port, or nil if it speaks plain HTTP. port is the
// value of a label.
func (s server) secure(ctx context.Context, port, key string, t config.ServerTLS) (*tls.Config, error) {
	if !t.Enabled() {
		return nil, nil
	}
	c, err := t.Config(s.config.HTTP.HTTP2, tlsfile.Options{
		Expires: func(at time.Time) { s.metrics.CertificateExpiry(port).Set(float64(at.Unix())) },
		Changed: tlsChanged(ctx, s.logger.With("key", key)),
	})
	if err != nil {
		return nil, fmt.Errorf("%s.%w", key, err)
	}
	return c, nil
}

// tlsChanged logs what comes of changed files.
func tlsChanged(ctx context.Context, logger *slog.Logger) func(error) {
	return func(err error) {
		if err != nil {
			logger.ErrorContext(ctx, "the changed TLS files cannot be used; new connections use the previous ones", "error", err)
			return
		}
		logger.InfoContext(ctx, "new connections use the changed TLS files")
	}
}

// errorLog returns the log of an http.Server. Handshakes that fail are the fault of clients,
// such as port scanners, and are logged at level debug.
func errorLog(logger *slog.Logger) *log.Logger { return log.New(serverErrors{logger}, "", 0) }

type serverErrors struct{ logger *slog.Logger }

func (e serverErrors) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.Contains(line, []byte("TLS handshake error")) {
		level = slog.LevelDebug
	}
	e.logger.Log(context.Background(), level, string(bytes.TrimSpace(line)))
	return len(line), nil
}
