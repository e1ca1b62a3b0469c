-- Access tokens that were renewed, sealed: AES-256-GCM, with a key that PostgreSQL never sees.

-- One row for each account and the tokens its renewals began with (`begun_with`, a keyed hash of them): an operator who
-- writes new ones into the settings begins anew.
CREATE TABLE account_tokens (
    account     text NOT NULL CHECK (account ~ '^[a-z0-9_.-]{1,100}$'),
    begun_with  bytea NOT NULL CHECK (octet_length(begun_with) = 32),
    sealed      bytea NOT NULL CHECK (octet_length(sealed) > 28),
    renewed_at  timestamptz NOT NULL,
    PRIMARY KEY (account, begun_with)
);
