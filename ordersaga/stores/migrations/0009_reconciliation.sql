-- Reconciliation: its runs, what they found, and shelves set right by a provider's count.

CREATE TABLE reconciliation_runs (
    run_id        text PRIMARY KEY,
    since         timestamptz NOT NULL,
    requested_by  text NOT NULL,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    looked_at     jsonb NOT NULL DEFAULT '{}',
    found         jsonb NOT NULL DEFAULT '{}',
    failed        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX reconciliation_runs_newest ON reconciliation_runs (started_at DESC, run_id DESC);

-- One row for one disagreement, however often it is seen. `occurrence` counts how often it came about anew: repairs
-- take their keys from it, so that mending it a second time is not taken for a repeat of the first.
CREATE TABLE findings (
    finding_id   text PRIMARY KEY,
    kind         text NOT NULL,
    source       text NOT NULL,
    order_id     text NOT NULL,
    seller       text NOT NULL,
    finding      jsonb NOT NULL,
    status       text NOT NULL
        CHECK (status IN ('open', 'proposed', 'repairing', 'repaired', 'refused', 'gone')),
    first_seen   timestamptz NOT NULL,
    last_seen    timestamptz NOT NULL,
    run_id       text NOT NULL,
    occurrence   integer NOT NULL DEFAULT 1,
    "by"         text,
    second       text,
    reason       text,
    outcome      text,
    repaired_at  timestamptz
);
CREATE INDEX findings_unsettled ON findings (first_seen, finding_id)
    WHERE status IN ('open', 'proposed', 'repairing', 'refused');
CREATE INDEX findings_order ON findings (order_id) WHERE order_id <> '';
CREATE INDEX findings_run ON findings (run_id);

-- What became of every repair asked for, forever: a finding that comes about anew forgets who asked for the last one.
CREATE TABLE repairs (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    finding_id  text NOT NULL,
    occurrence  integer NOT NULL,
    kind        text NOT NULL,
    subject     text NOT NULL,
    order_id    text NOT NULL,
    seller      text NOT NULL,
    "by"        text,
    second      text,
    reason      text,
    status      text NOT NULL CHECK (status IN ('open', 'repaired', 'refused', 'gone')),
    outcome     text NOT NULL,
    money       bigint NOT NULL,
    currency    text NOT NULL,
    at          timestamptz NOT NULL
);
CREATE INDEX repairs_finding ON repairs (finding_id, seq);
CREATE TRIGGER repairs_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON repairs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE unit_movements
    ADD COLUMN reason text,
    DROP CONSTRAINT known_movement,
    ADD CONSTRAINT known_movement CHECK ((kind, account_from, account_to) IN (
        ('received', 'supplier', 'available'),
        ('held', 'available', 'held'),
        ('released', 'held', 'available'),
        ('shipped', 'held', 'shipped'),
        -- goods that left although their hold had been given back: found out afterwards, booked truthfully
        ('shipped_unheld', 'available', 'shipped'),
        -- goods that came back: fit to be sold again, or not
        ('restocked', 'shipped', 'available'),
        ('written_off', 'shipped', 'written_off'),
        -- whoever has the shelf counted other units than we
        ('counted', 'counted', 'available'),
        ('counted', 'available', 'counted'))),
    DROP CONSTRAINT movement_has_a_cause,
    ADD CONSTRAINT movement_has_a_cause CHECK ((kind = 'received') = (receipt_id IS NOT NULL)
        AND (kind IN ('received', 'counted')) = (order_id IS NULL)
        AND (kind = 'counted') = (reason IS NOT NULL)),
    DROP CONSTRAINT come_back_under_a_reference,
    ADD CONSTRAINT under_a_reference
        CHECK ((kind IN ('restocked', 'written_off', 'counted')) = (reference IS NOT NULL));
CREATE UNIQUE INDEX movement_counted_once ON unit_movements (reference, location, sku) WHERE kind = 'counted';

-- What moved on a shelf just now is read at every count of it.
CREATE INDEX unit_movements_lately ON unit_movements (location, sku, moved_at);
DROP INDEX unit_movements_stock;
