CREATE SEQUENCE order_ids AS bigint;

-- The source of truth: the events of each order, in order of their versions.
CREATE TABLE order_events (
    order_id bigint      NOT NULL,
    version  integer     NOT NULL CHECK (version > 0), -- 1, 2, 3 …, without gaps
    type     text        NOT NULL,
    data     jsonb       NOT NULL,
    at       timestamptz NOT NULL,
    actor    text        NOT NULL, -- a user's ID, system or anonymous
    PRIMARY KEY (order_id, version)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'order_events is append-only: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER order_events_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON order_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The projection that reads use: the state after each order's events, updated
-- in the transaction that appends an event.
CREATE TABLE orders (
    id            bigint      PRIMARY KEY,
    user_id       bigint      NOT NULL,
    status        text        NOT NULL CHECK (status IN ('PENDING', 'CONFIRMED', 'CANCELLED', 'REJECTED')),
    currency      text        NOT NULL,
    total         bigint      NOT NULL, -- minor units
    lines         jsonb       NOT NULL,
    placed_at     timestamptz NOT NULL,
    cancelled_at  timestamptz,
    cancel_reason text,
    rejection     jsonb,
    version       integer     NOT NULL
);

CREATE INDEX orders_user ON orders (user_id, id DESC);
CREATE INDEX orders_status ON orders (status, id DESC);
CREATE INDEX orders_pending ON orders (placed_at) WHERE status = 'PENDING';

-- Idempotency keys: the order that a caller's key stands for, and a hash of
-- the request.
CREATE TABLE order_keys (
    caller     text        NOT NULL,
    key        text        NOT NULL,
    request    bytea       NOT NULL,
    order_id   bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (caller, key)
);

CREATE INDEX order_keys_order ON order_keys (order_id);
CREATE INDEX order_keys_age ON order_keys (created_at);

-- Orders whose units inventory must take back. A row stays until it has.
CREATE TABLE stock_releases (
    order_id   bigint      PRIMARY KEY,
    created_at timestamptz NOT NULL,
    due_at     timestamptz NOT NULL,
    attempts   integer     NOT NULL DEFAULT 0,
    last_error text
);

CREATE INDEX stock_releases_due ON stock_releases (due_at);

---- create above / drop below ----

DROP TABLE stock_releases, order_keys, orders, order_events;
DROP FUNCTION refuse_change;
DROP SEQUENCE order_ids;
