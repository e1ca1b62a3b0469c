-- Parcels that go elsewhere than their order, or went: [{"parcel": 2, "ship_to": {...}}], the address encrypted as the
-- order's own is, country and region readable: stops go by them. NULL: the order's address was never changed.
ALTER TABLE orders ADD COLUMN elsewhere jsonb;
