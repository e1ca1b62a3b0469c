"""Is this installation sound? Every connection, setting and schema, each told in a line with what would help."""
