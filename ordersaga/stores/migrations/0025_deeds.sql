-- What people did, newest first, is looked up in the journal without its other lines, which are many more.
CREATE INDEX journal_deeds ON journal (at DESC) WHERE kind IN ('breaker_set', 'cancel_requested', 'change_requested',
    'decision', 'goodwill_requested', 'hold', 'proposal', 'release', 'return_cancel_requested', 'return_inspected',
    'stop_dry_run', 'stop_lifted', 'stop_pause', 'stop_resume', 'stop_stop');
