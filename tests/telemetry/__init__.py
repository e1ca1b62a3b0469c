"""What processes tell of themselves: traces, metrics, logs; and what is made of it."""
