"""The demo: a stack of its own, orders that meet every misfortune, and an audit that lays books beside facts.

| module | does |
|---|---|
| `orders_file` | reads `orders.csv`: orders, each with its scenario and the end it must come to |
| `scenario`, `scenarios` | what each scenario prepares at the outside companies, and what people then do |
| `network`, `pay_ways` | the scenarios at the further companies, and of paying otherwise than with a card |
| `market`, `stall` | those at marketplaces: one that we speak with, and one that speaks with us |
| `case`, `people`, `board` | one order on its way; the seller's warehouse and the operator; who is where |
| `chaos` | kills parts, or stops the whole stack, while orders are under way |
| `outside`, `records` | what the companies say happened, read from what each has written down |
| `audit` | every difference of that to our ledgers |
| `pace` | how slow this machine is, and so how long everything may take |
| `run`, `view` | the whole show, and how it is shown |

The companies are reached over HTTP only: nothing here imports them.
"""
