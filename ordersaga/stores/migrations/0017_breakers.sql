-- Circuit breakers of lanes: whether calls pass, since when, why, by whom; and what they are judged by.

-- One row for each lane that ever opened. While it is open, one call at a time passes from `next_probe` on: the one
-- that holds `probe`, until `probe_until` at most.
CREATE TABLE lane_breakers (
    lane          text PRIMARY KEY CHECK (lane ~ '^[a-z0-9_.-]{1,100}$'),
    state         text NOT NULL CHECK (state IN ('closed', 'open')),
    since         timestamptz NOT NULL,
    reason        text NOT NULL CHECK (reason <> ''),
    by            text NOT NULL CHECK (by <> ''),
    openings      int NOT NULL DEFAULT 0 CHECK (openings >= 0),
    good          int NOT NULL DEFAULT 0 CHECK (good >= 0),
    next_probe    timestamptz,
    forced_until  timestamptz,
    probe         uuid,
    probe_until   timestamptz,
    CONSTRAINT open_is_tried_again CHECK ((state = 'open') = (next_probe IS NOT NULL)),
    CONSTRAINT probe_ends CHECK ((probe IS NULL) = (probe_until IS NULL))
);

-- What each process counted in its last minute. Unlogged: after a crash it is counted anew.
CREATE UNLOGGED TABLE lane_calls (
    lane      text NOT NULL,
    process   uuid NOT NULL,
    calls     int NOT NULL CHECK (calls >= 0),
    failed    int NOT NULL CHECK (failed BETWEEN 0 AND calls),
    told_at   timestamptz NOT NULL,
    PRIMARY KEY (lane, process)
);
