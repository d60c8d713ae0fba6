-- When the account was erased. Its names are then empty or made up, and their
-- keys are values that no account can choose.
alter table users add column erased_at timestamptz;

---- create above / drop below ----

alter table users drop column erased_at;
