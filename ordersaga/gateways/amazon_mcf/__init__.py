"""Amazon Multi-Channel Fulfillment, through its public API."""
