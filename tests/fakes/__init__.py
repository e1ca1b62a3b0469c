"""The ports in memory: the same contracts as the real adapters, for tests of what depends on ports."""
