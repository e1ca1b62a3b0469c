-- A database of its own, beside the orders' and never restored together with it: their keys, and what was erased.
-- Decision 0048.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- As in the orders' database, which wraps each key the same way.
CREATE TABLE order_keys (
    subject    text PRIMARY KEY,
    key_id     text NOT NULL UNIQUE,
    master     text NOT NULL CHECK (master <> ''),
    wrapped    bytea CHECK (octet_length(wrapped) > 28),
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_at  timestamptz,
    CONSTRAINT erased_has_a_time CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);
CREATE INDEX order_keys_wrapped_by ON order_keys (master, subject) WHERE wrapped IS NOT NULL;
CREATE TRIGGER order_keys_erased_for_good BEFORE UPDATE ON order_keys
    FOR EACH ROW WHEN (OLD.wrapped IS NULL OR NEW.key_id <> OLD.key_id OR NEW.subject <> OLD.subject)
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_keys_stay BEFORE DELETE OR TRUNCATE ON order_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a restored database has to erase again.
CREATE TABLE erasures (
    order_id   text PRIMARY KEY,
    seller     text NOT NULL,
    "by"       text NOT NULL CHECK ("by" <> ''),
    reference  text NOT NULL CHECK (reference <> ''),
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER erasures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erasures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
