"""Chaos: orders under load while processes are killed and frozen and the network between them fails, then an audit."""
