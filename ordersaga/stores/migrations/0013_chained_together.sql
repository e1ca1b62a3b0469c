-- Orders accepted together are chained together: the same entries as before, written by a statement, not row by row.
-- A surge accepts a hundred orders in one transaction, and their chains were three quarters of its cost.

-- In a database whose encoding is UTF-8 no text needs to be converted to count its bytes.
DO $$ BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the database''s encoding is %: create it with UTF8', current_setting('server_encoding');
    END IF;
END $$;
CREATE OR REPLACE FUNCTION audit_encode(VARIADIC parts text[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    part     text;
    encoded  text := '';
BEGIN
    FOREACH part IN ARRAY parts LOOP
        encoded := encoded || coalesce(octet_length(part) || ':' || part, '-');
    END LOOP;
    RETURN encoded;
END $$;

CREATE FUNCTION audit_hidden(salt uuid, fact audit_fact) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN (fact).words IS NOT NULL
        THEN sha256(convert_to(audit_encode(VARIADIC ARRAY['words.1', salt::text] || (fact).words), 'UTF8')) END $$;

CREATE FUNCTION audit_link(of_order text, number integer, before bytea, fact audit_fact, hidden bytea)
RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(audit_encode(VARIADIC ARRAY['entry.1', of_order, number::text, encode(before, 'hex'),
        (fact).source, (fact).source_id, encode(hidden, 'hex')] || (fact).fields), 'UTF8')) $$;

-- The first fact of an order begins its chain, so nobody else can hold its head: it need not wait for the commit.
CREATE FUNCTION audit_orders() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    late  record;
BEGIN
    WITH fact AS MATERIALIZED (
        SELECT one.order_id, audit_fact(one) AS fact, gen_random_uuid() AS salt
        FROM accepted JOIN orders AS one USING (order_id)),
    hidden AS MATERIALIZED (
        SELECT order_id, fact, salt, audit_hidden(salt, fact) AS hidden FROM fact),
    head AS (
        INSERT INTO audit_heads (order_id, chain_no, hash)
        SELECT order_id, 1, audit_link(order_id, 1, NULL, fact, hidden) FROM hidden ORDER BY order_id
        ON CONFLICT DO NOTHING RETURNING order_id, hash)
    INSERT INTO audit_entries
    SELECT order_id, 1, (fact).source, (fact).source_id, salt, hidden, hash FROM head JOIN hidden USING (order_id);

    FOR late IN
        SELECT one.order_id, audit_fact(one) AS fact FROM accepted JOIN orders AS one USING (order_id)
        WHERE NOT EXISTS (SELECT FROM audit_entries AS entry WHERE entry.order_id = one.order_id AND source = 'order')
        ORDER BY order_id
    LOOP
        PERFORM audit_append(late.order_id, late.fact);
    END LOOP;
    RETURN NULL;
END $$;

DROP TRIGGER orders_audited ON orders;
CREATE TRIGGER orders_audited AFTER INSERT ON orders REFERENCING NEW TABLE AS accepted
    FOR EACH STATEMENT EXECUTE FUNCTION audit_orders();

-- Units held for orders whose chain began in this very transaction: one movement each, as most orders have, is chained
-- together. All others wait for the end of the transaction, as before.
CREATE FUNCTION audit_units() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH one AS (
        SELECT order_id, min(movement_id) AS movement_id FROM moved WHERE order_id IS NOT NULL
        GROUP BY order_id HAVING count(*) = 1),
    fact AS MATERIALIZED (
        SELECT head.order_id, head.chain_no + 1 AS number, head.hash AS before, audit_fact(movement) AS fact
        FROM one JOIN unit_movements AS movement USING (movement_id)
        JOIN audit_heads AS head ON head.order_id = one.order_id AND head.xmin = pg_current_xact_id()::xid),
    head AS (
        UPDATE audit_heads SET chain_no = number, hash = audit_link(fact.order_id, number, before, fact, NULL)
        FROM fact WHERE audit_heads.order_id = fact.order_id
        RETURNING fact.order_id, number, fact.fact, audit_heads.hash)
    INSERT INTO audit_entries
    SELECT order_id, number, (fact).source, (fact).source_id, NULL, NULL, hash FROM head;
    RETURN NULL;
END $$;

CREATE FUNCTION audit_unit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM audit_entries WHERE order_id = NEW.order_id
                   AND source = 'units' AND source_id = NEW.movement_id::text) THEN
        PERFORM audit_append(NEW.order_id, audit_fact(NEW));
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER unit_movements_audited ON unit_movements;
CREATE CONSTRAINT TRIGGER unit_movements_audited AFTER INSERT ON unit_movements
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.order_id IS NOT NULL) EXECUTE FUNCTION audit_unit();
CREATE TRIGGER unit_movements_audited_together AFTER INSERT ON unit_movements REFERENCING NEW TABLE AS moved
    FOR EACH STATEMENT EXECUTE FUNCTION audit_units();
