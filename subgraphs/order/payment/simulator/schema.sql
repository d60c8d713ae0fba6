CREATE TABLE IF NOT EXISTS payments (
    key             text        PRIMARY KEY,
    reference       text        NOT NULL,
    amount          bigint      NOT NULL CHECK (amount >= 0), -- minor units; 0 if it was voided before it was authorised
    currency        text        NOT NULL,
    status          text        NOT NULL CHECK (status IN ('AUTHORIZED', 'DECLINED', 'CAPTURED', 'VOIDED', 'REFUNDED')),
    decline_reason  text        NOT NULL DEFAULT '',
    decline_message text        NOT NULL DEFAULT '',
    refuse_capture  boolean     NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS payments_newest ON payments (created_at DESC);
