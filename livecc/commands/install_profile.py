"""`livecc install-profile`: make `snakemake --profile slurm` work."""

from __future__ import annotations

from typing import Annotated

import typer

#: A file in site-packages that adds the executor's folder to the path.
PATH_FILE = "livecc-plugins.pth"
#: Asks Snakemake where it looks for profiles; the library itself does not import Snakemake.
_PROFILES = "from snakemake.common import get_appdirs; print(get_appdirs().user_config_dir)"


def install_profile(
    force: Annotated[
        bool, typer.Option("--force", help="Replace the profile even if you have changed it.")
    ] = False,
) -> None:
    """Set up `snakemake --profile slurm` for a Slurm cluster.

    Copies profiles/slurm to the folder where Snakemake looks for your profiles. Set partitions,
    account and so on in the copy. Also makes the executor livecc-slurm in the folder plugins
    available to the Python that runs this command, which must be the one that runs Snakemake.

    \b
    Examples:
      livecc install-profile
      livecc install-profile --force

    docs/slurm.md explains the profile.
    """
    import filecmp
    import itertools
    import shutil
    import subprocess
    import sys
    import sysconfig
    from pathlib import Path

    from livecc.errors import LiveccError
    from livecc.files.atomic import write_bytes
    from livecc.files.yaml_files import REPOSITORY
    from livecc.terminal import say

    asked = subprocess.run(
        [sys.executable, "-P", "-c", _PROFILES],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise LiveccError(f"{sys.executable} has no Snakemake; see envs/workflow.txt")

    plugins = Path(sysconfig.get_paths()["purelib"], PATH_FILE)
    folder = REPOSITORY / "plugins"
    try:
        write_bytes(plugins, f"{folder}\n".encode())
    except OSError as error:
        raise LiveccError(
            f"{error}; instead, set the path of the executor: export PYTHONPATH={folder}"
        ) from None
    say(f"{sys.executable} finds the executor livecc-slurm in {folder}")

    source = REPOSITORY / "profiles" / "slurm" / "config.yaml"
    target = Path(asked.stdout.strip(), "slurm", "config.yaml")
    # Snakemake prefers config.v8+.yaml and the like to config.yaml.
    others = [
        path
        for path in sorted(target.parent.glob("config*.yaml"))
        if not filecmp.cmp(source, path, shallow=False)
    ]
    if others and not force:
        found = " and ".join(map(str, others))
        say(f"{found} was not replaced; it differs from {source} (--force replaces it, and keeps")
        say("a copy)")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    for path in others:
        names = (path.with_name(f"{path.name}.before-{number}") for number in itertools.count(1))
        kept = next(name for name in names if not name.exists())
        path.rename(kept)
        say(f"{path} is kept as {kept}")
    shutil.copyfile(source, target)
    say(f"Profile: {target} (set partitions, account and so on there)")
