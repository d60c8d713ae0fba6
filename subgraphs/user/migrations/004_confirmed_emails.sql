-- Anyone may sign up with any address, so an address belongs to an account only
-- when it is confirmed. Addresses from before count as confirmed: they were
-- unique. The default is the same for all rows, so the table is not rewritten.
alter table users add column email_confirmed_at timestamptz default now();
alter table users alter column email_confirmed_at drop default;

---- create above / drop below ----

alter table users drop column email_confirmed_at;
