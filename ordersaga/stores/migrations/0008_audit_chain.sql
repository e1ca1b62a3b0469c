-- The audit trail: what was asked, said, paid, moved, answered and decided about an order, in one hash chain per order,
-- and seals over all chains. docs/audit.md tells how to use it, decision 0021 why it is so.
-- The encoding below is spelled a second time in ordersaga/domain/audit_chain.py, which verifies without this file.

-- Chains ------------------------------------------------------------------------------------------------------------

-- One entry for each fact. `source` and `source_id` name the fact's own row, which stays where it is.
-- words_hash covers the fact's free text under `salt`. To erase the text one day, erase the salt with it: the chain
-- still verifies, and nobody can confirm a guess at the text by its hash.
CREATE TABLE audit_entries (
    order_id    text NOT NULL,
    chain_no    integer NOT NULL CHECK (chain_no > 0),
    source      text NOT NULL CHECK (source IN ('order', 'journal', 'effect', 'money', 'units', 'decision')),
    source_id   text NOT NULL,
    salt        uuid,
    words_hash  bytea,
    hash        bytea NOT NULL,
    PRIMARY KEY (order_id, chain_no)
);
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Where a chain ends. The row is what concurrent writers of one order wait for; nothing is proved by it.
-- fillfactor leaves room for HOT updates: `unsealed` is the only indexed column that changes, and rarely.
CREATE TABLE audit_heads (
    order_id  text PRIMARY KEY,
    chain_no  integer NOT NULL,
    hash      bytea NOT NULL,
    unsealed  boolean NOT NULL DEFAULT true
) WITH (fillfactor = 70);
CREATE INDEX audit_heads_unsealed ON audit_heads (order_id) WHERE unsealed;

-- A text as its length in bytes, a colon and itself; NULL as a minus. No two lists of texts have the same encoding.
CREATE FUNCTION audit_encode(VARIADIC parts text[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    part     text;
    encoded  text := '';
BEGIN
    FOREACH part IN ARRAY parts LOOP
        encoded := encoded || coalesce(octet_length(convert_to(part, 'UTF8')) || ':' || part, '-');
    END LOOP;
    RETURN encoded;
END $$;

CREATE FUNCTION audit_hash(VARIADIC parts text[]) RETURNS bytea LANGUAGE sql STABLE AS
    $$ SELECT sha256(convert_to(audit_encode(VARIADIC parts), 'UTF8')) $$;

CREATE FUNCTION audit_time(at timestamptz) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT (extract(epoch FROM at) * 1000000)::bigint::text $$;

-- Facts -------------------------------------------------------------------------------------------------------------

-- `fields` are in the chain as they are; `words`, if any, by their hash.
CREATE TYPE audit_fact AS (source text, source_id text, at timestamptz, fields text[], words text[]);

CREATE FUNCTION audit_fact(fact orders) RETURNS audit_fact LANGUAGE sql STABLE AS $$
    SELECT ROW('order', fact.order_id, fact.accepted_at,
        ARRAY[audit_time(fact.accepted_at), fact.seller, fact.channel, fact.currency, fact.total::text],
        ARRAY[fact.request::text, fact.terms::text])::audit_fact $$;

CREATE FUNCTION audit_fact(fact journal) RETURNS audit_fact LANGUAGE sql STABLE AS $$
    SELECT ROW('journal', fact.entry_id, fact.at, ARRAY[audit_time(fact.at), fact.kind, fact.parcel::text],
        ARRAY[fact.text])::audit_fact $$;

CREATE FUNCTION audit_fact(fact effects) RETURNS audit_fact LANGUAGE sql STABLE AS $$
    SELECT ROW('effect', fact.key, fact.settled_at,
        ARRAY[audit_time(fact.intended_at), audit_time(fact.settled_at), fact.step, fact.parcel::text,
              fact.generation::text, fact.amount::text, fact.currency, fact.status, fact.external_id, fact.code],
        ARRAY[fact.answer::text, fact.message])::audit_fact $$;

CREATE FUNCTION audit_fact(fact money_transactions) RETURNS audit_fact LANGUAGE sql STABLE AS $$
    SELECT ROW('money', fact.transaction_id, fact.posted_at,
        ARRAY[audit_time(fact.posted_at), fact.parcel::text, fact.currency, fact.memo,
              (SELECT coalesce(string_agg(audit_encode(account, amount::text), '' ORDER BY posting_id), '')
               FROM money_postings WHERE transaction_id = fact.transaction_id)],
        NULL)::audit_fact $$;

CREATE FUNCTION audit_fact(fact unit_movements) RETURNS audit_fact LANGUAGE sql STABLE AS $$
    SELECT ROW('units', fact.movement_id::text, fact.moved_at,
        ARRAY[audit_time(fact.moved_at), fact.kind, fact.account_from, fact.account_to, fact.location, fact.sku,
              fact.quantity::text, fact.take::text, fact.parcel::text, fact.reference],
        NULL)::audit_fact $$;

CREATE FUNCTION audit_fact(fact attention) RETURNS audit_fact LANGUAGE sql STABLE AS $$
    SELECT ROW('decision', fact.item_id, fact.resolved_at,
        ARRAY[audit_time(fact.opened_at), audit_time(fact.resolved_at), fact.kind, fact.parcel::text, fact.money::text,
              fact.currency, fact.resolved],
        ARRAY[fact.question, fact.resolved_by, fact.resolved_reason, fact.proposed, fact.proposed_by])::audit_fact $$;

-- Writing -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION audit_append(of_order text, fact audit_fact) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    secret  uuid;
    hidden  bytea;
    number  integer;
    linked  bytea;
BEGIN
    IF fact.words IS NOT NULL THEN
        secret := gen_random_uuid();
        hidden := audit_hash(VARIADIC ARRAY['words.1', secret::text] || fact.words);
    END IF;
    LOOP
        UPDATE audit_heads AS head SET
            chain_no = head.chain_no + 1,
            hash = audit_hash(VARIADIC ARRAY['entry.1', of_order, (head.chain_no + 1)::text, encode(head.hash, 'hex'),
                fact.source, fact.source_id, encode(hidden, 'hex')] || fact.fields),
            unsealed = true
        WHERE head.order_id = of_order RETURNING head.chain_no, head.hash INTO number, linked;
        EXIT WHEN FOUND;
        INSERT INTO audit_heads (order_id, chain_no, hash) VALUES (of_order, 1,
            audit_hash(VARIADIC ARRAY['entry.1', of_order, '1', NULL,
                fact.source, fact.source_id, encode(hidden, 'hex')] || fact.fields))
        ON CONFLICT DO NOTHING RETURNING chain_no, hash INTO number, linked;
        EXIT WHEN FOUND;
    END LOOP;
    INSERT INTO audit_entries VALUES (of_order, number, fact.source, fact.source_id, secret, hidden, linked);
END $$;

CREATE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit_append(NEW.order_id, audit_fact(NEW));
    RETURN NULL;
END $$;

-- At the end of the transaction: all postings of a transaction of money are there, and the head is the last row that
-- is waited for, so that no two transactions can wait for each other in a circle.
CREATE CONSTRAINT TRIGGER orders_audited AFTER INSERT ON orders
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_row();
CREATE CONSTRAINT TRIGGER journal_audited AFTER INSERT ON journal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_row();
CREATE CONSTRAINT TRIGGER effects_audited AFTER INSERT OR UPDATE ON effects
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status IN ('done', 'refused')) EXECUTE FUNCTION audit_row();
CREATE CONSTRAINT TRIGGER money_transactions_audited AFTER INSERT ON money_transactions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_row();
-- Receipts belong to no order: they are in no chain.
CREATE CONSTRAINT TRIGGER unit_movements_audited AFTER INSERT ON unit_movements
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.order_id IS NOT NULL) EXECUTE FUNCTION audit_row();
CREATE CONSTRAINT TRIGGER attention_audited AFTER INSERT OR UPDATE ON attention
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.resolved IS NOT NULL) EXECUTE FUNCTION audit_row();

