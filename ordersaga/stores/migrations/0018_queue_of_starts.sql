-- Since when an order stands in the queue of starts: since it has its units. One that waited in line for them was
-- accepted long before.
ALTER TABLE orders ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now();
UPDATE orders SET queued_at = accepted_at WHERE started_at IS NULL AND status = 'pending';

DROP INDEX orders_unstarted;
CREATE INDEX orders_unstarted ON orders (seller, queued_at, order_id)
    WHERE started_at IS NULL AND status = 'pending';
