-- What may be promised at the moment of acceptance: limits of a buyer, room to ship by day, and the line of those who
-- wait. Decision 0026.

ALTER TABLE sellers
    ADD COLUMN daily_orders integer CHECK (daily_orders > 0),
    ADD COLUMN promise_within integer NOT NULL DEFAULT 14 CHECK (promise_within BETWEEN 0 AND 365);
ALTER TABLE products
    ADD COLUMN max_per_buyer integer CHECK (max_per_buyer > 0),
    ADD COLUMN daily_units integer CHECK (daily_units > 0),
    ADD COLUMN waitlist boolean NOT NULL DEFAULT false;

-- What a buyer has already is read from the orders themselves: whatever cancels or rejects one gives its units back.
CREATE INDEX orders_buyer ON orders ((request->>'buyer'), channel) WHERE request->>'buyer' IS NOT NULL;

-- Room by UTC day. A line is what an order may be short of: `sku:MUG` (units) or `seller:acme` (orders).
CREATE TABLE room_taken (
    line   text NOT NULL,
    day    date NOT NULL,
    taken  bigint NOT NULL CHECK (taken >= 0),
    PRIMARY KEY (line, day)
) WITH (fillfactor = 50);

-- Which room an order has.
CREATE TABLE promises (
    order_id  text NOT NULL,
    line      text NOT NULL,
    day       date NOT NULL,
    units     bigint NOT NULL CHECK (units > 0),
    PRIMARY KEY (order_id, line),
    FOREIGN KEY (line, day) REFERENCES room_taken
);
CREATE INDEX promises_day ON promises (day);

-- Whoever ends an order gives its room back, until the day is over. Rows are locked in the order in which acceptance
-- writes them.
CREATE FUNCTION give_room_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM room_taken JOIN promises USING (line, day) WHERE order_id = NEW.order_id
        ORDER BY line, day FOR NO KEY UPDATE OF room_taken;
    IF FOUND THEN
        UPDATE room_taken SET taken = taken - units FROM promises
        WHERE order_id = NEW.order_id AND promises.line = room_taken.line AND promises.day = room_taken.day
          AND promises.day >= (now() AT TIME ZONE 'UTC')::date;
        DELETE FROM promises WHERE order_id = NEW.order_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_give_room_back AFTER UPDATE OF status ON orders FOR EACH ROW
    WHEN (NEW.status IN ('canceled', 'rejected') AND OLD.status <> NEW.status) EXECUTE FUNCTION give_room_back();

-- Orders that wait, in the order of their arrival (`place`), each in the line of everything it is short of.
CREATE TABLE waiting_orders (
    order_id  text PRIMARY KEY REFERENCES orders,
    place     bigint GENERATED ALWAYS AS IDENTITY,
    until     timestamptz NOT NULL
);
CREATE INDEX waiting_orders_until ON waiting_orders (until);
CREATE TABLE waiting_lines (
    line      text NOT NULL,
    place     bigint NOT NULL,
    order_id  text NOT NULL REFERENCES waiting_orders ON DELETE CASCADE,
    PRIMARY KEY (line, place)
);
CREATE INDEX waiting_lines_order ON waiting_lines (order_id);
