create table users (
    id            bigint generated always as identity primary key,
    username      text        not null,
    username_key  text        not null constraint users_username_taken unique, -- lower case
    email         text        not null,
    email_key     text        not null constraint users_email_taken unique,    -- lower case
    display_name  text        not null,
    phone         text,                                                        -- E.164
    password_hash text,                                                        -- PHC string, argon2id
    roles         text[]      not null default '{CUSTOMER}',
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    version       integer     not null default 1
);

-- A session is a chain of single-use refresh tokens.
create table sessions (
    id         uuid        primary key,
    user_id    bigint      not null references users,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at   timestamptz,
    ended_by   text        -- logout, reuse, password
);

create index sessions_of_user on sessions (user_id) where ended_at is null;
create index sessions_age on sessions (expires_at);

create table refresh_tokens (
    hash       bytea       primary key, -- SHA-256
    session_id uuid        not null references sessions on delete cascade,
    created_at timestamptz not null,
    spent_at   timestamptz
);

create index refresh_tokens_of_session on refresh_tokens (session_id);

-- Failed log-ins since the last successful one, by the name that was tried,
-- whether or not the account exists.
create table login_attempts (
    login         text        primary key,
    failures      integer     not null,
    last_at       timestamptz not null,
    blocked_until timestamptz not null,
    allowed       boolean     not null  -- whether the last attempt was allowed
);

create table signing_keys (
    id         text        primary key, -- kid
    jwk        json        not null,    -- the private key
    active_at  timestamptz not null,    -- published earlier, signs from then on
    created_at timestamptz not null
);

---- create above / drop below ----

drop table signing_keys;
drop table login_attempts;
drop table refresh_tokens;
drop table sessions;
drop table users;
