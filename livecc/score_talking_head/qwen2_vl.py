"""P("Yes") of Qwen2-VL when it is shown a video's frames and asked about a talking head.

The frames go in as separate pictures, followed by the question. The score is the softmax over the
whole vocabulary, in fp32, at the last position of the prompt, at the token of the answer: the
probability that the reply begins with it. `paper` mode squashes every frame to height 320 x width
180, as LiveCC did; `default` mode keeps the aspect ratio at the same number of pixels.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecc.errors import LiveccError
from livecc.media.frames import Frames
from livecc.media.pool import Failure
from livecc.media.resize import PixelBudget, Squash, Steps
from livecc.score_talking_head.patches import (
    PatchSettings,
    patch_rows,
    picture_grid,
    processor_size,
    read_settings,
)
from livecc.score_talking_head.prompt import FramesPrompt, answer_id
from livecc.score_talking_head.scorer import DecodeOptions, TalkingHeadScorer

if TYPE_CHECKING:
    import torch

QUESTION = (
    "Here are {frames} evenly sampled frames from a YouTube video. Are there someone always"
    " showing their faces and talking? Answer Yes or No."
)
PAPER_HEIGHT, PAPER_WIDTH = 320, 180
PAPER_YES = 9454


@dataclass(frozen=True, slots=True)
class Qwen2VLOptions:
    """`question` (`{frames}` in it is the number of frames) and the `answer` whose probability
    is the score; both are LiveCC's by default.

    `pixels` is the area of a frame in default mode. `dtype` is that of the weights: "auto" is
    bfloat16 on a GPU and float32 on a CPU. A batch has at most `batch_size` videos and `max_tokens`
    tokens, padding included.
    """

    frames: int = 8
    question: str = QUESTION
    answer: str = "Yes"
    pixels: int = PAPER_HEIGHT * PAPER_WIDTH
    dtype: str = "auto"
    batch_size: int = 64
    max_tokens: int = 49_152

    def __post_init__(self) -> None:
        for name in ("frames", "pixels", "batch_size", "max_tokens"):
            if getattr(self, name) < 1:
                raise LiveccError(f"qwen2_vl: {name} is {getattr(self, name)}, must be at least 1")
        if self.dtype not in ("auto", "bfloat16", "float16", "float32"):
            raise LiveccError(
                f"qwen2_vl: dtype {self.dtype!r} must be auto, bfloat16, float16 or float32"
            )


class Qwen2VL(TalkingHeadScorer):
    """Loads the model in the folder `model_dir`, laid out as on the Hugging Face hub."""

    def __init__(
        self,
        model_dir: Path | str,
        options: Qwen2VLOptions,
        decode: DecodeOptions,
        *,
        device: str = "cpu",
        mode: str = "default",
        threads: int = 0,
    ) -> None:
        import torch

        self.options = options
        self.decode = decode
        self.frames = options.frames
        self.batch_size = options.batch_size
        if threads:
            torch.set_num_threads(threads)
        self._device = _checked_device(device)
        tokenizer = _load_tokenizer(model_dir)
        question = options.question.replace("{frames}", str(options.frames))
        self._prompt = FramesPrompt(tokenizer, options.frames, question)
        self._answer = answer_id(tokenizer, options.answer)
        if mode == "paper" and options.answer == "Yes" and self._answer != PAPER_YES:
            raise LiveccError(
                f"{model_dir}: the token Yes is {self._answer} and not {PAPER_YES} as in Qwen2-VL;"
                " paper mode needs Qwen/Qwen2-VL-2B-Instruct"
            )
        # The padding is masked, so any id will do.
        self._padding = tokenizer.pad_token_id or 0
        self._settings = read_settings(model_dir)
        self.resize = _resize(mode, options, self._settings)
        self._model = _load_model(model_dir, options.dtype, self._device)
        if self._model.config.image_token_id != self._prompt.image_id:
            raise LiveccError(
                f"{model_dir}: config.json has image_token_id {self._model.config.image_token_id}"
                f" but the tokenizer {self._prompt.image_id}; the files are of different models"
            )
        # transformers 5 wants to be told which tokens are pictures; 4.57 has no such argument.
        self._wants_token_types = (
            "mm_token_type_ids" in inspect.signature(self._model.forward).parameters
        )

    def _tokens_per_frame(self, video: Frames) -> int:
        height, width = video.pixels.shape[1:3]
        return (height // self._settings.multiple) * (width // self._settings.multiple)

    def _fits(self, videos: list[Frames]) -> bool:
        longest = max((self._tokens_per_frame(video) for video in videos), default=1)
        return len(videos) * self._prompt.length(longest) <= self.options.max_tokens

    def _score(self, videos: list[Frames]) -> list[float | Failure]:
        """Score the videos, at most `self.batch_size` at a time.

        When the memory is not enough the batch is halved, and stays so for the batches that follow.
        """
        scores: list[float | Failure] = []
        while len(scores) < len(videos):
            part = videos[len(scores) : len(scores) + self.batch_size]
            try:
                scores.extend(self._probabilities(part))
                continue
            except (MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
            # Outside the handler: the exception holds the tensors of the failed attempt alive.
            _free_memory(self._device)
            if len(part) == 1:
                scores.append(
                    Failure("not enough memory for the frames of this one video", transient=True)
                )
            else:
                self.batch_size = len(part) // 2
        return scores

    def _probabilities(self, videos: list[Frames]) -> list[float]:
        """P(answer) of each video, all in one pass."""
        import torch

        with torch.inference_mode():
            logits = self._model(
                **self._inputs(videos), logits_to_keep=1, use_cache=False
            ).logits  # [n, 1, vocabulary]
            probabilities = logits[:, -1].float().softmax(dim=-1)[:, self._answer]
        return [float(p) for p in probabilities.cpu()]

    def _inputs(self, videos: list[Frames]) -> dict[str, torch.Tensor]:
        """Left-padded ids and mask [n, length], patch rows, and the grid [n * frames, 3]."""
        import torch

        prompts = [self._prompt.ids(self._tokens_per_frame(video)) for video in videos]
        length = max(len(prompt) for prompt in prompts)
        ids = torch.full((len(videos), length), self._padding)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, length - len(prompt) :] = torch.tensor(prompt)
            mask[row, length - len(prompt) :] = 1
        grid = [
            picture_grid(video.pixels.shape[1], video.pixels.shape[2], self._settings)
            for video in videos
            for _ in video.pixels
        ]
        rows = [patch_rows(video.pixels, self._settings, self._device) for video in videos]
        inputs = {
            "input_ids": ids.to(self._device),
            "attention_mask": mask.to(self._device),
            "pixel_values": torch.cat(rows).to(self._model.dtype),
            "image_grid_thw": torch.tensor(grid, device=self._device),
        }
        if self._wants_token_types:
            inputs["mm_token_type_ids"] = (inputs["input_ids"] == self._prompt.image_id).long()
        return inputs


def _resize(mode: str, options: Qwen2VLOptions, settings: PatchSettings) -> PixelBudget | Steps:
    if mode == "paper":
        # The processor of the model resizes once more, to the sides it can cut into patches.
        size = processor_size(PAPER_HEIGHT, PAPER_WIDTH, settings)
        return Steps((Squash(PAPER_HEIGHT, PAPER_WIDTH), Squash(*size)))
    if not settings.min_pixels <= options.pixels <= settings.max_pixels:
        raise LiveccError(
            f"qwen2_vl: pixels is {options.pixels}, but the model takes {settings.min_pixels} to"
            f" {settings.max_pixels}"
        )
    return PixelBudget(options.pixels, settings.multiple)


def _checked_device(device: str) -> torch.device:
    import torch

    try:
        checked = torch.device(device)
    except RuntimeError:
        raise LiveccError(f"device {device!r}: must be cpu, cuda or cuda:<index>") from None
    if checked.type == "cuda" and not torch.cuda.is_available():
        raise LiveccError(f"device {device!r}: torch finds no GPU on this machine")
    return checked


def _load_tokenizer(model_dir: Path | str) -> Any:
    from transformers import AutoTokenizer

    if not Path(model_dir).is_dir():
        raise LiveccError(f"{model_dir}: the folder of the Qwen2-VL model is not there")
    try:
        return AutoTokenizer.from_pretrained(model_dir, local_files_only=True)
    except (OSError, ValueError) as error:
        raise LiveccError(f"{model_dir}: its tokenizer cannot be loaded ({error})") from None


def _load_model(model_dir: Path | str, dtype: str, device: torch.device) -> Any:
    import torch
    from transformers import Qwen2VLForConditionalGeneration

    if dtype == "auto":
        dtype = "float32" if device.type == "cpu" else "bfloat16"
    try:
        model: Any = Qwen2VLForConditionalGeneration.from_pretrained(
            model_dir, dtype=getattr(torch, dtype), local_files_only=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise LiveccError(f"{model_dir}: the model cannot be loaded ({error})") from None
    return model.to(device).eval()


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        "can't allocate memory" in str(error)
    )


def _free_memory(device: torch.device) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
