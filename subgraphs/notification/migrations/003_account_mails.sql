-- The e-mail of the user service that a notification is, if it needs a token.
ALTER TABLE notifications ADD COLUMN mail_id uuid;

---- create above / drop below ----

ALTER TABLE notifications DROP COLUMN mail_id;
