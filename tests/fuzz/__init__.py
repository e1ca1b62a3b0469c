"""Hostile input at every door, by a seed: `python -m tests.fuzz --minutes 5 --seed 1`.

What no door may answer: a status of 500 or more, silence, or an exception that its function does not announce.
"""
