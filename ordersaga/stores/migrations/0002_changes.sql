-- Changes: goods that come back, an address that was corrected, questions with money at stake.

-- Stock -------------------------------------------------------------------------------------------------------------

-- `reference` names what brought goods back (a return, a parcel that was refused): each of its SKUs is booked once.
ALTER TABLE unit_movements
    ADD COLUMN reference text,
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
        ('written_off', 'shipped', 'written_off'))),
    ADD CONSTRAINT come_back_under_a_reference
        CHECK ((kind IN ('restocked', 'written_off')) = (reference IS NOT NULL));
CREATE UNIQUE INDEX movement_back_once ON unit_movements (order_id, parcel, reference, sku)
    WHERE reference IS NOT NULL;

-- Orders ------------------------------------------------------------------------------------------------------------

-- Where the order goes now, when that was changed after it was placed; `request` stays what was asked for.
ALTER TABLE orders ADD COLUMN ship_to jsonb;

-- Journal -----------------------------------------------------------------------------------------------------------

ALTER TABLE attention
    ADD COLUMN resolved_reason  text,
    ADD COLUMN resolved_at      timestamptz,
    ADD COLUMN money            bigint NOT NULL DEFAULT 0,
    ADD COLUMN currency         text NOT NULL DEFAULT '',
    ADD COLUMN guarded          text[] NOT NULL DEFAULT '{}',
    ADD COLUMN proposed         text,
    ADD COLUMN proposed_by      text,
    ADD COLUMN reminders        integer NOT NULL DEFAULT 0;
