-- Personal data that only an order's key opens, and what was erased. Decision 0041.

-- By what an order is found that was bought by somebody: a mark that tells nobody who. NULL: `request` names the buyer,
-- as it did before there were keys, or there is none (any more).
ALTER TABLE orders ADD COLUMN buyer text, ADD COLUMN erased_at timestamptz;
CREATE INDEX orders_bought_by ON orders ((coalesce(buyer, request->>'buyer')), channel)
    WHERE coalesce(buyer, request->>'buyer') IS NOT NULL;

-- Whom a line names whose text nobody can read without the key.
ALTER TABLE journal ADD COLUMN said_by text;

-- Who had whose personal data erased, for good. `reference`: the request's own number, never a person's name.
CREATE TABLE erasures (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id   text NOT NULL UNIQUE,
    seller     text NOT NULL,
    "by"       text NOT NULL CHECK ("by" <> ''),
    reference  text NOT NULL CHECK (reference <> ''),
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER erasures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erasures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
