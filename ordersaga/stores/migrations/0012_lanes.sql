-- Lanes: who keeps the calls of a company's account back, until when, and why.

-- One row for each lane, kept after its end as the last that happened. The longer of two pauses holds.
-- Every process that makes calls reads it, and the task queue's rate on the Temporal server follows it.
CREATE TABLE lane_pauses (
    lane          text PRIMARY KEY CHECK (lane ~ '^[a-z0-9_.-]{1,100}$'),
    paused_at     timestamptz NOT NULL,
    paused_until  timestamptz NOT NULL,
    reason        text NOT NULL CHECK (reason <> ''),
    by            text NOT NULL CHECK (by <> ''),
    resumed_by    text,
    resumed_why   text,
    CONSTRAINT ends_after_it_began CHECK (paused_until >= paused_at)
);
