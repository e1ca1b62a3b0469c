"""The fault matrix: every outside call and every await of seven orders, each meeting every fault, then audited.

| module | does |
|---|---|
| `shapes` | the seven orders: what is bought, what the companies and the people then do |
| `awaits`, `traps`, `worker` | what sagas wait for, by name; the product's worker, failing or dying there on request |
| `boundaries` | plays each shape without faults and notes its calls and awaits: nothing is listed by hand |
| `cases` | every boundary with every fault that may meet it, pairs by a covering array, and the fixed sample |
| `faults` | what each kind of fault is, told to the companies |
| `ground`, `player`, `robot` | a stack of its own; one case on it; the operator who answers questions |
| `oracle` | invariants I1 to I7, judged by the companies' own records |
| `runner`, `results`, `summary` | jobs side by side, resumable results, what is written into the documents |

`make faults` runs all of it; `make faults CASE='...'` one case.
"""
