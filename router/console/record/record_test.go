package record_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk/router/console/record"
	"souk/router/execute"
	"souk/router/operation"
)

// A clock is a time that a test sets.
type clock struct{ time.Time }

func newRecorder(t testing.TB) (*record.Recorder, *clock) {
	t.Helper()
	c := &clock{time.Unix(1_800_000_000, 0)}
	r := record.New(record.Options{Now: func() time.Time { return c.Time }, Every: -1})
	t.Cleanup(r.Close)
	return r, c
}

var lastID uint64

// an returns an operation to end.
func an(r *record.Recorder, name string, took time.Duration) *record.Operation {
	lastID++
	var id record.TraceID
	binary.LittleEndian.PutUint64(id[:], lastID)
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64())
	o := r.Begin(id, "", "", "")
	o.Document = &record.Document{Key: "k" + name, Hash: "h" + name, Name: name, Text: "query " + name + " { f }"}
	o.Duration, o.Status = took, 200
	return o
}

func fail(o *record.Operation, code string) *record.Operation {
	o.Errors, o.Codes = 1, append(o.Codes, code)
	o.Messages = fmt.Appendf(o.Messages, `[{"message":"m","extensions":{"code":%q}}]`, code)
	return o
}

// TestQuantilesAreClose compares with exact quantiles: the error is at most the width of a
// bucket, a quarter of the value.
func TestQuantilesAreClose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{time.Unix(1_800_000_000, 0)}
		r := record.New(record.Options{Now: func() time.Time { return c.Time }, Every: -1})
		defer r.Close()
		all := rapid.SliceOfN(rapid.IntRange(0, 100_000_000), 1, 500).Draw(t, "microseconds")
		for _, us := range all {
			r.End(an(r, "a", time.Duration(us)*time.Microsecond))
		}
		slices.Sort(all)
		list, _ := r.Operations(time.Minute)
		s := list[0]
		for q, got := range map[float64]float64{.5: s.P50, .95: s.P95, .99: s.P99} {
			exact := float64(all[max(int(q*float64(len(all))+.9999999)-1, 0)]) / 1e6
			if got < exact*.75-4e-6 || got > exact*1.34+4e-6 {
				t.Fatalf("quantile %v of %d durations is %v, exactly %v", q, len(all), got, exact)
			}
		}
	})
}

func TestWindowsForget(t *testing.T) {
	r, c := newRecorder(t)
	r.End(an(r, "a", time.Millisecond))
	for _, step := range []struct {
		after              time.Duration
		minute, five, hour uint64
	}{
		{0, 1, 1, 1}, {30 * time.Second, 1, 1, 1}, {90 * time.Second, 0, 1, 1}, {6 * time.Minute, 0, 0, 1}, {54 * time.Minute, 0, 0, 1}, {66 * time.Minute, 0, 0, 0},
	} {
		c.Time = time.Unix(1_800_000_000, 0).Add(step.after)
		for window, want := range map[time.Duration]uint64{time.Minute: step.minute, 5 * time.Minute: step.five, time.Hour: step.hour} {
			list, _ := r.Operations(window)
			var got uint64
			for _, o := range list {
				got += o.Requests
			}
			if got != want {
				t.Errorf("after %v, the last %v have %d requests, want %d", step.after, window, got, want)
			}
		}
	}
}

// TestWindowsHaveAllTheirRequests: no request of a window is missing, wherever its steps begin.
func TestWindowsHaveAllTheirRequests(t *testing.T) {
	for _, window := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour} {
		r, c := newRecorder(t)
		for range int(window / (7 * time.Second)) {
			r.End(an(r, "a", time.Millisecond))
			r.Highest() // count it
			c.Time = c.Add(7 * time.Second)
		}
		want := uint64(window / (7 * time.Second))
		if list, _ := r.Operations(window); len(list) != 1 || list[0].Requests != want {
			t.Errorf("the last %v have %+v, want %d requests", window, list, want)
		}
	}
}

