"""The outside companies, each in its own protocol; nothing of a vendor's library leaves this package."""
