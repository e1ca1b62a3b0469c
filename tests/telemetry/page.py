"""`python -m tests.telemetry.page`: write the table of metrics in docs/observability.md anew, from the code."""

from typing import Final

from docs_site.metric_page import metric_tables
from tests.docs.pages import ROOT

PAGE: Final = ROOT / "docs" / "observability.md"
_MARK: Final = "<!-- metrics: what docs_site.metric_page writes -->\n"


def with_metrics(page: str) -> str:
    """The page with what is listed now behind its mark."""
    head, mark, _ = page.partition(_MARK)
    return f"{head}{mark}\n{metric_tables().replace('## Of', '### Of').strip()}\n"


if __name__ == "__main__":
    PAGE.write_text(with_metrics(PAGE.read_text()))
