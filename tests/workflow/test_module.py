"""Another workflow uses this one as a module, below a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.places import REPOSITORY
from tests.workflow.running import FOLD, SUN, Project, Run, record
from tests.workflow.warm import warm_python

pytestmark = pytest.mark.workflow

SNAKEFILE = """
configfile: "own.yaml"

module livecc:
    snakefile: "{snakefile}"
    config: config["livecc"]
    {prefix}

use rule * from livecc as livecc_*

onstart:
    livecc.onstart()

onsuccess:
    livecc.onsuccess()

onerror:
    livecc.onerror()

rule lines:
    default_target: True
    input:
        "{results}/pretrain/default/livecc_pretrain_default_with_seeks.jsonl",
        "{results}/summary.txt",
    output: "lines.txt"
    shell: "wc -l < {{input[0]}} > {{output}}"
"""


class Importer:
    """A workflow of somebody else, with a configuration that holds only what differs."""

    def __init__(self, folder: Path, prefix: str, results: str) -> None:
        self.folder, self.results = folder, folder / results
        told = {"snakefile": REPOSITORY / "Snakefile", "prefix": prefix, "results": results}
        (folder / "Snakefile").write_text(SNAKEFILE.format(**told))
        Project(folder).write_input("p1", [record("boat.mp4", FOLD), record("sun.mp4", SUN)])

    def run(self, *flags: str, most_words: float = 4) -> Run:
        config = {
            "device": "cpu",
            "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "input"}},
            "selections": {
                "default": {"pretrain": {"words_per_second": {"min": 0.5, "max": most_words}}}
            },
            **{
                stage: {"enabled": False}
                for stage in ("score_lm_loss", "probe_videos", "score_talking_head")
            },
        }
        (self.folder / "own.yaml").write_text(yaml.safe_dump({"livecc": config}))
        command = [warm_python(), "-m", "snakemake", "--cores", "2", "--workflow-profile", "none"]
        result = subprocess.run(
            [*command, "--rerun-triggers", "mtime", *flags],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return Run(result.returncode, result.stdout + result.stderr)


@pytest.mark.parametrize(
    ("prefix", "results"),
    [
        ('prefix: "made"', "made/results"),
        ('replace_prefix: {"results/": "other/"}', "other"),
    ],
)
def test_module(tmp_path: Path, prefix: str, results: str) -> None:
    importer = Importer(tmp_path, prefix, results)
    run = importer.run()
    assert run.status == 0, run.output[-4000:]
    assert (tmp_path / "lines.txt").read_text().strip() == "2"
    # Its summary, progress and score cache are below the prefix; nothing is elsewhere.
    assert "2 samples" in run.output
    assert (importer.results / "run.lock").is_file()
    assert "finished" in (importer.results / "progress.txt").read_text()
    assert list(importer.results.glob("cache/identify_language/*"))
    made = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert made == {"Snakefile", "own.yaml", "input", "lines.txt", Path(results).parts[0]}
    assert "Nothing to be done" in importer.run().output
    changed = importer.run(most_words=1.0)
    assert set(changed.jobs()) >= {"livecc_select_samples", "livecc_summarize", "lines"}
    assert "livecc_identify_language" not in changed.jobs()
    assert (tmp_path / "lines.txt").read_text().strip() == "0"


def test_rules_from_a_host_are_refused_with_the_remedy(tmp_path: Path) -> None:
    """Such as snakedeploy writes; the host is a repository on this machine."""
    clone = tmp_path / "host" / "owner" / "livecc-data"
    shutil.copytree(REPOSITORY / "rules", clone / "rules")
    shutil.copyfile(REPOSITORY / "Snakefile", clone / "Snakefile")
    for words in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=All"],
        ["tag", "v1"],
    ):
        subprocess.run(["git", *words], cwd=clone, check=True)
    (tmp_path / "Snakefile").write_text(
        "module livecc:\n"
        '    snakefile: github("owner/livecc-data", path="Snakefile", tag="v1")\n'
        "    config: config\n"
        "use rule * from livecc\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{tmp_path / 'host'}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
        },
    )
    assert result.returncode == 1
    told = result.stdout + result.stderr
    assert "clone the repository and name its Snakefile by path (docs/module.md)" in told
    assert "Traceback" not in told
