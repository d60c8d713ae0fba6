package eventsource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"souk/router/internal/tlsfile"
)

const (
	// kafkaPartitions is how often a topic is asked for new partitions.
	kafkaPartitions = 30 * time.Second
	// kafkaSilence is how long Range waits for records that may not exist: compaction and
	// transactions leave gaps.
	kafkaSilence = 2 * time.Second
	// kafkaDial bounds the time to connect to a broker with TLS.
	kafkaDial = 10 * time.Second
	// maxKafkaCursor bounds the length of a cursor in bytes.
	maxKafkaCursor = 4096
)

// KafkaOptions configure connections to Kafka.
type KafkaOptions struct {
	// Brokers are the addresses of brokers, host:port.
	Brokers []string
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, or empty for no authentication.
	Mechanism, Username, Password string
	// TLS has the configuration of connections, or is nil for none.
	TLS *tlsfile.Source
}

// A Kafka is a Source of topics of Kafka. It reads all partitions of a topic, without a consumer
// group. A cursor lists the next offset of each partition, such as 0:17,1:4. Each topic that is
// read has connections of its own.
type Kafka struct {
	options []kgo.Opt
	client  *kgo.Client
	admin   *kadm.Client
}

var _ Source = (*Kafka)(nil)

// NewKafka returns a Source. It connects when it is used.
func NewKafka(o KafkaOptions) (*Kafka, error) {
	options := []kgo.Opt{kgo.SeedBrokers(o.Brokers...), kgo.ClientID("souk")}
	if o.TLS != nil {
		options = append(options, kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, kafkaDial)
			defer cancel()
			return o.TLS.Dial(ctx, network, address)
		}))
	}
	var mechanism sasl.Mechanism
	switch o.Mechanism {
	case "PLAIN":
		mechanism = plain.Auth{User: o.Username, Pass: o.Password}.AsMechanism()
	case "SCRAM-SHA-256":
		mechanism = scram.Auth{User: o.Username, Pass: o.Password}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		mechanism = scram.Auth{User: o.Username, Pass: o.Password}.AsSha512Mechanism()
	}
	if mechanism != nil {
		options = append(options, kgo.SASL(mechanism))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("using Kafka: %w", err)
	}
	return &Kafka{options: options, client: client, admin: kadm.NewClient(client)}, nil
}

// Close implements Source.
func (k *Kafka) Close() error {
	k.client.Close()
	return nil
}

// CheckTopic implements Source.
func (k *Kafka) CheckTopic(literal string) error {
	if i := strings.IndexFunc(literal, unsafeInKafka); i >= 0 {
		return fmt.Errorf("the name of a topic of Kafka has only letters of ASCII, digits and ._-, not %q", literal[i:i+1])
	}
	return nil
}

func unsafeInKafka(r rune) bool {
	return r != '.' && (unsafeInTopic(r) || strings.ContainsRune("=+@~", r))
}

// offsets are the next offsets by partition.
type offsets map[int32]int64

func (o offsets) String() string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(o)) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d:%d", p, o[p])
	}
	return b.String()
}

func parseOffsets(cursor string) (offsets, bool) {
	o := offsets{}
	if cursor == "" || len(cursor) > maxKafkaCursor {
		return o, false
	}
	for one := range strings.SplitSeq(cursor, ",") {
		partition, offset, _ := strings.Cut(one, ":")
		p, err := strconv.ParseInt(partition, 10, 32)
		n, offsetErr := strconv.ParseInt(offset, 10, 64)
		_, twice := o[int32(p)]
		if err != nil || offsetErr != nil || p < 0 || n < 0 || twice {
			return nil, false
		}
		o[int32(p)] = n
	}
	return o, true
}

// Advance implements Source. The ID of an event is its partition and offset.
func (k *Kafka) Advance(cursor string, e *Event) string {
	at, _ := parseOffsets(cursor)
	of, _ := parseOffsets(e.ID)
	for p, offset := range of {
		if next, known := at[p]; known && offset < next {
			return cursor
		}
		at[p] = offset + 1
	}
	return at.String()
}

// Behind implements Source.
func (k *Kafka) Behind(cursor, other string) bool {
	a, _ := parseOffsets(cursor)
	b, _ := parseOffsets(other)
	for p, offset := range b {
		if a[p] < offset {
			return true
		}
	}
	return false
}

// listed returns the offsets of a topic.
func listed(list kadm.ListedOffsets, topic string, err error) (offsets, error) {
	if err == nil {
		err = list.Error()
	}
	if err == nil && len(list[topic]) == 0 {
		err = kerr.UnknownTopicOrPartition
	}
	if err != nil {
		return nil, fmt.Errorf("reading the offsets of the topic %s: %w", topic, err)
	}
	o := offsets{}
	for p, at := range list[topic] {
		o[p] = at.Offset
	}
	return o, nil
}

