"""`python -m docs_site [FOLDER]`: builds the site in FOLDER/site, by default build/docs/site."""

import sys
from pathlib import Path

from docs_site.building import SiteError, build
from docs_site.staging import ROOT

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "docs"
    try:
        print(f"the site is in {build(folder)}")
    except SiteError as error:
        sys.exit(f"docs: {error}")
