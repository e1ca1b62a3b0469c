"""One reader, guided by what its code has not done yet: `python -m tests.fuzz.guided NAME SECONDS SEED CORPUS`.

A process of its own, for the fuzzer ends the process it runs in. How many inputs it tried stands in its statistics, and
what broke the reader in CORPUS/crash-*.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ordersaga"]):
    from tests.fuzz.readers import readers
    from tests.support.emulators import ROOT


def main(name: str, seconds: str, seed: str, corpus: str) -> None:
    """Begin with the good ones, go on until the time is over or something breaks."""
    reader = readers(ROOT / "examples")[name]
    folder = Path(corpus)
    for number, good in enumerate(reader.good):
        (folder / f"good-{number}").write_bytes(good)
    options = [f"-max_total_time={seconds}", f"-seed={seed}", f"-artifact_prefix={folder}/", "-print_final_stats=1"]
    atheris.Setup(
        [sys.argv[0], *options, "-timeout=20", "-max_len=20000", str(folder)], lambda data: reader.outcome(data)
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
