"""The demo itself: its files, its audit, its result."""
