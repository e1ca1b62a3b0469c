-- Whether this deployment encrypts: on record, so that no process runs on in the clear because its master keys are gone.
-- Decision 0050.

-- The last row holds; none: nobody has ever encrypted here. `master`: the master key that wrapped at that time.
CREATE TABLE encryption (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    is_on   boolean NOT NULL,
    master  text,
    "by"    text NOT NULL CHECK ("by" <> ''),
    reason  text NOT NULL CHECK (reason <> ''),
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT on_has_a_master CHECK (is_on = (master IS NOT NULL))
);
CREATE TRIGGER encryption_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON encryption
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A process may find that it is the first to encrypt. Only the owner, who migrates, gives encryption up.
CREATE FUNCTION refuse_switching_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RAISE EXCEPTION 'only the owner of the tables turns encryption off' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER encryption_off_is_the_owners BEFORE INSERT ON encryption
    FOR EACH ROW WHEN (NOT NEW.is_on) EXECUTE FUNCTION refuse_switching_off();

-- Whoever has keys has encrypted.
INSERT INTO encryption (is_on, master, "by", reason)
SELECT true, master, 'ordersaga migrate', 'orders'' keys were there' FROM order_keys
WHERE wrapped IS NOT NULL ORDER BY master DESC LIMIT 1;

-- The database has the last word: a process that began before encryption did, or one of an earlier release, may still run.
CREATE FUNCTION refuse_in_the_clear() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
BEGIN
    IF (SELECT is_on FROM encryption ORDER BY seq DESC LIMIT 1) THEN
        RAISE EXCEPTION 'encryption is on, and this order is not encrypted'
            USING ERRCODE = 'OS002', HINT = 'Start this process anew, with ORDERSAGA_ENCRYPTION_KEYS';
    END IF;
    RETURN NULL;
END $$;
-- After: a saga that finds its order's row, which is older than encryption, inserts nothing and goes on.
CREATE TRIGGER orders_encrypted AFTER INSERT ON orders
    FOR EACH ROW WHEN (NOT (NEW.request->'ship_to' ? 'sealed')) EXECUTE FUNCTION refuse_in_the_clear();

-- What an erasure could not erase, and until when it stays: [{"where": ..., "until": ...}].
ALTER TABLE erasures ADD COLUMN remains jsonb NOT NULL DEFAULT '[]';
