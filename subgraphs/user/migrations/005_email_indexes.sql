---- tern: disable-tx ----
-- Confirmed addresses are unique.
SET lock_timeout = 0; -- building concurrently waits for transactions, and blocks nobody
drop index concurrently if exists users_email_confirmed;
create unique index concurrently users_email_confirmed on users (email_key) where email_confirmed_at is not null;
drop index concurrently if exists users_email;
create index concurrently users_email on users (email_key);

---- create above / drop below ----

drop index users_email;
drop index users_email_confirmed;
