"""The HTTP API: `create_app` in `app.py`; `python -m ordersaga.api` serves it.

Each module of routes is one page: `orders`, `order_actions`, `attention`, `stock`, `pick_tickets`, `webhooks`,
`health`. What they share: `access` (keys and roles), `problems` (errors as RFC 9457), `shapes` (bodies).
"""
