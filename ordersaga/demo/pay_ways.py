"""Scenarios of paying otherwise than with a card typed in: links, wallets, redirects, bank debits."""

from typing import Final

from ordersaga.demo import acts
from ordersaga.demo.case import Case
from ordersaga.demo.scenario import Scenario


async def pay_by_link(case: Case) -> None:
    """The shopper pays on Stripe's page."""
    await case.place("action_required")
    await case.eventually(
        lambda: case.world.stripe.tell("checkout/pay", match=case.order_id, payment_method="pm_card_visa"),
        "a page to pay on",
    )


def bank_says(result: str) -> acts.Act:
    """The bank confirms or refuses a debit, days after the checkout."""

    async def act(case: Case) -> None:
        await case.place("pending", wait=None)

        async def processing() -> list[str]:
            found = (await case.world.stripe.records(case.order_id, "payment_intent")).get("payment_intent", [])
            return [each["id"] for each in found if each["status"] == "processing"]

        for payment_id in await case.eventually(processing, "a debit under way"):
            await case.world.stripe.tell(f"payment_intents/{payment_id}/settle", result=result)

    return act


SCENARIOS: Final[dict[str, Scenario]] = {
    "wallet": Scenario("wallet", quick=False),
    "link_paid": Scenario("pay link", pay_by_link),
    "link_abandoned": Scenario("pay link", acts.abandon_challenge),
    "link_canceled": Scenario("pay link", acts.cancel_while_challenged, quick=False),
    "redirect_reserved": Scenario("redirect", acts.complete_challenge),
    "redirect_taken": Scenario("redirect", acts.complete_challenge, quick=False),
    "redirect_failed": Scenario("redirect", acts.fail_challenge, quick=False),
    "redirect_left": Scenario("redirect", acts.abandon_challenge, quick=False),
    "debit_confirmed": Scenario("bank debit", bank_says("succeed")),
    "debit_refused": Scenario("bank debit", bank_says("fail")),
    "debit_two_parcels": Scenario("bank debit", acts.be_refused("declined"), quick=False),
}
