-- The outbox: events of this service. Events of one subject are in commit
-- order, provided that each change locks its subject before it appends.
create table event_outbox (
    position     bigint generated always as identity primary key,
    id           uuid        not null unique,
    type         text        not null,
    subject      text        not null,
    time         timestamptz not null,
    traceparent  text        not null,
    tracestate   text        not null,
    data         json        not null,
    published_at timestamptz,
    stream_id    text        -- of the entry in the Redis stream, once published
);

create index event_outbox_waiting on event_outbox (position) where published_at is null;
create index event_outbox_published on event_outbox (published_at) where published_at is not null;

-- Events that this service has processed.
create table processed_events (
    consumer     text        not null, -- the consumer group
    event_id     text        not null,
    processed_at timestamptz not null default now(),
    primary key (consumer, event_id)
);

create index processed_events_age on processed_events (processed_at);

---- create above / drop below ----

drop table processed_events;
drop table event_outbox;
