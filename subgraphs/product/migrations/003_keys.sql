-- Idempotency keys of createProduct. A key belongs to a caller.
CREATE TABLE product_keys (
    caller     text        NOT NULL,
    key        text        NOT NULL,
    request    bytea       NOT NULL, -- SHA-256 of the request
    product_id bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (caller, key)
);

CREATE INDEX product_keys_age ON product_keys (created_at);

---- create above / drop below ----

DROP TABLE product_keys;
