-- One message to one person through one channel. An event creates at most one
-- row per channel, however often it is delivered.
CREATE TABLE notifications (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    uuid        NOT NULL,
    channel     text        NOT NULL CHECK (channel IN ('email', 'sms')),
    user_id     bigint      NOT NULL,
    order_id    bigint,
    template    text        NOT NULL,
    recipient   text        NOT NULL, -- an e-mail address or a telephone number
    subject     text        NOT NULL, -- empty for an SMS
    body        text        NOT NULL,
    html        text        NOT NULL, -- empty for an SMS
    status      text        NOT NULL CHECK (status IN ('PENDING', 'SENT', 'DEAD')),
    attempts    integer     NOT NULL DEFAULT 0,
    -- The number of attempts after which a failure is final.
    allowed     integer     NOT NULL,
    last_error  text,
    created_at  timestamptz NOT NULL,
    due_at      timestamptz NOT NULL, -- when to attempt next; a worker claims the row by moving it on
    sent_at     timestamptz,
    traceparent text        NOT NULL, -- W3C trace context of the event, or empty
    UNIQUE (event_id, channel)
);

CREATE INDEX notifications_due ON notifications (due_at) WHERE status = 'PENDING';
CREATE INDEX notifications_user ON notifications (user_id, id DESC);
CREATE INDEX notifications_order ON notifications (order_id, id DESC);
CREATE INDEX notifications_status ON notifications (status, id DESC);

---- create above / drop below ----

DROP TABLE notifications;
