"""Stateful properties: Hypothesis plays programs of steps against stores, rules and the running saga.

`make test` plays a few fixed programs of each, `make test-slow` more, `make properties` as many as one likes
(`EXAMPLES=500`), new ones every time. A program that fails is printed as the calls that lead there.
"""
