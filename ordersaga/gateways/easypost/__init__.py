"""EasyPost, through its public API."""
