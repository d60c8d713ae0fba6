package simulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Mode is how a fault treats a call.
type Mode string

// The modes; the package documentation describes them.
const (
	Unavailable Mode = "unavailable"
	Timeout     Mode = "timeout"
	Silent      Mode = "silent"
	Late        Mode = "late"
)

// maxFaults bounds the list of faults.
const maxFaults = 100

// Fault makes calls fail on demand.
type Fault struct {
	Operation string   `json:"operation,omitempty"` // authorize, capture, void or refund; empty: all
	Reference string   `json:"reference,omitempty"` // of the payment; empty: all
	Mode      Mode     `json:"mode"`
	Delay     Duration `json:"delay,omitempty"` // of mode late; at most 30 s
	Times     int      `json:"times,omitempty"` // 0: always
	// Used counts the calls that the fault has applied to.
	Used int `json:"used"`
}

// Duration is a time.Duration, in JSON as text such as "5s".
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("a duration must be text such as \"5s\": %w", err)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	*d = Duration(parsed)
	return nil
}

func (f Fault) validate() error {
	if f.Operation != "" && !slices.Contains([]string{"authorize", "capture", "void", "refund"}, f.Operation) {
		return fmt.Errorf("operation is %q; it must be authorize, capture, void or refund", f.Operation)
	}
	if !slices.Contains([]Mode{Unavailable, Timeout, Silent, Late}, f.Mode) {
		return fmt.Errorf("mode is %q; it must be unavailable, timeout, silent or late", f.Mode)
	}
	if d := time.Duration(f.Delay); d < 0 || d > maxWait {
		return fmt.Errorf("delay is %s; it must be from 0s to %s", d, maxWait)
	}
	if f.Times < 0 {
		return fmt.Errorf("times is %d; it must not be negative", f.Times)
	}
	return nil
}

// faults are the faults that apply at present.
type faults struct {
	mu   sync.Mutex
	list []Fault
}

func (f *faults) replace(list []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range list {
		list[i].Used = 0
	}
	f.list = list
}

func (f *faults) get() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Fault{}, f.list...)
}

// take returns the fault that applies to a call and counts its use. The zero
// Fault means that none applies.
func (f *faults) take(operation, reference string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.list {
		fault := &f.list[i]
		if (fault.Operation == "" || fault.Operation == operation) && (fault.Reference == "" || fault.Reference == reference) &&
			(fault.Times == 0 || fault.Used < fault.Times) {
			fault.Used++
			return *fault
		}
	}
	return Fault{}
}
