"""Documents lead somewhere."""

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, anchors, documents, links


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    """A moved file or a renamed heading breaks here, not for a reader."""
    broken = [target for target in links(document) if not _leads_somewhere(document, target)]
    assert broken == []


def _leads_somewhere(document: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (document.parent / path).resolve() if path else document
    if not file.exists() or not file.is_relative_to(ROOT):
        return False
    return not anchor or anchor in anchors(file)
