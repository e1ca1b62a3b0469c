"""The documents as a site: `python -m docs_site` stages docs/, writes the reference from code, builds, checks."""