func TestRateIsPerSecondOfTheTimeCovered(t *testing.T) {
	r, c := newRecorder(t)
	for range 90 { // 10 requests a second
		for range 10 {
			r.End(an(r, "a", time.Millisecond))
		}
		r.Traffic(60) // count them at this time
		c.Time = c.Add(time.Second)
	}
	for _, window := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		list, _ := r.Operations(window)
		if rate := list[0].PerSecond(); rate < 9 || rate > 11 {
			t.Errorf("%v: %v per second", window, rate)
		}
	}
	traffic := r.Traffic(60)
	if rate := traffic.Total.PerSecond(); rate != 10 || traffic.Total.Requests != 600 {
		t.Errorf("%+v", traffic.Total)
	}
}

// TestTotalsAreUpToDate: a step of an hour is a minute, but the totals do not wait for its end.
func TestTotalsAreUpToDate(t *testing.T) {
	r, c := newRecorder(t)
	c.Time = c.Truncate(time.Hour).Add(time.Hour + 5*time.Second)
	r.End(an(r, "a", time.Millisecond))
	for _, window := range []int{60, 300, 3600} {
		if got := r.Traffic(window).Total; got.Requests != 1 || got.P50 == 0 {
			t.Errorf("window %d: %+v", window, got)
		}
	}
	c.Time = c.Add(time.Hour)
	if got := r.Traffic(3600).Total; got.Requests != 1 {
		t.Errorf("an hour later: %+v", got)
	}
	c.Time = c.Add(5 * time.Minute)
	if got := r.Traffic(3600).Total; got.Requests != 0 {
		t.Errorf("after an hour: %+v", got)
	}
}

func TestTrafficShowsGaugesAndErrorsOverTime(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	gauges := record.Gauges{InFlight: 3, Subscriptions: 2}
	r := record.New(record.Options{Now: func() time.Time { return c.Time }, Every: -1, Gauges: func() record.Gauges { return gauges }})
	defer r.Close()
	for i := range 10 {
		gauges.Shed = float64(5 * i)
		r.Tick()
		r.End(fail(an(r, "a", time.Millisecond), "BAD"))
		o := an(r, "a", time.Millisecond)
		o.Fetches = append(o.Fetches, execute.FetchStatistics{Subgraph: "s", Looked: 4, Found: 3, Sent: 1})
		r.End(o)
		r.Traffic(60)
		c.Time = c.Add(time.Second)
	}
	got := r.Traffic(60)
	last := got.Points[len(got.Points)-1]
	if last.InFlight != 3 || last.Subscriptions != 2 || last.Shed != 5 || last.Requests != 2 || last.Errors != 1 || got.Shed != 45 || last.Time != c.Unix()-1 {
		t.Errorf("%+v", last)
	}
	if got.Total.Looked != 40 || got.Total.Found != 30 || got.Total.Errors != 10 {
		t.Errorf("%+v", got.Total)
	}
}

// TestRareOperationsCannotPushOutThoseInUse: a million distinct operations are counted, but
// not told apart.
func TestRareOperationsCannotPushOutThoseInUse(t *testing.T) {
	r, c := newRecorder(t)
	const rare = 1_000_000
	for i := range rare {
		if i%1000 == 0 {
			r.End(an(r, "used", time.Millisecond))
			c.Time = c.Add(time.Millisecond)
			r.Dropped()
		}
		r.End(an(r, fmt.Sprintf("rare%d", i), time.Millisecond))
		if i%100 == 0 {
			r.Highest() // count them
		}
	}
	list, other := r.Operations(time.Hour)
	var sum, used uint64
	for _, o := range list {
		sum += o.Requests
		if o.Document.Name == "used" {
			used = o.Requests
		}
	}
	if used != rare/1000 || len(list) > 300 || sum+other.Requests != rare+rare/1000 || r.Dropped() != 0 {
		t.Errorf("%d operations, %d requests of the one in use, %d + %d requests", len(list), used, sum, other.Requests)
	}
}

