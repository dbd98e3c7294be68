"""A job that holds pretended GPUs: `python gpu_jobs.py FOLDER COUNT [NAME]`.

Run as a program by the tests. It makes `FOLDER/busy/GPU` for each GPU it gets, which fails when
another job has it, and holds them until `FOLDER/go` exists.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def main(folder: Path, count: int, name: str) -> None:
    from livecc.running.device_lease import hold_gpus

    for part in ("started", "busy", "used"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "started" / name).touch()
    gpus = hold_gpus("cuda", count)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ",".join(gpus)
    for gpu in gpus:
        with (folder / "busy" / gpu).open("x") as file:
            file.write(f"{name} {os.getpid()}")
        (folder / "used" / f"{gpu}.{name}").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    for gpu in gpus:
        (folder / "busy" / gpu).unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
