"""One job of a stage with a score cache: its input, options, device and output.

The rule's command, the plan and the script share this object: `arguments` converts it to a command
line, `parse` is the inverse, and the stage's `prepare` turns it into work.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livecc.declaration import CachedStage, Engine, Setup, TableStage
from livecc.errors import LiveccError
from livecc.formats.video_paths import OUTSIDE, Outside, VideoFolder
from livecc.models.fetch import read_receipt
from livecc.sections import Flag, as_json, json_object
from livecc.stages.catalogue import Catalogue, catalogue_for
from livecc.stages.plugins import engine_of, package_tracks, packages_of
from livecc.stages.tracks import TRACKS, Track

#: Input file that a stage may need -> its metavar.
_FILES = {
    "lines": "JSONL",
    "transcripts": "JSONL",
    "clips": "PARQUET",
    "records": "PARQUET",
}


@dataclass(frozen=True)
class JobSpec:
    """A job of `stage` for a shard of `track`.

    files: name -> file that the stage needs. scores: tables of earlier stages, for the gate.
    receipts: role -> receipt of a model. options: argument -> value. gate: thresholds on earlier
    scores. videos: its method `file` is the one way to the file of a video. external: the
    configuration's external scores, which tables and gates may use.
    output, stats, coverage and made_with: what the job writes; plans omit them.
    """

    stage: CachedStage
    track: Track
    shard: str
    files: Mapping[str, Path]
    scores: Mapping[TableStage, Path]
    receipts: Mapping[str, Path]
    options: Mapping[str, Any]
    cache: Path
    videos: VideoFolder | None = None
    mode: str = "default"
    gate: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    gpus: int = 1
    threads: int = 1
    retry_failed: bool = False
    external: Mapping[str, Any] = field(default_factory=dict)
    output: Path | None = None
    stats: Path | None = None
    coverage: Path | None = None
    made_with: str = ""

    # --- for a stage's `prepare` ---

    @property
    def engine(self) -> Engine | None:
        """The engine in use; None for a stage without engines."""
        return engine_of(self.stage, self.options["engine"]) if self.stage.engines else None

    @property
    def version(self) -> str:
        """The version of the stage's numbers in the mode of the job."""
        return self.stage.version_in(self.mode)

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages whose versions may affect the numbers."""
        return packages_of(self.stage, self.options.get("engine"))

    def model(self, role: str = "") -> tuple[Path, str] | None:
        """(folder, digest) of a model; None if the job has none in that role."""
        return read_receipt(self.receipts[role]) if role in self.receipts else None

    def needed_model(self, role: str = "") -> tuple[Path, str]:
        """(folder, digest) of a model. Raises LiveccError if its receipt was not given."""
        model = self.model(role)
        if model is None:
            flag = _receipt_flag(role)
            raise LiveccError(f"{self.stage.name}: needs the receipt of a model ({flag})")
        return model

    @property
    def wanted_device(self) -> str:
        """The device; always "cpu" for engines that use no GPU."""
        engine = self.engine
        on_gpu = self.stage.on_gpu if engine is None else engine.on_gpu
        if on_gpu == "no" or (on_gpu == "asked" and self.device == "auto"):
            return "cpu"
        return self.device

    def setup(self, device: str) -> Setup:
        """The arguments for loading an engine."""
        folders = {role: read_receipt(path)[0] for role, path in self.receipts.items()}
        return Setup(folders, self.options, device, self.mode, self.threads)

    def deciding_options(self) -> dict[str, Any]:
        """The options that can change the result."""
        wanted = {flag.name for flag in flags_of_job(self.stage) if flag.effect == "number"}
        return {name: value for name, value in self.options.items() if name in wanted}

    # --- as a command line ---

    def arguments(self) -> list[str]:
        """All arguments except threads and output files."""
        return [
            *("--track", self.track.name, f"--shard={self.shard}"),
            *(f"--{name}={path}" for name, path in self.files.items()),
            *(f"{_receipt_flag(role)}={path}" for role, path in self.receipts.items()),
            *(f"--score={stage.name}={path}" for stage, path in self.scores.items()),
            *recorded_options(
                self.stage,
                self.options,
                self.videos.path if self.videos else None,
                self.mode,
                self.videos.outside if self.videos else "none",
            ),
            *self._mode_told_by_version(),
            *("--device", self.device, "--gpus", str(self.gpus), "--cache", str(self.cache)),
            *(word for flag in self._flags("pace") for word in flag.write(self.options[flag.name])),
            *(["--gate", as_json(self.gate)] if self.stage.gated else []),
            *external_arguments(self.external),
            *(["--retry-failed"] if self.retry_failed else []),
        ]

    def _mode_told_by_version(self) -> list[str]:
        """The mode, if it decides without being recorded among the options.

        The version that is recorded then differs by mode.
        """
        told = self.stage.depends_on_mode and "mode" not in self.stage.needs
        return ["--mode", self.mode] if told else []

    def _flags(self, effect: str) -> list[Flag]:
        flags = flags_of_job(self.stage)
        return [flag for flag in flags if flag.effect == effect and flag.name in self.options]

    @classmethod
    def parse(cls, stage: CachedStage, arguments: Sequence[str] | None = None) -> JobSpec:
        """The job described by a command line."""
        return cls.of_options(stage, parser_of(stage).parse_args(arguments))

    @classmethod
    def of_options(cls, stage: CachedStage, options: argparse.Namespace) -> JobSpec:
        given = vars(options)
        names = (name for name, _ in given.get("score", []))
        catalogue = catalogue_for(options.external, stage.name, *names, tracks=(options.track,))
        receipts = {role: given.get(_receipt_name(role)) for role in stage.roles}
        engine = given.get("engine")
        return cls(
            stage=stage,
            track=catalogue.tracks[options.track],
            shard=options.shard,
            files={name: given[name] for name in _FILES if given.get(name) is not None},
            scores=_tables(catalogue, given.get("score", [])),
            receipts={role: path for role, path in receipts.items() if path is not None},
            options={
                flag.name: given[flag.name]
                for flag in flags_of_job(stage)
                if flag.engine in (None, engine)
            },
            cache=options.cache,
            videos=VideoFolder(given["videos"], given["videos_outside"])
            if "videos" in stage.needs
            else None,
            mode=options.mode,
            gate=given.get("gate", {}),
            device=options.device,
            gpus=options.gpus,
            threads=options.threads,
            retry_failed=options.retry_failed,
            external=options.external,
            output=options.output,
            stats=options.stats,
            coverage=options.coverage,
            made_with=options.made_with,
        )


def external_arguments(external: Mapping[str, Any]) -> list[str]:
    """The argument that passes external scores to a job, in the order of their rules."""
    return ["--external", json.dumps(external)] if external else []


def _tables(catalogue: Catalogue, named: Sequence[tuple[str, Path]]) -> dict[TableStage, Path]:
    return {catalogue.score_stage(name): path for name, path in named}


def flags_of_job(stage: CachedStage) -> tuple[Flag, ...]:
    """The arguments from a stage's options and those of a plugin engine."""
    if not stage.engines:
        return stage.flags
    engine_options = Flag(
        *("engine_options", "number", json_object, "options of a plugin engine"),
        metavar="JSON",
    )
    return (*stage.flags, engine_options)


