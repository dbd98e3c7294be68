"""Reading lines of compressed files: whole, in several frames, cut, and made to fill a memory."""

from __future__ import annotations

import gzip
import io
import os
import random
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from livecc.errors import LiveccError
from livecc.files import limits
from livecc.files.atomic import read_json
from livecc.files.lines import BrokenFileError, decompressed, read_lines

COMPRESS = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


def text(n_lines: int) -> bytes:
    """Lines that hardly compress, so that a cut loses only some of them."""
    source = random.Random(1)
    return b"".join(source.randbytes(20).hex().encode() + b"\n" for _ in range(n_lines))


@pytest.mark.parametrize("suffix", COMPRESS)
def test_frames_one_after_the_other(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    lines = text(20)
    pieces = [COMPRESS[suffix](lines[:300]), COMPRESS[suffix](b""), COMPRESS[suffix](lines[300:])]
    path.write_bytes(b"".join(pieces))
    assert b"".join(line + b"\n" for _, line in read_lines(path) if line is not None) == lines


def test_gzip_padded_with_zeros(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"one\n") + bytes(40_000) + gzip.compress(b"two\n") + bytes(9))
    assert [line for _, line in read_lines(path)] == [b"one", b"two"]


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_cut_file_gives_the_lines_before_the_cut(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    whole = COMPRESS[suffix](text(60_000))
    path.write_bytes(whole[: int(share * len(whole))])
    lines = read_lines(path)
    read: list[bytes | None] = []
    with pytest.raises(BrokenFileError, match=f"broken after line .*{path.suffix[1]}"):
        read.extend(line for _, line in lines)
    count = len(read)
    # A frame comes in blocks; at most the block of the cut is lost.
    assert 60_000 * share - 8_000 < count < 60_000


@pytest.mark.parametrize("suffix", COMPRESS)
def test_not_compressed_at_all(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(b'{"video": "a"}\n')
    with pytest.raises(BrokenFileError, match=r"broken after line 0 .*data"):
        list(read_lines(path))


@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_a_line_that_is_too_long_costs_itself(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecc.files.lines.MAX_INPUT_LINE_BYTES", 10)
    lines = [b"a" * 10, b"b" * 11, b"c" * 5_000, b"d", b"e" * 20]
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(COMPRESS.get(suffix, bytes)(b"\n".join(lines)))
    read = [line for _, line in read_lines(path)]
    assert read == [b"a" * 10, None, None, b"d", None]
    # The workflow's own lines may be longer than the lines that they were made of.
    assert [line for _, line in read_lines(path, own=True)] == lines


def bomb(suffix: str, megabytes: int, line: bytes) -> bytes:
    """So many megabytes of the same line."""
    piece = line * (10**6 // len(line))
    if suffix == ".gz":
        return gzip.compress(piece * megabytes)
    out = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(out, closefd=False) as stream:
        for _ in range(megabytes):
            stream.write(piece)
    return out.getvalue()


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("line", [b"\n", b"{}\n", b" "])
def test_data_made_to_fill_the_disk(
    tmp_path: Path, suffix: str, line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FREE_EXPANSION_BYTES", 2 * 10**6)
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(bomb(suffix, 20, line))
    with pytest.raises(BrokenFileError, match="unpack to more than 200 times their size"):
        for _ in read_lines(path):
            pass


def test_data_unpack_in_small_pieces(tmp_path: Path) -> None:
    """Whatever they expand to, of which the reader takes a little at a time."""
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(bomb(".zst", 512, b" "))
    assert path.stat().st_size < 40_000
    tracemalloc.start()
    try:
        with path.open("rb") as raw, decompressed(path, raw, None) as stream:
            assert stream.read(10**6) == b" " * 10**6
        assert tracemalloc.get_traced_memory()[1] < 150 * 10**6
    finally:
        tracemalloc.stop()


def test_json_is_read_from_files_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path / "pipe.json", tmp_path):
        with pytest.raises(LiveccError, match="no regular file"):
            read_json(path)
