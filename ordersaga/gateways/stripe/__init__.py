"""Stripe, through its public API."""
