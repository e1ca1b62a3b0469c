-- What was still shared between sellers: receipts and order ids. And locations that a seller gave up.

-- A receipt is its seller's: the seller of its SKU. Two sellers may have a delivery note of the same number.
ALTER TABLE unit_movements DROP CONSTRAINT unit_movements_receipt_id_fkey;
ALTER TABLE catalog_receipts DROP CONSTRAINT catalog_receipts_pkey, ADD COLUMN seller text REFERENCES sellers;
ALTER TABLE catalog_receipts DISABLE TRIGGER catalog_receipts_append_only;
UPDATE catalog_receipts SET seller = products.seller FROM products WHERE products.sku = catalog_receipts.sku;
ALTER TABLE catalog_receipts ENABLE TRIGGER catalog_receipts_append_only;
ALTER TABLE catalog_receipts ADD PRIMARY KEY (seller, receipt_id), ADD UNIQUE (receipt_id, sku);
ALTER TABLE unit_movements ADD FOREIGN KEY (receipt_id, sku) REFERENCES catalog_receipts (receipt_id, sku);
DROP INDEX movement_receipt_once;
CREATE UNIQUE INDEX movement_receipt_once ON unit_movements (receipt_id, sku) WHERE receipt_id IS NOT NULL;

CREATE FUNCTION receipt_is_its_sellers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.seller := (SELECT seller FROM products WHERE sku = NEW.sku);
    RETURN NEW;
END $$;
CREATE TRIGGER catalog_receipts_are_their_sellers BEFORE INSERT ON catalog_receipts
    FOR EACH ROW EXECUTE FUNCTION receipt_is_its_sellers();

-- With what a seller's order ids begin. There is one underscore, the last character: no prefix begins another.
-- What ids of everybody's begin with is nobody's.
ALTER TABLE seller_profiles ADD COLUMN order_prefix text UNIQUE
    GENERATED ALWAYS AS (profile->>'order_prefix') STORED
    CONSTRAINT prefix_ends_itself CHECK (order_prefix ~ '^[a-z0-9]{2,16}_$' AND order_prefix NOT IN ('ord_', 'tiktok_'));

-- A location that its seller's profile names no more: no stock may arrive there, and no order is routed there. What lies
-- there stays on the books, and the profile may name it again.
ALTER TABLE locations ADD COLUMN removed_at timestamptz, ADD CONSTRAINT sellers_remove_their_own
    CHECK (removed_at IS NULL OR seller IS NOT NULL);
