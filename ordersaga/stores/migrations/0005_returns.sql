-- Returns: what shoppers send back, from the request to the end.

-- number and key are the two ways to say the same request again. carrier news finds a return by its label's reference.
CREATE TABLE returns (
    order_id           text NOT NULL REFERENCES orders,
    number             integer NOT NULL CHECK (number BETWEEN 1 AND 99),
    parcel             integer NOT NULL CHECK (parcel > 0),
    request_key        text,
    "case"             jsonb NOT NULL,
    status             text NOT NULL,
    reason             text,
    inspection         jsonb,
    carrier            text,
    tracking_number    text,
    label_url          text,
    instructions       text,
    refunded           bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    exchange_order_id  text,
    requested_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at         timestamptz,
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (order_id, number)
);
CREATE UNIQUE INDEX returns_key ON returns (order_id, request_key) WHERE request_key IS NOT NULL;
CREATE UNIQUE INDEX returns_exchange ON returns (exchange_order_id) WHERE exchange_order_id IS NOT NULL;
-- The starter's queue of accepted returns whose workflow nobody started; empty most of the time.
CREATE INDEX returns_unstarted ON returns (requested_at) WHERE started_at IS NULL;

-- The other end of the link: which return an order is the exchange for.
ALTER TABLE orders ADD COLUMN exchange_of text;
