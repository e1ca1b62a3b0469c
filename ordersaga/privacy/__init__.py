"""Personal data is written encrypted, with a key for each order: who destroys the key has erased the order's person.

`ciphers` encrypts, `master_keys` wraps the orders' keys, `key_ring` finds an order's key, `codec` is Temporal's door.
"""
