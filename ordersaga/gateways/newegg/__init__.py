"""Newegg, through its public API."""
