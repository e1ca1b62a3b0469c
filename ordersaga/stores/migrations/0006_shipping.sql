-- How fast a parcel packed by its seller travels, and labels whose refund the carrier has yet to decide.

ALTER TABLE pick_tickets ADD COLUMN service text NOT NULL DEFAULT 'standard' CHECK (service IN ('standard', 'expedited'));

-- The relay asks what became of them, taking turns by key.
CREATE INDEX effects_open_voids ON effects (key)
    WHERE step = 'void_label' AND status = 'done' AND answer ->> 'decision' = 'pending';
