-- Labels for the way back that were given back, too: the relay asks what became of their refund.

DROP INDEX effects_open_voids;
CREATE INDEX effects_open_voids ON effects (key)
    WHERE step IN ('void_label', 'void_return_label') AND status = 'done' AND answer ->> 'decision' = 'pending';
