-- How locations ship, and why orders ship from where they do. Decision 0033.

-- Only what is not usual; a location without a word ships as all did before.
ALTER TABLE locations ADD COLUMN dispatch jsonb NOT NULL DEFAULT '{}';

-- Written with the hold, when there was more than one location to choose from.
CREATE TABLE routings (
    order_id  text PRIMARY KEY REFERENCES orders,
    why       json NOT NULL
);
