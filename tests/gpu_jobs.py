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
    from livecc.device_lease import hold_gpus

    gpus = hold_gpus("cuda", count)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ",".join(gpus)
    for part in ("busy", "used"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for gpu in gpus:
        (folder / "busy" / gpu).open("x").write(name)
        (folder / "used" / f"{gpu}.{name}").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    for gpu in gpus:
        (folder / "busy" / gpu).unlink()
    (folder / f"{name}.done").write_text(",".join(gpus))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    job_name = sys.argv[3] if len(sys.argv) > 3 else str(os.getpid())
    main(Path(sys.argv[1]), int(sys.argv[2]), job_name)