// TestRepeatedNewOperationsCannotPushOutThoseInUse: an attacker sends each of many documents
// several times, a hundred times as often as operations are sent that have been in use.
func TestRepeatedNewOperationsCannotPushOutThoseInUse(t *testing.T) {
	for _, times := range []int{2, 5} {
		r, c := newRecorder(t)
		const used = 50
		next := 0
		for second := range 160 {
			for i := range used { // each every 10 s
				if second%10 == i%10 {
					r.End(an(r, fmt.Sprint("used", i), time.Millisecond))
					r.Highest() // count it
				}
			}
			for range 100 {
				if second < 60 {
					break // the attack has not begun
				}
				next++
				for range times {
					r.End(an(r, fmt.Sprint("attack", next), time.Millisecond))
				}
				if next%10 == 0 {
					r.Highest() // count them
				}
			}
			c.Time = c.Add(time.Second)
		}
		list, other := r.Operations(time.Hour)
		found, sum := 0, uint64(0)
		for _, o := range list {
			sum += o.Requests
			if strings.HasPrefix(o.Document.Name, "used") && o.Requests == 16 {
				found++
			}
		}
		if want := uint64(100*100*times + used*16); found != used || len(list) > 256 || sum+other.Requests != want {
			t.Errorf("each %d times: %d of %d operations in use, %d operations, %d + %d of %d requests", times, found, used, len(list), sum, other.Requests, want)
		}
	}
}

// TestOperationsInUseReplaceThoseThatNobodyUses: after an attack has filled the table, all
// operations in use get statistics of their own.
func TestOperationsInUseReplaceThoseThatNobodyUses(t *testing.T) {
	r, c := newRecorder(t)
	for i := range 1000 {
		for range 3 {
			r.End(an(r, fmt.Sprint("attack", i), time.Millisecond))
			r.Highest()
		}
	}
	for range 120 {
		for i := range 200 {
			r.End(an(r, fmt.Sprint("used", i), time.Millisecond))
			if i%10 == 0 {
				r.Highest()
			}
		}
		c.Time = c.Add(time.Second)
	}
	list, _ := r.Operations(time.Minute)
	found := 0
	for _, o := range list {
		if strings.HasPrefix(o.Document.Name, "used") && o.Requests >= 50 {
			found++
		}
	}
	if found != 200 {
		t.Errorf("%d of 200 operations in use", found)
	}
}

// TestOperationThatBecomesUsedReplacesAnOldOne: the table adapts.
func TestOperationThatBecomesUsedReplacesAnOldOne(t *testing.T) {
	r, c := newRecorder(t)
	for i := range 400 {
		r.End(an(r, fmt.Sprint("old", i), time.Millisecond))
		r.Highest()
	}
	c.Time = c.Add(time.Minute)
	for range 3 {
		r.End(an(r, "new", time.Millisecond))
	}
	list, other := r.Operations(time.Hour)
	if !slices.ContainsFunc(list, func(o record.OperationStats) bool { return o.Document.Name == "new" && o.Requests == 2 }) {
		t.Errorf("%d operations without the new one", len(list))
	}
	var sum uint64
	for _, o := range list {
		sum += o.Requests
	}
	if sum+other.Requests != 403 {
		t.Errorf("%d + %d requests", sum, other.Requests)
	}
}

func TestOrdinaryTracesCannotPushOutFailingOnes(t *testing.T) {
	r, c := newRecorder(t)
	r.SetSample(1)
	bad := fail(an(r, "a", time.Millisecond), "BAD")
	id := bad.ID
	r.End(bad)
	for range 20_000 {
		o := an(r, "a", time.Millisecond)
		o.Variables = append(o.Variables, `{"a":"`+strings.Repeat("x", 1000)+`"}`...)
		r.End(o)
		r.Highest()
		c.Time = c.Add(time.Millisecond)
	}
	if r.Trace(id) == nil {
		t.Error("the failing trace is gone")
	}
	if all := r.Traces(record.Filter{Limit: 100_000}); len(all) < 500 || len(all) > 5000 {
		t.Errorf("%d traces", len(all))
	}
	if failing := r.Traces(record.Filter{Limit: 10, Outcome: "error"}); len(failing) != 1 || failing[0].ID != id {
		t.Errorf("%v", failing)
	}
}

