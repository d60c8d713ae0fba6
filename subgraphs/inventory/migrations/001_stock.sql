-- Units of each product. on_hand includes reserved units, so on_hand - reserved
-- can be ordered. The checks are the last line of defence against overselling;
-- the code never violates them.
CREATE TABLE stock_levels (
    product_id bigint PRIMARY KEY,
    on_hand integer NOT NULL CHECK (on_hand >= 0),
    reserved integer NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    sold bigint NOT NULL DEFAULT 0 CHECK (sold >= 0),
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL,
    CONSTRAINT never_oversold CHECK (reserved <= on_hand)
);

-- Units reserved for an order. An order has at most one reservation.
CREATE TABLE reservations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id text NOT NULL UNIQUE,
    status text NOT NULL CHECK (status IN ('HELD', 'COMMITTED', 'RELEASED', 'EXPIRED')),
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Serves the query for expired holds.
CREATE INDEX reservations_held ON reservations (expires_at) WHERE status = 'HELD';

CREATE TABLE reservation_lines (
    reservation_id bigint NOT NULL REFERENCES reservations,
    product_id bigint NOT NULL REFERENCES stock_levels,
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (reservation_id, product_id)
);

-- Restocks with an idempotency key, so that a repeated call adds nothing.
CREATE TABLE restocks (
    idempotency_key text PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES stock_levels,
    quantity integer NOT NULL CHECK (quantity > 0),
    created_at timestamptz NOT NULL
);

---- create above / drop below ----

DROP TABLE restocks, reservation_lines, reservations, stock_levels;
