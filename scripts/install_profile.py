#!/usr/bin/env python3
"""Make `snakemake --profile slurm` work: the profile for this user, the executor for this Python.

The profile is copied to where Snakemake looks for profiles, and is the site's to edit there. The
folder of the project's executor plugin is put on the path of the Python that runs this script,
which must be the one that runs Snakemake.
"""

import argparse
import filecmp
import shutil
import sys
import sysconfig
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from livecc import cli
from livecc.errors import LiveccError
from livecc.files import write_bytes

PATH_FILE = "livecc-plugins.pth"


def main(options: argparse.Namespace) -> None:
    try:
        from snakemake.common import get_appdirs
    except ImportError:
        raise LiveccError(f"{sys.executable} has no Snakemake; see envs/workflow.txt") from None

    plugins = Path(sysconfig.get_paths()["purelib"], PATH_FILE)
    folder = REPOSITORY / "plugins"
    try:
        write_bytes(plugins, f"{folder}\n".encode())
    except OSError as error:
        raise LiveccError(
            f"{error}; without it, say where the executor is: export PYTHONPATH={folder}"
        ) from None
    print(f"{sys.executable} finds the executor livecc-slurm in {folder}")

    source = REPOSITORY / "profiles" / "slurm" / "config.yaml"
    target = Path(get_appdirs().user_config_dir, "slurm", "config.yaml")
    if target.exists() and not filecmp.cmp(source, target, shallow=False) and not options.force:
        print(f"{target} was left as it is; it differs from {source} (--force replaces it)")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    print(f"Profile: {target} (partitions, account and so on are set there)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--force", action="store_true", help="replace a profile that was changed")
    cli.run(main, parser)
