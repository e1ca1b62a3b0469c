-- Messages that were handed on, apart from those that wait: a table by months that is dropped month by month. Decision
-- 0053.

CREATE TABLE webhook_record (
    id               bigint NOT NULL,
    source           text NOT NULL,
    source_id        text NOT NULL,
    order_id         text,
    body             json NOT NULL,
    status           text NOT NULL CHECK (status IN ('delivered', 'ignored')),
    attempts         integer NOT NULL,
    received_at      timestamptz NOT NULL,
    next_attempt_at  timestamptz NOT NULL,
    delivered_at     timestamptz,
    error            text,
    PRIMARY KEY (received_at, id)
) PARTITION BY RANGE (received_at);
CREATE INDEX webhook_record_once ON webhook_record (source, source_id);
CREATE INDEX webhook_record_order ON webhook_record (order_id) WHERE order_id IS NOT NULL;
CREATE TABLE webhook_record_default PARTITION OF webhook_record DEFAULT;

-- A message is stored once, wherever it lies. Who moves messages holds the lock alone: a message that is on its way is
-- waited for, and seen where it arrived.
CREATE FUNCTION message_comes_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7305041906);
    IF EXISTS (SELECT FROM webhook_record WHERE source = NEW.source AND source_id = NEW.source_id) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER messages_come_once BEFORE INSERT ON webhook_inbox
    FOR EACH ROW EXECUTE FUNCTION message_comes_once();

-- Partitions up to a month ahead are made, with what lay in the default one meanwhile. A month that is past its period as
-- a whole is dropped; messages of orders that are open again go back to the inbox before. Returns how many are gone.
CREATE FUNCTION rotate_webhook_record_at(moment timestamptz) RETURNS bigint LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
DECLARE
    ends CONSTANT text[] := ARRAY['completed', 'canceled', 'rejected', 'returned'];
    oldest CONSTANT timestamptz := moment - interval '90 days';
    month timestamp := date_trunc('month', oldest AT TIME ZONE 'UTC');
    part text;
    back webhook_record;
    rows bigint;
    gone bigint := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7305041907) THEN
        RETURN 0;
    END IF;
    WHILE month <= (moment AT TIME ZONE 'UTC') + interval '1 month' LOOP
        part := 'webhook_record_' || to_char(month, 'YYYY_MM');
        IF to_regclass(part) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE webhook_record INCLUDING ALL)', part);
            EXECUTE format('WITH strays AS (DELETE FROM webhook_record_default WHERE received_at >= $1
                AND received_at < $2 RETURNING *) INSERT INTO %I SELECT * FROM strays', part)
                USING month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC';
            EXECUTE format('ALTER TABLE webhook_record ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                part, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
        END IF;
        month := month + interval '1 month';
    END LOOP;
    FOR part IN
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'webhook_record'::regclass AND relname ~ '^webhook_record_[0-9]{4}_[0-9]{2}$'
          AND (to_date(right(relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= oldest
    LOOP
        FOR back IN EXECUTE format('DELETE FROM %I AS it USING orders WHERE orders.order_id = it.order_id
            AND orders.status <> ALL($1) RETURNING it.*', part) USING ends
        LOOP
            INSERT INTO webhook_inbox (id, source, source_id, order_id, body, status, attempts, received_at,
                next_attempt_at, delivered_at, error) OVERRIDING SYSTEM VALUE
            VALUES (back.id, back.source, back.source_id, back.order_id, back.body, back.status, back.attempts,
                back.received_at, back.next_attempt_at, back.delivered_at, back.error);
        END LOOP;
        EXECUTE format('SELECT count(*) FROM %I', part) INTO rows;
        EXECUTE format('ALTER TABLE webhook_record DETACH PARTITION %I', part);
        EXECUTE format('DROP TABLE %I', part);
        gone := gone + rows;
    END LOOP;
    DELETE FROM webhook_record_default WHERE received_at < date_trunc('month', oldest, 'UTC') AND NOT EXISTS (
        SELECT FROM orders WHERE orders.order_id = webhook_record_default.order_id AND orders.status <> ALL(ends));
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN gone + rows;
END $$;
-- A moment that is made up would drop what is to be kept. Now is the same for everybody: who may use the schema may ask
-- for it, with the rights of the tables' owner.
REVOKE ALL ON FUNCTION rotate_webhook_record_at(timestamptz) FROM PUBLIC;
CREATE FUNCTION rotate_webhook_record() RETURNS bigint LANGUAGE sql AS $$ SELECT rotate_webhook_record_at(now()) $$;

-- For a checkup: until when there are partitions, and how many messages none of them was there for.
CREATE FUNCTION webhook_record_stands(OUT reaches timestamptz, OUT strays bigint) LANGUAGE sql STABLE AS $$
    SELECT (SELECT max((to_date(right(relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC')
            FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
            WHERE inhparent = 'webhook_record'::regclass AND relname ~ '^webhook_record_[0-9]{4}_[0-9]{2}$'),
           (SELECT count(*) FROM webhook_record_default)
$$;

SELECT rotate_webhook_record();
