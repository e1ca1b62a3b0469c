"""Steady load for as long as it takes to see what grows."""
