"""Commits whose answer is lost.

cut_commits(monkeypatch, 1)                    # the next commit is made, and its answer is lost
cut_commits(monkeypatch, 1, committed=False)   # the connection breaks before the commit arrives
"""

import asyncpg.transaction
import pytest


def cut_commits(monkeypatch: pytest.MonkeyPatch, times: int, *, committed: bool = True) -> None:
    """Break the connection at each of the next commits, with the work done or undone; later ones are left alone."""
    commit, left = asyncpg.transaction.Transaction.commit, [None] * times

    async def cut(transaction: asyncpg.transaction.Transaction) -> None:
        if not left:
            await commit(transaction)
            return
        left.pop()
        await (commit(transaction) if committed else transaction.rollback())
        raise ConnectionResetError("the answer to COMMIT was lost")

    monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", cut)
