-- Starting sagas: several starters share the work, and everybody can see how much of it there is.

-- When a starter may take the order. At first the two seconds in which whoever accepted it starts it itself; now, once
-- that one leaves it to the starters; and the end of its lease while a starter has it, so that one that died loses
-- nothing. now() is the time of acceptance, so no row is written anew.
ALTER TABLE orders ADD COLUMN start_after timestamptz NOT NULL DEFAULT now() + interval '2 seconds';

-- The starters' queue, by seller so that they can take turns; empty most of the time. Only what is pending waits for a
-- saga: not what was refused, nor what waits for units.
DROP INDEX orders_unstarted;
CREATE INDEX orders_unstarted ON orders (seller, accepted_at, order_id)
    WHERE started_at IS NULL AND status = 'pending';
-- Never null; said so that this index fits only where the column is asked for.
CREATE INDEX orders_start_after ON orders (start_after)
    WHERE started_at IS NULL AND status = 'pending' AND start_after IS NOT NULL;
-- Sagas on their way to an outcome.
CREATE INDEX orders_undecided ON orders (started_at) WHERE started_at IS NOT NULL AND outcome IS NULL;