-- What is chained stays: a known outcome and a given answer are final.
CREATE TRIGGER effects_final BEFORE UPDATE OR DELETE ON effects
    FOR EACH ROW WHEN (OLD.status IN ('done', 'refused')) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attention_final BEFORE UPDATE OR DELETE ON attention
    FOR EACH ROW WHEN (OLD.resolved IS NOT NULL) EXECUTE FUNCTION refuse_change();

-- Seals -------------------------------------------------------------------------------------------------------------

-- A seal's hash covers the seal before it and the heads of `orders` chains, which audit_sealed lists.
CREATE TABLE audit_seals (
    seal_no  integer PRIMARY KEY CHECK (seal_no > 0),
    at       timestamptz NOT NULL,
    orders   integer NOT NULL CHECK (orders > 0),
    hash     bytea NOT NULL
);
CREATE TABLE audit_sealed (
    order_id  text NOT NULL,
    seal_no   integer NOT NULL REFERENCES audit_seals,
    chain_no  integer NOT NULL,
    hash      bytea NOT NULL,
    PRIMARY KEY (order_id, seal_no)
);
CREATE INDEX audit_sealed_seal ON audit_sealed (seal_no);
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_sealed_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_sealed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What is there already, by time. The triggers above keep everybody else from writing until this is committed.
DO $$
DECLARE
    known record;
BEGIN
    FOR known IN
        SELECT order_id, fact FROM (
            SELECT order_id, audit_fact(orders) AS fact FROM orders
            UNION ALL SELECT order_id, audit_fact(journal) FROM journal
            UNION ALL SELECT order_id, audit_fact(effects) FROM effects WHERE status IN ('done', 'refused')
            UNION ALL SELECT order_id, audit_fact(money_transactions) FROM money_transactions
            UNION ALL SELECT order_id, audit_fact(unit_movements) FROM unit_movements WHERE order_id IS NOT NULL
            UNION ALL SELECT order_id, audit_fact(attention) FROM attention WHERE resolved IS NOT NULL) AS facts
        ORDER BY order_id, (fact).at, (fact).source = 'order' DESC, (fact).source, (fact).source_id
    LOOP
        PERFORM audit_append(known.order_id, known.fact);
    END LOOP;
END $$;
