-- A run over one order is its seller's to see, whoever asked for it; one over everything is nobody's alone.
ALTER TABLE reconciliation_runs ADD COLUMN seller text;
