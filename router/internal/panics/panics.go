// Package panics turns a panic into an error, so that it ends one operation and not the process:
// package net/http recovers only in the goroutine of a request.
package panics

import (
	"fmt"
	"runtime/debug"
)

// An Error is a panic.
type Error struct {
	value any
	// Stack is where it happened.
	Stack []byte
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// Catch calls f. If f panics, the error is an [*Error].
func Catch(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &Error{value: value, Stack: debug.Stack()}
		}
	}()
	return f()
}
