-- Finding an order by what people have in their hands: each way is an index of its own, so that it costs the same
-- whatever the number of orders.

-- The beginning of an order's id, whatever the database's collation.
CREATE INDEX orders_id_begins ON orders (order_id text_pattern_ops);

-- The order's id at a marketplace.
CREATE INDEX orders_sold_at ON orders ((request->'sold_at'->>'order')) WHERE request->'sold_at'->>'order' IS NOT NULL;

-- Orders by SKU, newest first: one row for each line, written with its order by whatever program inserts it.
CREATE TABLE order_skus (
    sku          text NOT NULL,
    seller       text NOT NULL,
    accepted_at  timestamptz NOT NULL,
    order_id     text NOT NULL,
    PRIMARY KEY (sku, seller, accepted_at, order_id)
);
CREATE FUNCTION list_skus() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_skus (sku, seller, accepted_at, order_id)
    SELECT line->>'sku', seller, accepted_at, order_id
    FROM accepted, jsonb_array_elements(request->'lines') AS line
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_list_skus AFTER INSERT ON orders REFERENCING NEW TABLE AS accepted
    FOR EACH STATEMENT EXECUTE FUNCTION list_skus();
INSERT INTO order_skus (sku, seller, accepted_at, order_id)
SELECT line->>'sku', seller, accepted_at, order_id FROM orders, jsonb_array_elements(request->'lines') AS line
ON CONFLICT DO NOTHING;

-- Numbers that carriers know parcels by, in capitals and without spaces; a parcel may have had several.
CREATE TABLE order_tracking (
    number    text NOT NULL,
    order_id  text NOT NULL,
    parcel    integer NOT NULL,
    PRIMARY KEY (number, order_id, parcel)
);
INSERT INTO order_tracking (number, order_id, parcel)
SELECT upper(replace(answer->>'tracking_number', ' ', '')), order_id, parcel FROM effects
WHERE answer->>'tracking_number' <> ''
ON CONFLICT DO NOTHING;
CREATE INDEX returns_tracking ON returns (upper(replace(tracking_number, ' ', ''))) WHERE tracking_number IS NOT NULL;
