"""Environments that write down which scripts they run, and stand-ins for what makes them.

Conda and apptainer themselves cannot be had everywhere that tests run. What takes their place here
understands only what Snakemake asks of them, and really runs the command in the environment.
"""

from __future__ import annotations

import sys
import sysconfig
import textwrap
import venv
from pathlib import Path

from tests.support.places import REPOSITORY


def make_environment(folder: Path, record: Path) -> Path:
    """A virtual environment with the packages of this one; returns its Python.

    Each of its processes appends a line `FOLDER SCRIPT` to `record`, and to `record`.input whether
    its standard input is empty.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    note = (
        "import sys; open({!r}, 'a').write(f'{{sys.prefix}} ' + "
        "' '.join(a for a in sys.orig_argv if a.endswith('.py')) + '\\n'); "
        "import os; open({!r}, 'a').write("
        "f'{{os.path.sameopenfile(0, os.open(os.devnull, os.O_RDONLY))}}\\n')"
    )
    lines = [sysconfig.get_paths()["purelib"], note.format(str(record), f"{record}.input")]
    (packages / "packages.pth").write_text("".join(f"{line}\n" for line in lines))
    return folder / "bin" / "python"


def make_conda(folder: Path, record: Path) -> None:
    """A program `conda` in `folder`/bin whose environments are those of `make_environment`.

    Its `env create` keeps the environment's file, so that it is known what was asked for.
    """
    program = folder / "bin" / "conda"
    program.parent.mkdir(parents=True)
    code = f"""\
        #!{sys.executable}
        import json, shutil, sys
        from pathlib import Path

        sys.path.insert(0, {str(REPOSITORY)!r})
        from tests.workflow.environments import make_environment

        words = sys.argv[1:]
        if words[0] == "info":
            print(json.dumps({{"conda_prefix": {str(folder)!r}, "platform": "linux-64",
                               "conda_version": "25.1.0"}}))
        elif words[0] == "--version":
            print("conda 25.1.0")
        elif words[0] == "config":
            print(json.dumps({{"get": {{"channel_priority": "strict"}}}}))
        elif words[:2] == ["env", "create"]:
            prefix = Path(words[words.index("--prefix") + 1])
            file = words[words.index("--file") + 1]
            make_environment(prefix, Path({str(record)!r}))
            shutil.copy(file, prefix / "asked-for.yaml")
        elif words[0] != "clean":
            sys.exit(f"unknown: {{words}}")
        """
    program.write_text(textwrap.dedent(code))
    program.chmod(0o755)
    activate = folder / "bin" / "activate"
    activate.write_text('export PATH="$1/bin:$PATH"\nexport CONDA_PREFIX="$1"\n')


def make_apptainer(folder: Path) -> None:
    """A program `apptainer` in `folder` that runs commands with the programs of an image.

    An image is a folder here. Only what the variables bind may be used: they are kept in
    `folder`/bound.
    """
    program = folder / "apptainer"
    folder.mkdir(parents=True, exist_ok=True)
    code = f"""\
        #!{sys.executable}
        import os, sys
        from pathlib import Path

        words = sys.argv[1:]
        if words == ["--version"]:
            print("apptainer version 1.3.4")
            sys.exit()
        at = words.index("-c")
        image, shell = Path(words[at - 2]), words[at - 1]
        assert "exec" in words and image.is_dir(), words
        with open({str(folder / "bound")!r}, "a") as file:
            file.write(os.environ["APPTAINER_BIND"] + "\\n")
        os.environ["PATH"] = f"{{image}}/bin:/usr/bin:/bin"
        # As with --cleanenv: nothing but the command says where the library is.
        os.environ.pop("PYTHONPATH", None)
        os.execvp(shell, [shell, "-c", words[at + 1]])
        """
    program.write_text(textwrap.dedent(code))
    program.chmod(0o755)