// Under overload, operations that are rejected for it do not take the place of others, though all are
// sampled: some of their traces are kept.
func TestRejectionsUnderOverloadCannotPushOutTraces(t *testing.T) {
	r, c := newRecorder(t)
	r.SetSample(1)
	bad := fail(an(r, "a", time.Millisecond), "BAD")
	id := bad.ID
	r.End(bad)
	const seconds, each = 10, 3000
	for range seconds * each {
		o := fail(an(r, "a", time.Millisecond), "OVERLOADED")
		o.AtLimit = true
		o.Variables = append(o.Variables, `{"a":"`+strings.Repeat("x", 1000)+`"}`...)
		r.End(o)
		r.Highest()
		c.Time = c.Add(time.Second / each)
	}
	if r.Trace(id) == nil {
		t.Error("the trace that failed for another reason is gone")
	}
	all := r.Traces(record.Filter{Limit: 100_000})
	if len(all) < seconds || len(all) > 10*seconds {
		t.Errorf("%d traces in %d seconds", len(all), seconds)
	}
}

func TestSlowOperationsAreKept(t *testing.T) {
	r, c := newRecorder(t)
	r.SetSample(0)
	for range 200 {
		r.End(an(r, "a", 10*time.Millisecond))
		r.Highest()
		c.Time = c.Add(20 * time.Millisecond)
	}
	slow := an(r, "a", 50*time.Millisecond)
	id := slow.ID
	r.End(slow)
	got := r.Traces(record.Filter{Limit: 10, Outcome: "slow"})
	if len(got) != 1 || got[0].ID != id || got[0].Outcome() != "slow" {
		t.Errorf("%v", got)
	}
	if all := r.Traces(record.Filter{Limit: 100}); len(all) > 3 {
		t.Errorf("%d traces of an operation that is mostly alike", len(all))
	}
}

