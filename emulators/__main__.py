"""Run one emulated company: `python -m emulators stripe --port 12111 --data /tmp/stripe`."""

import argparse
import importlib
import signal
from pathlib import Path

import uvicorn

from emulators.common import Emulator, EmulatorConfig
from emulators.common.connections import TrackedProtocol

REGISTRY = {
    "amazon_mcf": "emulators.amazon_mcf",
    "stripe": "emulators.stripe",
    "shipbob": "emulators.shipbob",
    "easypost": "emulators.easypost",
    "tiktok_shop": "emulators.tiktok_shop",
    "newegg": "emulators.newegg",
    "ups": "emulators.ups",
    "courier": "emulators.courier",
    "stall": "emulators.stall",
}
_GRACE_SECONDS = 2


def parse(arguments: list[str] | None = None) -> EmulatorConfig:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m emulators", description="Emulate an outside company.")
    parser.add_argument("name", choices=sorted(REGISTRY))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of the SQLite file")
    parser.add_argument("--time-scale", type=_positive, default=1.0, help="simulated life runs this much faster")
    parser.add_argument("--webhook-url")
    parser.add_argument("--webhook-secret", default=EmulatorConfig.webhook_secret)
    parser.add_argument(
        "--webhook-secret-file",
        dest="webhook_secret",
        type=_content,
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="the secret, where others may see what is on a command line",
    )
    return EmulatorConfig(**vars(parser.parse_args(arguments)))


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise argparse.ArgumentTypeError("must be greater than 0")
    return number


def _content(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def create(config: EmulatorConfig) -> Emulator:
    """Build the emulator a name stands for."""
    emulator: Emulator = importlib.import_module(REGISTRY[config.name]).build(config)
    return emulator


def serve(config: EmulatorConfig) -> None:
    """Serve until SIGTERM or SIGINT, then exit with 0: uvicorn raises the signal again once it is done."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = uvicorn.Server(
        uvicorn.Config(
            create(config),
            host=config.host,
            port=config.port,
            http=TrackedProtocol,
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=65,
        )
    )
    server.run()


if __name__ == "__main__":
    serve(parse())
