---- tern: disable-tx ----
-- Messages to a recipient who has not been confirmed are counted by hour. An
-- index that an interrupted run left behind is invalid.
SET lock_timeout = 0; -- building concurrently waits for transactions, and blocks nobody
DROP INDEX CONCURRENTLY IF EXISTS notifications_recipient;
CREATE INDEX CONCURRENTLY notifications_recipient ON notifications (lower(recipient), created_at) WHERE order_id IS NOT NULL;

---- create above / drop below ----

DROP INDEX notifications_recipient;
