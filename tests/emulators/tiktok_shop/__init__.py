"""The TikTok Shop emulator, spoken to as its API is documented."""
