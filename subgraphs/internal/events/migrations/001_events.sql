-- Events of this service, in the order they were committed for their subject.
create table event_outbox (
    position     bigint generated always as identity primary key,
    id           uuid        not null unique,
    type         text        not null,
    subject      text        not null,
    envelope     text        not null, -- CloudEvents 1.0 JSON
    created_at   timestamptz not null default now(),
    published_at timestamptz
);

create index event_outbox_waiting on event_outbox (position) where published_at is null;
create index event_outbox_published on event_outbox (published_at) where published_at is not null;

-- Events of other services whose effects this one has.
create table processed_events (
    consumer     text        not null,
    event_id     uuid        not null,
    processed_at timestamptz not null default now(),
    primary key (consumer, event_id)
);

create index processed_events_age on processed_events (processed_at);

---- create above / drop below ----

drop table processed_events;
drop table event_outbox;
