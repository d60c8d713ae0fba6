-- The version of the schema of an event's data. Adding the column does not
-- rewrite the table. A release that does not know it writes version 1.
alter table event_outbox add column schema_version integer not null default 1;

---- create above / drop below ----

alter table event_outbox drop column schema_version;
