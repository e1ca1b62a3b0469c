"""The console: pages for people, served by the API's process at /console.

It is a client of our own HTTP API. A page asks the API with the person's session and shows the answer, so that roles,
sellers, previews, audit and errors are the API's own.
"""

from ordersaga.console.app import create_console

__all__ = ["create_console"]
