"""What would happen: the saga's own workflow code in virtual time, before a modeled outside world.

| module | is |
|---|---|
| `scenario` | the question: orders, arrivals, providers, and variants of it |
| `clock`, `lanes` | one clock for all sagas, and the queues in which they wait for each other |
| `activations` | the real workflow code of one order, driven through the SDK's runner |
| `runner` | what that code asks for becomes events on the clock |
| `world`, `warehouses` | who answers: stock, bank, providers, carriers, an operator |
| `report`, `compared`, `sparks` | the answer, what to set beside it, its curves as text |
"""
