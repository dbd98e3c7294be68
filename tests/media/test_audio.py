from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from livecc.media.audio import RATE, AudioError, NoAudioError, read_audio, read_audio_spans
from tests.support.sounds import burst_times, bursts, tone, write_sound
from tests.support.videos import write_video


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_any_rate_becomes_16_khz(tmp_path: Path, rate: int) -> None:
    audio = read_audio(write_sound(tmp_path / "a.wav", tone(2, rate), rate))
    assert audio.rate == 16_000
    assert audio.samples.dtype == np.float32
    assert abs(audio.seconds - 2) < 0.01
    middle = slice(8_000, 24_000)
    np.testing.assert_allclose(audio.samples[middle], tone(2)[middle], atol=2e-3)


def test_16_khz_mono_passes_unchanged(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 20_000).astype(np.float32)
    audio = read_audio(write_sound(tmp_path / "a.wav", samples, codec="pcm_f32le"))
    np.testing.assert_array_equal(audio.samples, samples)


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    rng = np.random.default_rng(channels)
    samples = rng.uniform(-1, 1, (channels, 20_000)).astype(np.float32)
    layout = {2: "stereo", 6: "5.1"}[channels]
    path = write_sound(tmp_path / "a.wav", samples, codec="pcm_f32le", layout=layout)
    np.testing.assert_allclose(read_audio(path).samples, samples.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout", "channels"),
    [
        ("a.mp4", "aac", 44_100, "stereo", 2),
        ("a.mkv", "aac", 48_000, "5.1", 6),
        ("a.webm", "libopus", 48_000, "stereo", 2),
        ("a.mp3", "libmp3lame", 8_000, "mono", 1),
        ("a.flac", "flac", 96_000, "stereo", 2),
        ("a.ts", "mp2", 48_000, "mono", 1),
    ],
)
def test_compressed_sound_is_where_it_was_put(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str, channels: int
) -> None:
    at = [0.5, 1.2, 2.6]
    samples = np.tile(bursts(3, at, rate), (channels, 1))
    path = write_sound(tmp_path / name, samples, rate, codec=codec, layout=layout)
    audio = read_audio(path)
    # mp3 and mp2 do not say by how much their encoder shifts the sound.
    tolerance = 0.06 if codec in ("libmp3lame", "mp2") else 0.005
    np.testing.assert_allclose(burst_times(audio.samples), at, atol=tolerance)
    assert abs(audio.seconds - 3) < 0.1


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_track_that_starts_late_begins_with_silence(tmp_path: Path, name: str) -> None:
    sound = bursts(2, [0.0, 1.0], 48_000)
    path = write_sound(
        tmp_path / name, sound, 48_000, codec="aac", late_seconds=1.5, picture_seconds=4
    )
    audio = read_audio(path)
    np.testing.assert_allclose(burst_times(audio.samples), [1.5, 2.5], atol=0.01)


def test_a_hole_is_silence_of_its_length(tmp_path: Path) -> None:
    """A transport stream with packets lost in the middle, as from a bad broadcast."""
    sound = bursts(4, [0.5, 1.5, 2.5, 3.5], 48_000)
    path = write_sound(tmp_path / "a.ts", sound, 48_000, codec="mp2", picture_seconds=4)
    data = path.read_bytes()
    packets = [data[k : k + 188] for k in range(0, len(data), 188)]
    sound_packets = [k for k, packet in enumerate(packets) if _pid(packet) == 0x101]
    lost = sound_packets[int(0.3 * len(sound_packets)) : int(0.55 * len(sound_packets))]
    kept = b"".join(packet for k, packet in enumerate(packets) if k not in set(lost))
    (tmp_path / "lost.ts").write_bytes(kept)
    whole = burst_times(read_audio(path).samples)
    holed = burst_times(read_audio(tmp_path / "lost.ts").samples)
    np.testing.assert_allclose([holed[0], *holed[-2:]], [whole[0], *whole[-2:]], atol=0.005)
    assert len(holed) == 3


