from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from livecc.errors import LiveccError
from livecc.media.frames import Frames, read_frames
from livecc.media.pool import Failure
from livecc.media.resize import Squash, resize_frames
from livecc.stages.score_talking_head.patches import (
    patch_rows,
    picture_grid,
    processor_size,
    read_settings,
)
from livecc.stages.score_talking_head.qwen2_vl import Qwen2VL
from tests.stages.score_talking_head.talking_head_scorers import load
from tests.stages.score_talking_head.tiny_qwen2_vl import write_tiny_qwen2_vl
from tests.support.videos import write_video

QUESTION = (
    "Here are 8 evenly sampled frames from a YouTube video. Are there someone always showing their"
    " faces and talking? Answer Yes or No."
)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory) -> Path:
    return write_tiny_qwen2_vl(tmp_path_factory.mktemp("qwen2_vl"))


@pytest.fixture(scope="module")
def paper(model_dir: Path) -> Qwen2VL:
    scorer = load("qwen2_vl", model_dir=model_dir, mode="paper", threads=1)
    assert isinstance(scorer, Qwen2VL)
    return scorer


@pytest.fixture(scope="module")
def default(model_dir: Path) -> Qwen2VL:
    scorer = load("qwen2_vl", model_dir=model_dir, threads=1)
    assert isinstance(scorer, Qwen2VL)
    return scorer


def noise(seed: int, height: int, width: int) -> Frames:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, height, width, 3), dtype=np.uint8)
    return Frames(pixels, np.arange(8), 8)


def image_processor(model_dir: Path):
    pillow = {"use_fast": False} if transformers.__version__ < "5" else {"backend": "pil"}
    return transformers.AutoImageProcessor.from_pretrained(model_dir, **pillow)


@pytest.mark.parametrize(
    "size", [(320, 180), (168, 308), (720, 1280), (30, 33), (41, 300), (2000, 3000)]
)
def test_patches_are_those_of_the_models_processor(model_dir: Path, size) -> None:
    n = 1 if max(size) > 1000 else 3
    frames = np.random.default_rng(0).integers(0, 256, (n, *size, 3), dtype=np.uint8)
    expected = image_processor(model_dir)(
        images=[Image.fromarray(frame) for frame in frames], return_tensors="pt"
    )
    settings = read_settings(model_dir)
    target = processor_size(*size, settings)
    rows = patch_rows(resize_frames(frames, Squash(*target)), settings, "cpu")
    assert expected["image_grid_thw"].tolist() == [list(picture_grid(*target, settings))] * n
    torch.testing.assert_close(rows, expected["pixel_values"], atol=1e-6, rtol=0)


def test_score_is_the_probability_of_yes(tmp_path: Path, model_dir: Path, paper: Qwen2VL) -> None:
    """The whole chain, written out by hand with the model's own processor and full logits."""
    path = write_video(tmp_path / "a.mp4", size=(96, 128))
    ((row,),) = paper.score([("a", path)])

    squashed = [
        Image.fromarray(frame).resize((180, 320), Image.Resampling.BICUBIC)
        for frame in read_frames(path, 8).pixels
    ]
    pictures = image_processor(model_dir)(images=squashed, return_tensors="pt")
    assert pictures["image_grid_thw"].tolist() == [[1, 22, 12]] * 8
    pads = "<|image_pad|>" * 66
    text = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        + f"<|vision_start|>{pads}<|vision_end|>" * 8
        + f"{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_dir)
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    assert paper._prompt.ids(66) == ids[0].tolist()
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **pictures}
    if transformers.__version__ >= "5":
        image_id = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        inputs["mm_token_type_ids"] = (ids == image_id).long()
    model = transformers.Qwen2VLForConditionalGeneration.from_pretrained(
        model_dir, dtype=torch.float32
    )
    with torch.inference_mode():
        logits = model(**inputs).logits[0, -1]
    expected = float(logits.float().softmax(-1)[9454])
    assert row.score == pytest.approx(expected, rel=1e-4)
    assert row.frames == 8


def test_a_batch_gives_what_single_videos_give(default: Qwen2VL) -> None:
    # Different sizes: prompts of different lengths, which are read apart.
    videos = [noise(0, 168, 308), noise(1, 308, 168), noise(2, 224, 252), noise(3, 28, 56)]
    assert len({default._tokens_per_frame(video) for video in videos}) == 3
    together = default._score(videos)
    singly = [default._probabilities([video])[0] for video in videos]
    assert together == pytest.approx(singly, rel=1e-3)
    assert len({round(p, 9) for p in singly}) == 4


def test_order_of_the_frames_matters(default: Qwen2VL) -> None:
    video = noise(0, 168, 308)
    turned = Frames(video.pixels[::-1].copy(), video.indices, 8)
    one, other = default._probabilities([video, turned])
    assert one != pytest.approx(other, rel=1e-3)


def test_aspect_ratio_is_kept_unless_as_in_the_paper(default: Qwen2VL, paper: Qwen2VL) -> None:
    wide = np.zeros((8, 720, 1280, 3), np.uint8)
    assert resize_frames(wide, default.resize).shape == (8, 168, 308, 3)
    assert resize_frames(wide, paper.resize).shape == (8, 308, 168, 3)


