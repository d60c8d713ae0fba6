package eventsource_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"souk/router/gateway/config"
)

// A kafka is an implementation of Kafka's protocol for tests, in this process.
type kafka struct {
	*kfake.Cluster
	t      *testing.T
	client *kgo.Client
}

func startKafka(t *testing.T, partitions int32, topics ...string) *kafka {
	t.Helper()
	return startKafkaWith(t, []kfake.Opt{kfake.SeedTopics(partitions, topics...)})
}

// startKafkaWith starts a Kafka with options, and a client.
func startKafkaWith(t *testing.T, options []kfake.Opt, of ...kgo.Opt) *kafka {
	t.Helper()
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(append(of, kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &kafka{Cluster: cluster, t: t, client: client}
}

func (k *kafka) produce(topic string, partition int32, event string) {
	k.t.Helper()
	if err := k.client.ProduceSync(k.t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte(event)}).FirstErr(); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kafka) provider() config.EventProvider {
	return config.EventProvider{Kind: "kafka", Kafka: config.KafkaEvents{Brokers: k.ListenAddrs()}}
}

// Events of all partitions arrive, and continue after Last-Event-ID, which has the offsets of all
// partitions.
func TestKafka(t *testing.T) {
	k := startKafka(t, 2, "orders.1")
	s := open(t, options{provider: k.provider()})
	const query = `subscription { orderChanged(id: 1) { total status } }`
	k.produce("orders.1", 0, `{"id":"1","total":0}`)
	k.produce("orders.1", 1, `{"id":"1","total":1}`)
	sub := s.subscribe(t, query, "Last-Event-ID: 0:0,1:1")
	if m := sub.expect(`{"data":{"orderChanged":{"total":0,"status":"PAID"}}}`); m.id != "0:1,1:1" {
		t.Errorf("the ID is %q", m.id)
	}
	k.produce("orders.1", 1, `{"id":"1","total":2}`)
	last := sub.expect(`{"data":{"orderChanged":{"total":2,"status":"PAID"}}}`)
	if last.id != "0:1,1:2" {
		t.Errorf("the ID is %q", last.id)
	}
	sub.body.Close()
	const events = 200
	for i := range events {
		k.produce("orders.1", int32(i%2), fmt.Sprintf(`{"id":"1","total":%d}`, 100+i))
	}
	again := s.subscribe(t, query, "Last-Event-ID: "+last.id)
	seen := map[string]bool{}
	for range events {
		seen[again.next().data] = true
	}
	for i := range events {
		if data := fmt.Sprintf(`{"data":{"orderChanged":{"total":%d,"status":"PAID"}}}`, 100+i); !seen[data] {
			t.Errorf("%s is missing", data)
		}
	}
}

// Offsets that a topic has not reached or does not keep are errors.
func TestKafkaLastEventIDThatCannotBeUsed(t *testing.T) {
	k := startKafka(t, 1, "orders.1")
	s := open(t, options{provider: k.provider()})
	for range 5 {
		k.produce("orders.1", 0, `{"id":"1"}`)
	}
	if _, err := kadm.NewClient(k.client).DeleteRecords(t.Context(), kadm.Offsets{"orders.1": {0: kadm.Offset{Topic: "orders.1", Partition: 0, At: 3}}}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"x": "INVALID_LAST_EVENT_ID", "0:6": "INVALID_LAST_EVENT_ID", "1:0": "INVALID_LAST_EVENT_ID", "0:2": "EVENTS_LOST", "0:3": `"data"`} {
		if m := s.subscribe(t, `subscription { orderChanged(id: 1) { id } }`, "Last-Event-ID: "+id).next(); !strings.Contains(m.data, want) {
			t.Errorf("%q: got %+v", id, m)
		}
	}
	if m := s.subscribe(t, `subscription { orderChanged(id: "a@b") { id } }`).next(); !strings.Contains(m.data, "BAD_USER_INPUT") {
		t.Errorf("got %+v", m)
	}
}
