-- New rows only: checking the old ones would block readers, and they are valid.
ALTER TABLE orders
    DROP CONSTRAINT orders_status_check,
    ADD CONSTRAINT orders_status_check CHECK (status IN
        ('PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'REJECTED')) NOT VALID,
    ADD COLUMN shipping_address jsonb,
    ADD COLUMN payment jsonb,  -- null: the order is not paid through the provider
    ADD COLUMN shipment jsonb; -- null: not shipped

-- The payment provider's token of a pending order's means of payment. It is a
-- secret, so it is not in the events, and it is deleted once it has been used.
CREATE TABLE payment_tokens (
    order_id bigint PRIMARY KEY,
    token    text   NOT NULL
);

-- Orders whose payment must be voided, captured or refunded. Which of them is
-- due follows from the order's events. A row stays until the provider has done
-- it.
CREATE TABLE payment_tasks (
    order_id   bigint      PRIMARY KEY,
    created_at timestamptz NOT NULL,
    due_at     timestamptz NOT NULL,
    attempts   integer     NOT NULL DEFAULT 0,
    last_error text
);

CREATE INDEX payment_tasks_due ON payment_tasks (due_at);

-- Users whose accounts were erased. A row without done_at has orders left whose
-- personal data must be erased.
CREATE TABLE erasures (
    user_id    bigint      PRIMARY KEY,
    created_at timestamptz NOT NULL,
    due_at     timestamptz NOT NULL,
    done_at    timestamptz
);

CREATE INDEX erasures_due ON erasures (due_at) WHERE done_at IS NULL;

-- An event's data without what identifies a person. OrderPlaced keeps the ID of
-- the user, which the erased account still has.
CREATE FUNCTION without_personal_data(type text, data jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE type
        WHEN 'OrderPlaced' THEN data - 'shippingAddress'
        WHEN 'OrderCancelled' THEN data - 'reason'
        WHEN 'OrderShipped' THEN data - 'trackingNumber'
        WHEN 'RefundRequested' THEN data - 'reason'
        ELSE data
    END;

-- order_events stays append-only, with one exception: personal data can be
-- removed.
CREATE FUNCTION refuse_change_except_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        OLD.data := without_personal_data(OLD.type, OLD.data);
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'order_events is append-only: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;

DROP TRIGGER order_events_append_only ON order_events;

CREATE TRIGGER order_events_append_only
    BEFORE UPDATE OR DELETE ON order_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change_except_erasure();

CREATE TRIGGER order_events_no_truncate
    BEFORE TRUNCATE ON order_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

---- create above / drop below ----

DROP TRIGGER order_events_no_truncate ON order_events;
DROP TRIGGER order_events_append_only ON order_events;
CREATE TRIGGER order_events_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON order_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
DROP FUNCTION refuse_change_except_erasure, without_personal_data;
DROP TABLE erasures, payment_tasks, payment_tokens;
ALTER TABLE orders
    DROP COLUMN shipment, DROP COLUMN payment, DROP COLUMN shipping_address,
    DROP CONSTRAINT orders_status_check,
    ADD CONSTRAINT orders_status_check CHECK (status IN ('PENDING', 'CONFIRMED', 'CANCELLED', 'REJECTED')) NOT VALID;
