-- What was handed on, by when it came: retention looks at nothing else.
CREATE INDEX CONCURRENTLY IF NOT EXISTS webhook_inbox_over ON webhook_inbox (received_at)
    WHERE status IN ('delivered', 'ignored');
