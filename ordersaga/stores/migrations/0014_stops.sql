-- Stops: what an operator holds, lets go on or cancels, and what became of each order.

-- `lifted_at` opens the door again; `ended_at`: its holds are released and nothing of it goes on.
-- A dry run closes no door.
CREATE TABLE stops (
    stop_id          text PRIMARY KEY CHECK (stop_id ~ '^[a-z0-9]{1,35}$'),
    seller           text,
    match            jsonb NOT NULL,
    policy           jsonb NOT NULL,
    effective_at     timestamptz NOT NULL,
    until            timestamptz,
    look_every       interval NOT NULL,
    legal_reference  text NOT NULL,
    reason           text NOT NULL,
    asked_by         text NOT NULL,
    asked_at         timestamptz NOT NULL DEFAULT now(),
    dry_run          boolean NOT NULL,
    started_at       timestamptz,
    paused           boolean NOT NULL DEFAULT false,
    looks            integer NOT NULL DEFAULT 0,
    looked_at        timestamptz,
    lifted_at        timestamptz,
    lifted_by        text,
    ended_at         timestamptz,
    CONSTRAINT ends_after_it_began CHECK (until > effective_at),
    CONSTRAINT lifted_by_somebody CHECK ((lifted_at IS NULL) = (lifted_by IS NULL)),
    CONSTRAINT lifted_before_its_end CHECK (ended_at IS NULL OR lifted_at IS NOT NULL)
);
CREATE INDEX stops_newest ON stops (asked_at DESC, stop_id DESC);
CREATE INDEX stops_standing ON stops (stop_id) WHERE ended_at IS NULL;

-- One row for each order a stop treated, once; one that could not be treated is tried again.
CREATE TABLE stop_orders (
    stop_id    text NOT NULL REFERENCES stops,
    order_id   text NOT NULL,
    seller     text NOT NULL,
    currency   text NOT NULL,
    money      bigint NOT NULL,
    stage      text NOT NULL,
    treatment  text NOT NULL CHECK (treatment IN ('hold', 'drain', 'cancel')),
    answer     text NOT NULL,
    detail     text NOT NULL DEFAULT '',
    attempts   integer NOT NULL DEFAULT 1,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stop_id, order_id)
);
CREATE INDEX stop_orders_order ON stop_orders (order_id);
CREATE INDEX stop_orders_held ON stop_orders (stop_id, order_id)
    WHERE treatment = 'hold' AND answer IN ('held', 'in_line', 'could_not');

-- Who said what about a stop is written into the journal under `stop-{stop_id}`, which no order can be called: so it is
-- chained and sealed as everything else is.

-- Orders that have not ended, as a stop goes through them.
CREATE INDEX orders_open ON orders (accepted_at, order_id)
    WHERE status NOT IN ('completed', 'canceled', 'rejected', 'returned');

-- Whoever waits in line and is stopped is passed over, and keeps the place.
ALTER TABLE waiting_lines ADD COLUMN stopped boolean NOT NULL DEFAULT false;
