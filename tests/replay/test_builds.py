"""Named builds: who is pinned, and which names are refused."""

import pytest
from temporalio.common import VersioningBehavior

from ordersaga.settings import SettingsError, read_settings
from workers.orders import versioned


def test_without_a_name_workers_have_no_version() -> None:
    """The embedded stack, and whoever names nothing, runs as before."""
    assert versioned(read_settings(worker_build="")) is None


def test_what_a_named_build_begins_stays_on_it() -> None:
    """Every workflow that says nothing else is pinned, on one deployment for all builds."""
    config = versioned(read_settings(worker_build="2026.11.1"))
    assert config is not None
    assert config.use_worker_versioning
    assert config.version.to_canonical_string() == "ordersaga.2026.11.1"
    assert config.default_versioning_behavior is VersioningBehavior.PINNED


@pytest.mark.parametrize("bad", [{"worker_deployment": "a.b"}, {"worker_deployment": ""}, {"worker_build": "a b"}])
def test_names_temporal_would_misread_are_refused(bad: dict[str, str]) -> None:
    """The deployment's name ends at the first dot, and neither has spaces."""
    with pytest.raises(SettingsError, match="ORDERSAGA_WORKER_"):
        read_settings(**bad)
