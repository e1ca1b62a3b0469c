"""DECIDE. Deterministic; nothing here can reach I/O. Start with `order_fulfillment.py`."""
