package notification

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/graphql"
	"souk/subgraphs/internal/peer"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/notification/deliver"
	"souk/subgraphs/notification/graph"
	"souk/subgraphs/notification/message"
	"souk/subgraphs/notification/notifier"
	"souk/subgraphs/notification/userclient"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations returns the service's SQL migrations (NNN_name.sql, tern's
// format).
func Migrations() fs.FS {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the pattern above embeds the directory
	}
	return files
}

const (
	consumerGroup = "notification"
	defaultSender = "Souk <shop@souk.example>"
)

// Run runs the service until ctx ends.
func Run(ctx context.Context, env server.Environment) error {
	return server.Run(ctx, env, Migrations(), build)
}

func build(_ context.Context, r server.Resources) (*server.Service, error) {
	channels, err := channels(r)
	if err != nil {
		return nil, err
	}
	writer, err := message.NewWriter()
	if err != nil {
		return nil, err
	}
	service := &notifier.Service{
		DB:       r.DB,
		Writer:   writer,
		Users:    userclient.New(r.Services["user"], r.ServiceToken, r.Telemetry.Transport(peer.Transport())),
		Channels: channels,
		Metrics:  notifier.NewMetrics(r.Telemetry.Registry),
		Tracer:   r.Telemetry.TracerProvider.Tracer("souk/subgraphs/notification/notifier"),
		Now:      r.Now,
		Logger:   r.Logger,
	}
	schema := graph.NewExecutableSchema(graph.Config{Resolvers: &graph.Resolver{Notifier: service}})
	authenticator := graphql.Authenticator(r)
	return &server.Service{
		Handler: graphql.New(r, schema, authenticator),
		Workers: []func(context.Context) error{
			r.Events.Consume(events.Consumer{Group: consumerGroup, Types: notifier.EventTypes(), Prepare: service.Prepare, Handler: service.Handle}),
			service.Work, authenticator.KeepKeys,
		},
	}, nil
}

// channels returns the channels that the environment configures.
func channels(r server.Resources) (map[notifier.Channel]notifier.Sender, error) {
	channels := map[notifier.Channel]notifier.Sender{}
	get := func(key string) string { value, _ := r.Lookup(key); return value }
	if url := get("SMTP_URL"); url != "" {
		from := get("MAIL_FROM")
		if from == "" {
			from = defaultSender
		}
		sender, err := deliver.NewEmailSender(url, from)
		if err != nil {
			return nil, fmt.Errorf("reading SMTP_URL and MAIL_FROM: %w", err)
		}
		channels[notifier.Email] = sender
	} else {
		r.Logger.Warn("e-mail is disabled; to enable it, set SMTP_URL, such as smtp://user:password@mail.example:587")
	}
	if url := get("SMS_WEBHOOK_URL"); url != "" {
		sender, err := deliver.NewSMSSender(url, get("SMS_WEBHOOK_SECRET"), r.Telemetry.Transport(nil), r.Now)
		if err != nil {
			return nil, fmt.Errorf("reading SMS_WEBHOOK_URL: %w", err)
		}
		channels[notifier.SMS] = sender
	} else {
		r.Logger.Warn("SMS is disabled; to enable it, set SMS_WEBHOOK_URL, such as https://sms.example/send")
	}
	return channels, nil
}
