-- Other addresses need not be.
alter table users drop constraint users_email_taken;

---- create above / drop below ----

alter table users add constraint users_email_taken unique (email_key);