func TestFieldsRememberTheirClientsForAnHour(t *testing.T) {
	r, c := newRecorder(t)
	name := r.Field("Product.name")
	use := func(client string) {
		o := an(r, "a", time.Millisecond)
		o.Client, o.Fields = client, []uint32{name}
		r.End(o)
	}
	use("old")
	got := r.FieldUses()
	if len(got) != 1 || got[0].Requests != 1 || fmt.Sprint(got[0].Clients) != "[old]" || got[0].Coordinate != "Product.name" {
		t.Errorf("%+v", got)
	}
	c.Time = c.Add(50 * time.Minute)
	use("new")
	if got = r.FieldUses(); got[0].Requests != 2 {
		t.Errorf("%+v", got)
	}
	c.Time = c.Add(20 * time.Minute)
	if got = r.FieldUses(); got[0].Requests != 1 || fmt.Sprint(got[0].Clients) != "[new]" {
		t.Errorf("%+v", got)
	}
	c.Time = c.Add(2 * time.Hour)
	if got = r.FieldUses(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestMemoryIsBounded does what clients could do to fill the memory: many operations, clients,
// codes and subgraphs, long names, large documents, variables and messages.
func TestMemoryIsBounded(t *testing.T) {
	before := heap()
	r, c := newRecorder(t)
	r.SetSample(1)
	for i := range 6_000 {
		var id record.TraceID
		binary.LittleEndian.PutUint64(id[:], uint64(i))
		id[15] = byte(i)
		o := r.Begin(id, "", "", "")
		name := fmt.Sprintf("%d%s", i, strings.Repeat("n", i%3000))
		// As the gateway does it: one document for an entry of its cache.
		o.New = true
		o.Document = document(t, name, fmt.Sprintf("query %s { f } #%s", name, strings.Repeat("d", (i%50)*4000)))
		o.Client, o.ClientVersion, o.UserAgent = name, name, name
		o.Duration = time.Duration(i) * time.Microsecond
		o.Variables = append(o.Variables, strings.Repeat("v", i%4000)...)
		if i%2 == 0 {
			o.Errors, o.Codes, o.Services = 1, append(o.Codes, name), append(o.Services, name)
			o.Messages = fmt.Appendf(o.Messages, `[{"message":%q,"extensions":{"code":%q}}]`, name, name)
		}
		o.Fields = []uint32{r.Field("T." + name)}
		for range i % 20 {
			o.Fetches = append(o.Fetches, execute.FetchStatistics{Subgraph: name, Sent: 1, Err: errors.New(name)})
		}
		r.End(o)
		if i%16 == 0 {
			c.Time = c.Add(time.Second)
			r.Highest()
		}
		if i%1000 == 0 {
			r.Reloaded(record.Reload{Reason: name, Changes: make([]record.Change, 10_000)})
			r.Invalidated(record.Invalidation{Type: name, Key: name})
		}
	}
	used := heap() - before
	t.Logf("%.1f MB", float64(used)/(1<<20))
	if used > 30<<20 {
		t.Errorf("%d bytes", used)
	}
	runtime.KeepAlive(r)
}

func document(t *testing.T, name, text string) *record.Document {
	t.Helper()
	parsed, err := schema(t).Parse("{ f }", "")
	if err != nil {
		t.Fatal(err)
	}
	d := record.NewDocument("hash"+name, text, text, parsed)
	d.Name = name
	return d
}

var parsedSchema *operation.Schema

func schema(t *testing.T) *operation.Schema {
	t.Helper()
	if parsedSchema == nil {
		var err error
		if parsedSchema, err = operation.NewSchema("type Query { f: Int }"); err != nil {
			t.Fatal(err)
		}
	}
	return parsedSchema
}

// heap returns the bytes of the heap in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkOperation is all that recording an operation with two fetches costs, in requests
// and in the background.
func BenchmarkOperation(b *testing.B) {
	r := record.New(record.Options{})
	defer r.Close()
	r.SetSample(.01)
	d := &record.Document{Key: strings.Repeat("k", 64), Hash: strings.Repeat("a", 64), Name: "Example", Text: "query Example { f }"}
	fields := make([]uint32, 20)
	for i := range fields {
		fields[i] = r.Field(fmt.Sprint("T.f", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		var id record.TraceID
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
		o := r.Begin(id, "", "", "k6/1.0")
		o.Start, o.Fields = time.Now(), fields
		o.Identify(d)
		for s := record.Receive; s <= record.Respond; s++ {
			o.Mark(s)
		}
		o.Fetches = append(o.Fetches, execute.FetchStatistics{Subgraph: "a", Sent: 100}, execute.FetchStatistics{Subgraph: "b", Sent: 100})
		o.Duration = time.Since(o.Start)
		r.End(o)
	}
}

// TestEqualInvalidationsAreOne: an event can be delivered twice.
func TestEqualInvalidationsAreOne(t *testing.T) {
	r, c := newRecorder(t)
	for _, one := range []struct {
		typ, key string
		after    time.Duration
	}{{"Product", "1", 0}, {"Stock", "1", 0}, {"Product", "1", 300 * time.Millisecond}, {"Stock", "1", 0}, {"Product", "2", 0}, {"Product", "1", time.Minute}} {
		c.Time = c.Add(one.after)
		r.Invalidated(record.Invalidation{Time: c.Time, Type: one.typ, Key: one.key, Reason: "product.updated", Count: 1})
	}
	var got []string
	for _, i := range r.Invalidations() {
		got = append(got, fmt.Sprintf("%s %s %d", i.Type, i.Key, i.Times))
	}
	if want := []string{"Product 1 1", "Product 2 1", "Stock 1 2", "Product 1 2"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
