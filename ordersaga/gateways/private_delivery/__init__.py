"""Private delivery networks, through its public API."""
