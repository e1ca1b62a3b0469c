-- Recovery after a restore. While one is under way nobody else accepts an order: the units and the ids of orders that
-- are still to be written again would be promised a second time.

CREATE TABLE recoveries (
    recovery_id  text PRIMARY KEY,
    began_at     timestamptz NOT NULL DEFAULT now(),
    -- what PostgreSQL remembered when it began: whatever came later was forgotten
    remembered   timestamptz NOT NULL,
    ended_at     timestamptz,
    report       jsonb
);
CREATE UNIQUE INDEX recoveries_one_at_a_time ON recoveries ((true)) WHERE ended_at IS NULL;

-- With the rights of its owner: whoever may only see one seller's rows hears of a recovery as well.
CREATE FUNCTION refuse_while_recovering() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
BEGIN
    IF EXISTS (SELECT FROM recoveries WHERE ended_at IS NULL)
        AND current_setting('application_name') <> 'ordersaga-recover' THEN
        RAISE EXCEPTION 'a recovery is under way' USING ERRCODE = 'OS001', HINT = 'Finish it: ordersaga recover';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_wait_for_recovery BEFORE INSERT ON orders
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_while_recovering();
