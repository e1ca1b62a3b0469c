-- Orders' keys, wrapped by a master key that PostgreSQL never sees. Decision 0041.

-- One row for each subject: an order, or `@deployment`. `master` names the master key that wraps it now. Destroying a
-- key leaves its row, so that nobody makes the subject another.
CREATE TABLE order_keys (
    subject    text PRIMARY KEY CHECK (subject ~ '^(@[a-z]+|[A-Za-z0-9_]{1,64})$'),
    key_id     text NOT NULL UNIQUE,
    master     text NOT NULL CHECK (master <> ''),
    wrapped    bytea CHECK (octet_length(wrapped) > 28),
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_at  timestamptz,
    CONSTRAINT erased_has_a_time CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);
CREATE INDEX order_keys_wrapped_by ON order_keys (master, subject) WHERE wrapped IS NOT NULL;

-- A key that was destroyed stays so, and no other takes its place.
CREATE TRIGGER order_keys_erased_for_good BEFORE UPDATE ON order_keys
    FOR EACH ROW WHEN (OLD.wrapped IS NULL OR NEW.key_id <> OLD.key_id OR NEW.subject <> OLD.subject)
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_keys_stay BEFORE DELETE OR TRUNCATE ON order_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
