-- People who sign in to the console, their sessions, and what is remembered of signing in.

-- One identity at one issuer is one person, whose name stands in stories and beside proposals. The name stays with the
-- first who had it: nobody becomes a second person by another name, nor somebody else by theirs.
CREATE TABLE people (
    issuer      text NOT NULL,
    subject     text NOT NULL,
    name        text NOT NULL CHECK (name = btrim(name) AND name <> ''),
    first_seen  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (issuer, subject)
);
CREATE UNIQUE INDEX people_names ON people (lower(name));

CREATE TABLE people_sessions (
    id            text PRIMARY KEY,
    hash          text NOT NULL UNIQUE,
    issuer        text NOT NULL,
    subject       text NOT NULL,
    name          text NOT NULL,
    role          text NOT NULL CHECK (role ~ '^[a-z]+$'),
    seller        text REFERENCES sellers,
    id_token      text,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at      timestamptz,
    FOREIGN KEY (issuer, subject) REFERENCES people
);
CREATE INDEX people_sessions_in_force ON people_sessions (expires_at) WHERE ended_at IS NULL;

CREATE TABLE sign_ins (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    what     text NOT NULL CHECK (what IN ('signed_in', 'refused', 'signed_out', 'ended')),
    reason   text,
    session  text,
    issuer   text NOT NULL,
    subject  text NOT NULL,
    name     text,
    role     text,
    seller   text,
    by       text,
    CONSTRAINT a_refusal_has_a_reason CHECK ((what = 'refused') = (reason IS NOT NULL)),
    CONSTRAINT who_ended_it_is_told CHECK ((what = 'ended') = (by IS NOT NULL))
);
CREATE TRIGGER sign_ins_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sign_ins
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
