-- Attempts to do what strangers may do, such as to log in, by what was tried
-- and by the client that tried. login_attempts counted log-ins by name alone;
-- the previous release still writes to it, and a later one drops it.
create table attempts (
    action        text        not null, -- log-in, mail
    subject       text        not null, -- the name that was tried; empty: all of the client's
    client        text        not null, -- an IP address, or an IPv6 /64 network
    count         integer     not null,
    last_at       timestamptz not null,
    blocked_until timestamptz not null,
    allowed       boolean     not null, -- whether the last attempt was allowed
    primary key (action, subject, client)
);

create index attempts_age on attempts (last_at);

-- E-mails about accounts, which the notification service sends. The event of
-- an e-mail has its ID only.
create table account_mails (
    id          uuid        primary key,
    -- Null, with an empty address, if there is no account, or if the address
    -- had too many e-mails: then nothing is sent, which nobody can see.
    user_id     bigint      references users,
    purpose     text        not null, -- confirm-email, reset-password, email-changed, password-changed
    address     text        not null, -- where it is sent; what confirm-email confirms
    address_key text        not null, -- SHA-256 of the address asked for, in lower case: counts e-mails after an erasure, too
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    used_at     timestamptz           -- when its token was used or revoked
);

create index account_mails_of_address on account_mails (address_key, created_at);
create index account_mails_of_user on account_mails (user_id) where used_at is null;
create index account_mails_age on account_mails (expires_at);

-- The tokens in such e-mails: one for each attempt to send one. The tokens
-- themselves are only in the e-mails.
create table account_tokens (
    hash    bytea primary key, -- SHA-256
    mail_id uuid  not null references account_mails on delete cascade
);

create index account_tokens_of_mail on account_tokens (mail_id);

---- create above / drop below ----

drop table account_tokens;
drop table account_mails;
drop table attempts;