def recorded_options(
    stage: CachedStage,
    options: Mapping[str, Any],
    videos: Path | str | None,
    mode: str,
    outside: Outside = "none",
) -> list[str]:
    """The arguments that determine what a stage computes; recorded by Snakemake as params."""
    return [
        *(["--videos", str(videos)] if "videos" in stage.needs else []),
        *(outside_arguments(outside) if "videos" in stage.needs else []),
        *(["--mode", mode] if "mode" in stage.needs else []),
        *(
            word
            for flag in flags_of_job(stage)
            if flag.effect == "number" and flag.name in options
            for word in flag.write(options[flag.name])
        ),
    ]


def outside_arguments(outside: Outside) -> list[str]:
    """The argument that allows videos outside of their folder; none by default."""
    return [] if outside == "none" else ["--videos-outside", outside]


def _receipt_name(role: str) -> str:
    return f"{role}_receipt" if role else "receipt"


def _receipt_flag(role: str) -> str:
    return f"--{_receipt_name(role).replace('_', '-')}"


def parser_of(stage: CachedStage) -> argparse.ArgumentParser:
    """The command line of a stage."""
    parser = argparse.ArgumentParser(
        prog=f"{stage.name}.py", description=f"{stage.says}, for one shard."
    )
    group = parser.add_argument_group("input")
    group.add_argument("--track", required=True, type=track_name, metavar="TRACK")
    group.add_argument("--shard", required=True, help="name of the shard, for caches and messages")
    for name, metavar in _FILES.items():
        if name in stage.needs:
            group.add_argument(f"--{name}", required=True, type=Path, metavar=metavar)
    if stage.gated_by_lines and "lines" not in stage.needs:
        group.add_argument(
            "--lines",
            type=Path,
            metavar=_FILES["lines"],
            help="input file of the shard, for the gate",
        )
    if "videos" in stage.needs:
        group.add_argument(
            "--videos", required=True, type=Path, metavar="FOLDER", help="folder of the video files"
        )
        group.add_argument("--videos-outside", default="none", choices=OUTSIDE)
    for role in stage.roles:
        group.add_argument(
            _receipt_flag(role),
            type=Path,
            metavar="JSON",
            help=f"receipt of the {f'model for {role}' if role else 'model'}",
        )
    if stage.gated:
        group.add_argument(
            "--score",
            action="append",
            default=[],
            type=named_path,
            metavar="STAGE=PARQUET",
            help="table of scores of an earlier stage; may be repeated",
        )
        group.add_argument(
            "--gate",
            default={},
            type=json_object,
            metavar="JSON",
            help="thresholds on earlier scores, or on facts of input lines (default: none)",
        )
    group.add_argument("--external", default={}, type=json_object, help=argparse.SUPPRESS)
    group = parser.add_argument_group("options")
    group.add_argument("--mode", default="default", choices=["default", "paper"])
    for flag in flags_of_job(stage):
        flag.add_to(group)
    group = parser.add_argument_group("execution")
    group.add_argument(
        "--cache", required=True, type=Path, metavar="FOLDER", help="root of the score cache"
    )
    group.add_argument(
        "--device", default="auto", choices=["auto", "cpu", "cuda"], help="default: %(default)s"
    )
    group.add_argument("--gpus", type=int, default=1, help="GPUs to take, on cuda")
    group.add_argument("--threads", type=int, default=1, help="CPU threads of the model")
    group.add_argument("--retry-failed", action="store_true", help="score failed items again")
    group = parser.add_argument_group("output")
    group.add_argument("--output", required=True, type=Path, metavar="FILE")
    group.add_argument("--stats", required=True, type=Path, metavar="JSON")
    group.add_argument(
        "--coverage", type=Path, metavar="JSON", help="file that records the gate for later runs"
    )
    group.add_argument(
        "--made-with", default="", metavar="DIGEST", help="digest of the settings, to be recorded"
    )
    return parser


def track_name(text: str) -> str:
    """The type of an argument that names a track."""
    known = [track.name for track in TRACKS]
    if text not in known and text not in package_tracks():
        raise argparse.ArgumentTypeError(
            f"{text!r}: must be one of {', '.join([*known, *package_tracks()])}"
        )
    return text


def named_path(text: str) -> tuple[str, Path]:
    """The type of a NAME=FILE argument."""
    name, equals, path = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: must be NAME=FILE")
    return name, Path(path)
