-- Foundation: catalog, stock, orders, effects, books, journal, inbox, keys.
-- Every rule that must hold whatever a program does wrong is stated here, where no program can get around it.

-- Append-only -------------------------------------------------------------------------------------------------------

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Write a correcting entry instead.';
END $$;

-- Catalog -----------------------------------------------------------------------------------------------------------

CREATE TABLE sellers (
    seller      text PRIMARY KEY,
    name        text NOT NULL,
    terms       jsonb NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE locations (
    location    text PRIMARY KEY,
    provider    text NOT NULL,
    address     jsonb NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE products (
    sku           text PRIMARY KEY,
    seller        text NOT NULL REFERENCES sellers,
    title         text NOT NULL,
    weight_grams  integer NOT NULL CHECK (weight_grams > 0),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX products_seller ON products (seller, sku);

-- A receipt is recorded under its own id, so that a repeated upload adds nothing.
CREATE TABLE catalog_receipts (
    receipt_id   text PRIMARY KEY,
    location     text NOT NULL REFERENCES locations,
    sku          text NOT NULL REFERENCES products,
    quantity     integer NOT NULL CHECK (quantity > 0),
    received_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER catalog_receipts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON catalog_receipts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Stock -------------------------------------------------------------------------------------------------------------

-- The CHECK is the last word on overselling: no code path can promise a unit twice.
-- fillfactor leaves room for HOT updates: a hot SKU's row changes thousands of times a minute and no index should.
CREATE TABLE stock (
    location  text NOT NULL REFERENCES locations,
    sku       text NOT NULL REFERENCES products,
    on_hand   bigint NOT NULL DEFAULT 0,
    held      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (location, sku),
    CONSTRAINT held_between_zero_and_on_hand CHECK (held BETWEEN 0 AND on_hand)
) WITH (fillfactor = 50);
CREATE INDEX stock_sku ON stock (sku);

-- `take` counts how often an order's hold was taken: an expired hold is released and taken anew as the next one.
CREATE TABLE holds (
    order_id    text NOT NULL,
    take        integer NOT NULL CHECK (take > 0),
    parcel      integer NOT NULL CHECK (parcel > 0),
    sku         text NOT NULL,
    location    text NOT NULL,
    quantity    integer NOT NULL CHECK (quantity > 0),
    status      text NOT NULL CHECK (status IN ('held', 'confirmed', 'shipped', 'released')),
    expires_at  timestamptz,
    held_at     timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    PRIMARY KEY (order_id, take, parcel, sku),
    FOREIGN KEY (location, sku) REFERENCES stock,
    -- Only an unconfirmed hold expires; a confirmed one ends when its saga ends it.
    CONSTRAINT only_held_expires CHECK ((status = 'held') <= (expires_at IS NOT NULL)),
    CONSTRAINT ended_when_over CHECK ((status IN ('shipped', 'released')) = (ended_at IS NOT NULL))
);
-- One live hold per parcel and SKU, whatever the number of takes.
CREATE UNIQUE INDEX holds_one_live ON holds (order_id, parcel, sku) WHERE status IN ('held', 'confirmed');
CREATE INDEX holds_expiring ON holds (expires_at) WHERE status = 'held';
CREATE INDEX holds_stock ON holds (location, sku) WHERE status IN ('held', 'confirmed');

-- Written when a saga gives its units back. A slow attempt to confirm that lands afterwards must not take units
-- that nobody would ever release.
CREATE TABLE hold_endings (
    order_id  text PRIMARY KEY,
    ended_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE unit_movements (
    movement_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text NOT NULL,
    account_from  text NOT NULL,
    account_to    text NOT NULL,
    location      text NOT NULL,
    sku           text NOT NULL,
    quantity      integer NOT NULL CHECK (quantity > 0),
    order_id      text,
    take          integer,
    parcel        integer,
    receipt_id    text REFERENCES catalog_receipts,
    moved_at      timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (location, sku) REFERENCES stock,
    CONSTRAINT known_movement CHECK ((kind, account_from, account_to) IN (
        ('received', 'supplier', 'available'),
        ('held', 'available', 'held'),
        ('released', 'held', 'available'),
        ('shipped', 'held', 'shipped'),
        -- goods that left although their hold had been given back: found out afterwards, booked truthfully
        ('shipped_unheld', 'available', 'shipped'))),
    CONSTRAINT movement_has_a_cause CHECK ((kind = 'received') = (receipt_id IS NOT NULL)
        AND (kind = 'received') = (order_id IS NULL))
);
CREATE UNIQUE INDEX movement_once ON unit_movements (order_id, parcel, sku, kind, take) WHERE order_id IS NOT NULL;
CREATE UNIQUE INDEX movement_receipt_once ON unit_movements (receipt_id) WHERE receipt_id IS NOT NULL;
-- I2: each hold ends once, shipped or released, never both.
CREATE UNIQUE INDEX movement_ends_once ON unit_movements (order_id, parcel, sku, take)
    WHERE kind IN ('released', 'shipped');
CREATE INDEX unit_movements_stock ON unit_movements (location, sku);
CREATE TRIGGER unit_movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON unit_movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Orders ------------------------------------------------------------------------------------------------------------

-- seller is no foreign key: an order is evidence of what was asked and is kept even when its seller is not known here
-- (a saga started directly through Temporal). `terms` stand beside the request: fixed when the order was accepted.
CREATE TABLE orders (
    order_id     text PRIMARY KEY,
    seller       text NOT NULL,
    channel      text NOT NULL,
    currency     text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    total        bigint NOT NULL CHECK (total > 0),
    request      jsonb NOT NULL,
    terms        jsonb NOT NULL,
    parcels      jsonb NOT NULL DEFAULT '[]',
    status       text NOT NULL,
    outcome      text,
    reason       text,
    ship_by      timestamptz NOT NULL,
    accepted_at  timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
CREATE INDEX orders_newest ON orders (accepted_at DESC, order_id DESC);
CREATE INDEX orders_seller ON orders (seller, accepted_at DESC, order_id DESC);
CREATE INDEX orders_status ON orders (status, accepted_at DESC, order_id DESC);
CREATE INDEX orders_channel ON orders (channel, accepted_at DESC, order_id DESC);
-- The starter's queue, by seller so that it can take turns; empty most of the time.
CREATE INDEX orders_unstarted ON orders (seller, accepted_at, order_id)
    WHERE started_at IS NULL AND status <> 'rejected';

-- An answer is kept under the key it was asked with; a key belongs to the API key that used it.
CREATE TABLE idempotency_keys (
    api_key_id    text NOT NULL,
    key           text NOT NULL,
    request_hash  text NOT NULL,
    order_id      text NOT NULL,
    status        integer,
    body          json,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (api_key_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Effects -----------------------------------------------------------------------------------------------------------

CREATE TABLE effects (
    key          text PRIMARY KEY,
    order_id     text NOT NULL,
    step         text NOT NULL,
    parcel       integer NOT NULL,
    generation   integer NOT NULL,
    amount       bigint,
    currency     text,
    status       text NOT NULL CHECK (status IN ('intended', 'done', 'refused', 'unknown')),
    external_id  text,
    answer       jsonb NOT NULL DEFAULT '{}',
    code         text,
    message      text,
    attempts     integer NOT NULL DEFAULT 1,
    lease_until  timestamptz,
    intended_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at   timestamptz,
    CONSTRAINT settled_when_known CHECK ((status IN ('done', 'refused')) = (settled_at IS NOT NULL))
);
-- Not unique: a key given up for a failure the other side keeps replaying is followed by another of its generation.
CREATE INDEX effects_of_order ON effects (order_id, step, parcel, generation);
CREATE INDEX effects_unsettled ON effects (intended_at) WHERE status IN ('intended', 'unknown');
-- Webhooks and reconciliation know an effect by the other side's id.
CREATE INDEX effects_external ON effects (external_id) WHERE external_id IS NOT NULL;

-- Books -------------------------------------------------------------------------------------------------------------

CREATE TABLE money_transactions (
    transaction_id  text PRIMARY KEY,
    order_id        text NOT NULL,
    parcel          integer NOT NULL,
    currency        text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    memo            text NOT NULL,
    posted_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX money_transactions_order ON money_transactions (order_id);

CREATE TABLE money_postings (
    posting_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id  text NOT NULL REFERENCES money_transactions,
    account         text NOT NULL CHECK (account IN
        ('authorization', 'authorization_contra', 'cash', 'receivable', 'sales', 'write_off')),
    amount          bigint NOT NULL
);
CREATE INDEX money_postings_transaction ON money_postings (transaction_id);

-- Checked at commit, because one posting alone never sums to zero.
CREATE FUNCTION check_zero_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    difference numeric;
BEGIN
    SELECT sum(amount) INTO difference FROM money_postings WHERE transaction_id = NEW.transaction_id;
    IF difference <> 0 THEN
        RAISE EXCEPTION 'money transaction % sums to %, not 0', NEW.transaction_id, difference
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER money_postings_zero_sum AFTER INSERT ON money_postings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_zero_sum();
CREATE TRIGGER money_transactions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON money_transactions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER money_postings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON money_postings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Journal -----------------------------------------------------------------------------------------------------------

CREATE TABLE journal (
    seq       bigint GENERATED ALWAYS AS IDENTITY,
    order_id  text NOT NULL,
    entry_id  text NOT NULL,
    at        timestamptz NOT NULL,
    kind      text NOT NULL,
    text      text NOT NULL,
    parcel    integer NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, entry_id)
);
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE attention (
    order_id     text NOT NULL,
    item_id      text NOT NULL,
    parcel       integer NOT NULL,
    kind         text NOT NULL,
    question     text NOT NULL,
    choices      text[] NOT NULL,
    opened_at    timestamptz NOT NULL,
    resolved     text,
    resolved_by  text,
    PRIMARY KEY (order_id, item_id)
);
CREATE INDEX attention_open ON attention (opened_at, order_id, item_id) WHERE resolved IS NULL;

-- Inbox -------------------------------------------------------------------------------------------------------------

-- body is json, not jsonb: kept as it came, and jsonb refuses the \u0000 a hostile sender may put into a string.
-- next_attempt_at is both the lease of a relay that claimed the message and the wait after a failure.
CREATE TABLE webhook_inbox (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source           text NOT NULL,
    source_id        text NOT NULL,
    order_id         text,
    body             json NOT NULL,
    status           text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'ignored', 'failed')),
    attempts         integer NOT NULL DEFAULT 0,
    received_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_attempt_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    delivered_at     timestamptz,
    error            text,
    UNIQUE (source, source_id)
);
CREATE INDEX webhook_inbox_due ON webhook_inbox (next_attempt_at, id) WHERE status = 'pending';
CREATE INDEX webhook_inbox_failed ON webhook_inbox (id) WHERE status = 'failed';
CREATE INDEX webhook_inbox_order ON webhook_inbox (order_id) WHERE order_id IS NOT NULL;

-- Everything a company changed before `since` has been asked about and stored.
CREATE TABLE poll_cursors (
    poller    text PRIMARY KEY,
    since     timestamptz NOT NULL,
    moved_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Keys --------------------------------------------------------------------------------------------------------------

-- Only the SHA-256 of a key is kept: a copy of this table opens no door. Keys are 256 random bits, so no salt is needed.
CREATE TABLE api_keys (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    role        text NOT NULL CHECK (role ~ '^[a-z]+$'),
    seller      text REFERENCES sellers,
    hash        text NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz
);

-- Sellers who pack themselves ---------------------------------------------------------------------------------------

CREATE TABLE pick_tickets (
    reference    text PRIMARY KEY,
    order_id     text NOT NULL,
    seller       text NOT NULL,
    location     text NOT NULL,
    lines        jsonb NOT NULL,
    ship_to      jsonb NOT NULL,
    ship_by      timestamptz NOT NULL,
    status       text NOT NULL DEFAULT 'accepted' CHECK (status IN ('accepted', 'packed', 'left_warehouse', 'canceled')),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX pick_tickets_todo ON pick_tickets (seller, ship_by, reference) WHERE status IN ('accepted', 'packed');
CREATE INDEX pick_tickets_changed ON pick_tickets (changed_at);
