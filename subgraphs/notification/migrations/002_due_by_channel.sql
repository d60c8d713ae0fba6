---- tern: disable-tx ----
-- Each channel has its own workers, which look for what is due in their
-- channel. An index that an interrupted run left behind is invalid.
SET lock_timeout = 0; -- building concurrently waits for transactions, and blocks nobody
DROP INDEX CONCURRENTLY IF EXISTS notifications_due_by_channel;
CREATE INDEX CONCURRENTLY notifications_due_by_channel ON notifications (channel, due_at) WHERE status = 'PENDING';

---- create above / drop below ----

DROP INDEX notifications_due_by_channel;
