"""ShipBob, through its public API."""
