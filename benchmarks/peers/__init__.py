"""How others would build it: competent, small, on the same database, companies and servers."""