def test_batches_keep_the_token_budget(tmp_path: Path, model_dir: Path) -> None:
    scorer = load("qwen2_vl", model_dir=model_dir, options={"max_tokens": 2500}, threads=1)
    assert isinstance(scorer, Qwen2VL)
    length = scorer._prompt.length(66)
    assert length == len(scorer._prompt.ids(66))
    path = write_video(tmp_path / "a.mp4", size=(180, 320))
    sizes = [len(rows) for rows in scorer.score((k, path) for k in range(7))]
    most = 2500 // length
    assert sizes == [most] * (7 // most) + [7 % most] * (7 % most > 0)
    assert most > 1


def test_out_of_memory_halves_the_batch_and_goes_on(default: Qwen2VL, monkeypatch) -> None:
    tried = []

    def probabilities(videos: list[Frames]) -> list[float]:
        tried.append(len(videos))
        if len(videos) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [float(video.pixels[0, 0, 0, 0]) for video in videos]

    monkeypatch.setattr(default, "_probabilities", probabilities)
    monkeypatch.setattr(default, "batch_size", 64)
    videos = [noise(seed, 28, 28) for seed in range(9)]
    expected = [float(video.pixels[0, 0, 0, 0]) for video in videos]
    assert default._score(videos) == expected
    assert tried == [9, 4, 2, 2, 2, 2, 1]
    tried.clear()
    assert default._score(videos[:3]) == expected[:3]
    assert tried == [2, 1]


def test_pictures_seen_together_are_as_seen_alone(model_dir: Path, default: Qwen2VL) -> None:
    """Attention over pictures of one size in one call, against transformers' own loop."""
    plain = transformers.Qwen2VLForConditionalGeneration.from_pretrained(
        model_dir, dtype=torch.float32
    ).eval()
    videos = [noise(seed, *size) for seed, size in enumerate([(28, 84), (84, 28), (28, 84)])]
    with torch.inference_mode():
        inputs = {**default._inputs(videos), "logits_to_keep": 1, "use_cache": False}
        expected = plain(**inputs).logits
        torch.testing.assert_close(default._model(**inputs).logits, expected, atol=1e-5, rtol=1e-5)


def test_only_prompts_of_one_length_are_scored_together(default: Qwen2VL, monkeypatch) -> None:
    tried = []

    def probabilities(videos: list[Frames]) -> list[float]:
        tried.append([video.pixels.shape[1:3] for video in videos])
        return [float(video.pixels[0, 0, 0, 0]) for video in videos]

    monkeypatch.setattr(default, "_probabilities", probabilities)
    monkeypatch.setattr(default, "batch_size", 2)
    wide, high, small = (28, 84), (84, 28), (28, 56)
    videos = [noise(seed, *size) for seed, size in enumerate([wide, small, high, wide, small])]
    assert default._score(videos) == [float(video.pixels[0, 0, 0, 0]) for video in videos]
    assert tried == [[wide, high], [wide], [small, small]]


def test_one_video_that_is_too_much_fails_alone(default: Qwen2VL, monkeypatch) -> None:
    def probabilities(videos: list[Frames]) -> list[float]:
        if any(video.n_frames == 99 for video in videos):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return [0.5] * len(videos)

    monkeypatch.setattr(default, "_probabilities", probabilities)
    monkeypatch.setattr(default, "batch_size", 64)
    small = noise(0, 28, 28)
    scores = default._score([small, Frames(small.pixels, small.indices, 99), small])
    assert scores[::2] == [0.5, 0.5]
    assert isinstance(scores[1], Failure)


def test_other_errors_are_not_hidden(default: Qwen2VL, monkeypatch) -> None:
    def probabilities(_: list[Frames]) -> list[float]:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(default, "_probabilities", probabilities)
    with pytest.raises(RuntimeError, match="mat1"):
        default._score([noise(0, 28, 28)])


def test_paper_mode_wants_the_papers_tokenizer(tmp_path: Path) -> None:
    folder = write_tiny_qwen2_vl(tmp_path, yes=77)
    with pytest.raises(LiveccError, match="the token Yes is 77 and not 9454"):
        load("qwen2_vl", model_dir=folder, mode="paper")
    scorer = load("qwen2_vl", model_dir=folder, mode="default")
    assert isinstance(scorer, Qwen2VL)
    assert scorer._answer == 77


def test_question_and_answer_are_options(model_dir: Path) -> None:
    options = {"question": "Is it so in {frames} frames?", "answer": "No", "frames": 3}
    scorer = load("qwen2_vl", model_dir=model_dir, options=options)
    assert isinstance(scorer, Qwen2VL)
    assert scorer._answer == 2753
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_dir)
    text = tokenizer.decode(scorer._prompt.ids(1))
    assert "<|vision_end|>Is it so in 3 frames?<|im_end|>" in text
    assert text.count("<|image_pad|>") == 3
    with pytest.raises(LiveccError, match="'Perhaps' is 7 tokens"):
        load("qwen2_vl", model_dir=model_dir, options={"answer": "Perhaps"})


def test_device_that_is_not_there(model_dir: Path) -> None:
    with pytest.raises(LiveccError, match="must be cpu, cuda"):
        load("qwen2_vl", model_dir=model_dir, device="gpu 1")
    if not torch.cuda.is_available():
        with pytest.raises(LiveccError, match="finds no CUDA GPU"):
            load("qwen2_vl", model_dir=model_dir, device="cuda")
