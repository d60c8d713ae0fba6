// Package panics turns a panic into an error, so that it ends one operation and not the process:
// package net/http recovers only in the goroutine of a request.
package panics

import (
	"fmt"
	"runtime/debug"
)

// An Error is a panic.
type Error struct {
	Value any
	// Stack is where it happened.
	Stack []byte
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Catch calls f. If f panics, the error is an [*Error].
func Catch(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &Error{Value: value, Stack: debug.Stack()}
		}
	}()
	return f()
}
