"""Everything in PostgreSQL: what we promised, what we did outside, what it came to, and the story of each order."""
