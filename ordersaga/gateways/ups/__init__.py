"""UPS, through its public API."""
