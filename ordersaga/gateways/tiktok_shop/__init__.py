"""TikTok Shop, through its public API."""