def _pid(packet: bytes) -> int:
    return int.from_bytes(packet[1:3]) & 0x1FFF


def test_of_two_tracks_the_one_a_player_takes(tmp_path: Path) -> None:
    one, other = tone(1), tone(1, frequency=880)
    path = write_sound(tmp_path / "a.mkv", [one, other], picture_seconds=1)
    audio = read_audio(path)
    np.testing.assert_allclose(audio.samples[:16_000], one, atol=1e-3)


def test_files_without_usable_sound(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no media " * 50)
    (tmp_path / "empty.mp4").touch()
    for name, reason in [
        ("missing.mp4", "no such file"),
        ("empty.mp4", "the file is empty"),
        ("text.mp4", "not a media file that can be read"),
        ("", "is a folder"),
    ]:
        with pytest.raises(AudioError, match=reason) as caught:
            read_audio(tmp_path / name)
        assert not isinstance(caught.value, NoAudioError)
    with pytest.raises(NoAudioError, match="no audio track"):
        read_audio(write_video(tmp_path / "silent.mp4", 10))


@pytest.mark.parametrize(
    ("name", "codec", "reason"),
    [("a.mp4", "aac", "the file is truncated"), ("a.flac", "flac", r"truncated: it has 1\d\.")],
)
def test_sound_shorter_than_its_container_says(
    tmp_path: Path, name: str, codec: str, reason: str
) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 30 * 16_000).astype(np.float32)
    options = {"movflags": "faststart"} if name.endswith("mp4") else None
    path = write_sound(tmp_path / name, noise, codec=codec, options=options)
    assert read_audio(path).stated_seconds == pytest.approx(30, abs=0.2)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match=reason):
        read_audio(path)


def test_damaged_packets_cost_themselves_only(tmp_path: Path) -> None:
    at = [0.5, 9.5]
    noise = np.random.default_rng(0).uniform(-0.05, 0.05, 480_000).astype(np.float32)
    sound = noise + bursts(10, at, 48_000)
    path = write_sound(tmp_path / "a.mp4", sound, 48_000, codec="flac")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    path.write_bytes(data)
    audio = read_audio(path)
    assert abs(audio.seconds - 10) < 0.2
    np.testing.assert_allclose(burst_times(audio.samples), at, atol=0.01)


def test_spans_are_pieces_of_the_whole(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * 44_100).astype(np.float32)
    path = write_sound(tmp_path / "a.mp4", noise, 44_100, codec="aac")
    whole = read_audio(path).samples
    spans = [(0, 1), (0, 16_000), (8_000, 90_000), (80_000, 80_000), (85_000, 86_000)]
    beyond = [(150_000, 200_000), (200_000, 210_000)]
    pieces = list(read_audio_spans(path, spans + beyond))
    for (first, last), piece in zip(spans + beyond, pieces, strict=True):
        np.testing.assert_array_equal(piece, whole[first:last])
    assert len(pieces[-2]) == len(whole) - 150_000
    assert len(pieces[-1]) == 0


#: Prints the peak memory before and after a sound is read, and that of its samples, in bytes.
_PEAK = """
import sys
from pathlib import Path
from livecc.media import audio

def peak():
    # The peak that getrusage tells may be that of the process which started this one.
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])

audio.read_audio(sys.argv[1])
before = peak()
print(before, audio.read_audio(sys.argv[2]).samples.nbytes, peak())
"""


def test_a_long_sound_is_in_memory_once(tmp_path: Path) -> None:
    """Two hours take 461 MB so; twice would be most of what is stated for a whole transcription."""
    noise = np.random.default_rng(0).integers(0, 256, 8000 * 10, np.uint8).tobytes()
    for name, pieces in (("short.wav", 1), ("long.wav", 120)):
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(1)
            file.setframerate(8000)
            file.writeframes(pieces * noise)
    command = [sys.executable, "-c", _PEAK, str(tmp_path / "short.wav"), str(tmp_path / "long.wav")]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    before, samples, after = map(int, told.split())
    assert samples == 4 * RATE * 1200
    assert samples <= after - before < 1.3 * samples
