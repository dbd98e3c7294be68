"""The options of one part of a source, by its format (`sources.NAME.from` in the configuration)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from livecc.sections import PathText, Section, Text, option

#: Kinds of captions: typed by people, heard by YouTube, translated by a machine.
Kind = Literal["manual", "automatic", "translated"]
#: Caption files in the order of preference: the first three tell when each word is said.
CaptionFormat = Literal["json3", "srv3", "vtt", "srv2", "srv1", "ttml", "srt"]
CAPTION_FORMATS: tuple[CaptionFormat, ...] = (
    *("json3", "srv3", "vtt"),
    *("srv2", "srv1", "ttml", "srt"),
)
Language = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]+)*$")]
Paths = Annotated[list[PathText], msgspec.Meta(min_length=1)]


class Part(Section, tag_field="format"):
    """What the options of every format share."""

    #: Whether its files hold one video each, in folders that are listed, or many videos.
    folder: ClassVar[bool] = False

    paths: Annotated[Paths, option("Folders, files, or globs of them.")]
    video: Annotated[
        Text, option('Where a video is if no file of it was found: "{id}" stands for its id.')
    ] = "{id}.mp4"
    metadata: Annotated[
        list[PathText],
        option(
            "Files with facts that the source lacks (title, category, duration, height, ...), "
            "joined by id: lines of `yt-dlp -j`, CSV or Parquet."
        ),
    ] = msgspec.field(default_factory=list)


class CaptionChoice(Part):
    """Which captions of a video are taken, if it has several."""

    folder: ClassVar[bool] = True

    languages: Annotated[
        list[Language],
        option(
            "Wanted languages, the best first; en stands for en-US and en-orig, too. Empty: any, "
            "first the language of the video."
        ),
    ] = msgspec.field(default_factory=list)
    prefer: Annotated[
        list[Kind],
        option(
            "Kinds of captions, the best first; others are not used. Machine translations come "
            "after all others, unless they are named first."
        ),
    ] = msgspec.field(default_factory=lambda: ["manual", "automatic", "translated"])
    caption_formats: Annotated[
        list[CaptionFormat],
        option("Formats of caption files, the best first; others are not used."),
    ] = msgspec.field(default_factory=lambda: list(CAPTION_FORMATS))


class YtDlp(CaptionChoice, tag="ytdlp"):
    """Folders that yt-dlp has filled: .info.json, captions and videos that belong together."""


class Captions(CaptionChoice, tag="captions"):
    """Folders of caption files alone: NAME.vtt or NAME.LANG.vtt; NAME is the id."""


class Whisper(Part, tag="whisper"):
    """Folders of the JSON of Whisper, faster-whisper or WhisperX; of NAME.json, NAME is the id."""

    folder: ClassVar[bool] = True

    as_captions: Annotated[
        bool,
        option(
            "Write words as captions (for the pre-training track) in place of the words of a "
            "transcript (for the SFT track)."
        ),
    ] = False


class YtTemporal1B(Part, tag="yttemporal1b"):
    """yttemporal1b_*.jsonl.gz of YT-Temporal-1B."""


class YtTemporal180M(Part, tag="yttemporal180m"):
    """yttemporal180m_*.jsonl.gz of YT-Temporal-180M."""


class VidChapters(Part, tag="vidchapters"):
    """asr.pkl of VidChapters-7M, and chapters.json for duration and category."""


class HowTo100M(Part, tag="howto100m"):
    """raw_caption.json of HowTo100M, and HowTo100M_v1.csv for ids."""


class HdVila(Part, tag="hdvila"):
    """JSON lines of HD-VILA-100M: ids alone, which another part may give captions."""


class JsonLines(Part, tag="jsonl"):
    """Input lines of the workflow, or lines of `yt-dlp -j`."""


class Columns(Section):
    """Names of the columns of a table; null: the table has none such."""

    id: Annotated[Text, option("The id of the video.")] = "id"
    video: Annotated[Text | None, option("Path of the video.")] = None
    title: Annotated[Text | None, option("Its title.")] = "title"
    category: Annotated[Text | None, option("Its category, or a list of them.")] = "category"
    duration: Annotated[Text | None, option("Its length in seconds.")] = "duration"
    height: Annotated[Text | None, option("Its greatest height in pixels.")] = "height"
    language: Annotated[Text | None, option("Its language.")] = "language"
    upload_date: Annotated[Text | None, option("Its date, YYYYMMDD.")] = "upload_date"
    channel: Annotated[Text | None, option("Its channel.")] = "channel"
    license: Annotated[Text | None, option("Its licence.")] = "license"
    live_status: Annotated[Text | None, option("As yt-dlp has it, such as not_live.")] = (
        "live_status"
    )
    caption_language: Annotated[Text | None, option("The language of its captions.")] = None
    captions: Annotated[Text | None, option("manual, automatic, translated or none.")] = None
    subtitles: Annotated[
        Text | None, option("Captions: a list (in CSV: JSON) of [start, end, text] in seconds.")
    ] = "subtitles"
    start: Annotated[Text | None, option("In place of `subtitles`: a list of starts.")] = None
    end: Annotated[Text | None, option("With `start`: a list of ends.")] = None
    text: Annotated[Text | None, option("With `start`: a list of texts.")] = None


class Table(Part, tag="table"):
    """CSV or Parquet, one row per video."""

    columns: Annotated[Columns, option("Names of its columns.")] = msgspec.field(
        default_factory=Columns
    )


AnyPart = (
    YtDlp
    | Captions
    | Whisper
    | YtTemporal1B
    | YtTemporal180M
    | VidChapters
    | HowTo100M
    | HdVila
    | Table
    | JsonLines
)
PARTS: dict[str, type[Part]] = {str(kind.__struct_config__.tag): kind for kind in AnyPart.__args__}


def read_part(entry: Any) -> AnyPart:
    """One entry of `from`. Raises msgspec.ValidationError."""
    part: AnyPart = msgspec.convert(entry, AnyPart, strict=True)
    return part


def format_of(part: Part) -> str:
    """The name of a part's format."""
    return str(part.__struct_config__.tag)
