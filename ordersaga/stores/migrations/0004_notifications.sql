-- Notifications: what sellers and the shop hear about orders.

-- seller NULL: the shop itself, which hears about every seller. types empty: all of them.
-- The secret is kept as it is: it signs. The one before it signs too until previous_until, so that a receiver can change.
-- A removed endpoint keeps its row, without its secrets, for the story of its deliveries.
CREATE TABLE webhook_endpoints (
    id               text PRIMARY KEY,
    seller           text REFERENCES sellers,
    kind             text NOT NULL CHECK (kind IN ('http', 'email')),
    url              text NOT NULL,
    types            text[] NOT NULL,
    secret           text NOT NULL,
    previous_secret  text,
    previous_until   timestamptz,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at      timestamptz,
    disabled_reason  text,
    removed_at       timestamptz,
    CONSTRAINT disabled_has_a_reason CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    CONSTRAINT previous_has_an_end CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
);
-- Adding an endpoint twice must not notify it twice.
CREATE UNIQUE INDEX webhook_endpoints_once ON webhook_endpoints (coalesce(seller, ''), url) WHERE removed_at IS NULL;

-- Written in the transaction of the journal entry it is about, so that neither can be there without the other.
-- endpoint_id is no foreign key: an endpoint removed at the same moment must not make an order's journal fail.
-- next_attempt_at is both the lease of a relay that claimed the row and the wait after a failure.
CREATE TABLE notifications (
    id               text PRIMARY KEY,
    endpoint_id      text NOT NULL,
    order_id         text NOT NULL,
    entry_id         text NOT NULL,
    type             text NOT NULL,
    at               timestamptz NOT NULL,
    parcel           integer NOT NULL,
    order_status     text NOT NULL,
    status           text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts         integer NOT NULL DEFAULT 0,
    queued_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_attempt_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    delivered_at     timestamptz,
    last_error       text,
    CONSTRAINT delivered_has_a_time CHECK ((status = 'delivered') <= (delivered_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX notifications_due ON notifications (endpoint_id, next_attempt_at) WHERE status = 'pending';
CREATE INDEX notifications_newest ON notifications (endpoint_id, queued_at DESC, id DESC);
CREATE INDEX notifications_over ON notifications (queued_at) WHERE status <> 'pending';

-- Replays look for entries of a time; the table only grows at its end, so a few pages of index are enough.
CREATE INDEX journal_at ON journal USING brin (at);
