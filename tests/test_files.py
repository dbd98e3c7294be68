"""Reading lines of compressed files: whole, in several frames, and cut."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
import zstandard

from livecc.files import BrokenFileError, read_lines

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