// End implements Source.
func (k *Kafka) End(ctx context.Context, topic string) (string, error) {
	list, err := k.admin.ListEndOffsets(ctx, topic)
	ends, err := listed(list, topic, err)
	return ends.String(), err
}

// Verify implements Source.
func (k *Kafka) Verify(ctx context.Context, topic, cursor string) error {
	at, ok := parseOffsets(cursor)
	if !ok {
		return ErrInvalidCursor
	}
	list, err := k.admin.ListEndOffsets(ctx, topic)
	ends, err := listed(list, topic, err)
	if err != nil {
		return err
	}
	list, err = k.admin.ListStartOffsets(ctx, topic)
	starts, err := listed(list, topic, err)
	if err != nil {
		return err
	}
	for p, offset := range at {
		if end, known := ends[p]; !known || offset > end {
			return fmt.Errorf("%w: the topic ends at %s", ErrInvalidCursor, ends)
		}
	}
	for p, start := range starts {
		if at[p] < start {
			return fmt.Errorf("%w: the topic begins at %s", ErrTrimmed, starts)
		}
	}
	return nil
}

// consumer returns a client that reads partitions from offsets.
func (k *Kafka) consumer(topic string, from offsets) (*kgo.Client, error) {
	partitions := map[int32]kgo.Offset{}
	for p, offset := range from {
		partitions[p] = kgo.NewOffset().At(offset)
	}
	client, err := kgo.NewClient(append(slices.Clone(k.options),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: partitions}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.KeepControlRecords(), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)...)
	if err != nil {
		return nil, fmt.Errorf("reading the topic %s: %w", topic, err)
	}
	return client, nil
}

// poll returns the records that have arrived, after at most the given time.
func poll(ctx context.Context, client *kgo.Client, most time.Duration) ([]*kgo.Record, error) {
	bounded, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	fetches := client.PollFetches(bounded)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return fetches.Records(), failure(fetches)
}

// failure returns the first error of a poll, but not that of its context.
func failure(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		switch {
		case errors.Is(e.Err, kerr.OffsetOutOfRange):
			return fmt.Errorf("%w: partition %d", ErrTrimmed, e.Partition)
		case !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled):
			return fmt.Errorf("reading partition %d: %w", e.Partition, e.Err)
		}
	}
	return nil
}

func kafkaEvent(r *kgo.Record) *Event {
	return &Event{ID: offsets{r.Partition: r.Offset}.String(), Payload: r.Value}
}

// Range implements Source. Events of different partitions have no order.
func (k *Kafka) Range(ctx context.Context, topic, after, until string, deliver func(*Event) error) error {
	at, _ := parseOffsets(after)
	end, _ := parseOffsets(until)
	from := offsets{}
	for p, offset := range end {
		if at[p] < offset {
			from[p] = at[p]
		}
	}
	if err := k.Verify(ctx, topic, after); err != nil {
		return err
	}
	client, err := k.consumer(topic, from)
	if err != nil {
		return err
	}
	defer client.Close()
	for len(from) > 0 {
		records, err := poll(ctx, client, kafkaSilence)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return nil // what lies before until was compacted or aborted
		}
		for _, r := range records {
			if _, wanted := from[r.Partition]; !wanted || r.Offset >= end[r.Partition] {
				delete(from, r.Partition)
				continue
			}
			if !r.Attrs.IsControl() {
				if err := deliver(kafkaEvent(r)); err != nil {
					return err
				}
			}
			if r.Offset+1 >= end[r.Partition] {
				delete(from, r.Partition)
			}
		}
	}
	return nil
}

// Follow implements Source. It reads partitions that are added from their start.
func (k *Kafka) Follow(ctx context.Context, topic, after string, deliver func(*Event)) error {
	at, _ := parseOffsets(after)
	client, err := k.consumer(topic, at)
	if err != nil {
		return err
	}
	defer client.Close()
	for checked := time.Now(); ; {
		records, err := poll(ctx, client, kafkaPartitions)
		if err != nil {
			return err
		}
		for _, r := range records {
			if !r.Attrs.IsControl() {
				deliver(kafkaEvent(r))
			}
		}
		if time.Since(checked) < kafkaPartitions {
			continue
		}
		checked = time.Now()
		list, err := k.admin.ListEndOffsets(ctx, topic)
		ends, err := listed(list, topic, err)
		if err != nil {
			return err
		}
		for p := range ends {
			if _, known := at[p]; !known {
				at[p] = 0
				client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: {p: kgo.NewOffset().AtStart()}})
			}
		}
	}
}
