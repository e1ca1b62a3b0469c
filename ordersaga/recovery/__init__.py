"""PostgreSQL and Temporal brought back into agreement, after one of them was restored to an earlier time.

| module | does |
|---|---|
| `histories` | reads what a saga was told, and what it called with which answer, from its history |
| `memory` | companies that are only asked, and a ledger that knows that it has forgotten |
| `retelling` | PostgreSQL is behind: what the histories tell is written again |
| `restarting` | Temporal is behind: sagas it lost are started again and told what they missed |
| `recover` | both, one after the other, behind closed doors |
"""
