"""What an emulator process is told on its command line."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EmulatorConfig:
    """Settings of one emulator process."""

    name: str
    host: str
    port: int
    data: Path
    time_scale: float = 1.0
    webhook_url: str | None = None
    webhook_secret: str = "whsec_emulator"  # noqa: S105 - a default for local runs, not a credential

    @property
    def base_url(self) -> str:
        """Where this process is reached, for links inside answers."""
        return f"http://{self.host}:{self.port}"

    @property
    def database(self) -> Path:
        """The one file that holds everything this company knows."""
        return self.data / f"{self.name}.db"
