"""P("Yes") of Qwen2-VL for a question about a talking head in a video's frames.

The input is the frames as separate images, followed by the question. The score is the probability
that the reply begins with the answer: the softmax over the whole vocabulary, in fp32, at the last
position of the prompt, for the answer's token. `paper` mode resizes every frame to height 320 x
width 180 without keeping the aspect ratio, like LiveCC; `default` mode keeps the aspect ratio at
the same number of pixels.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.files.model_folders import load_reason
from livecc.inference.device import prepare_torch, resolve_dtype, torch_device
from livecc.inference.memory import within_memory
from livecc.media.frames import Frames
from livecc.media.pool import DecodeOptions, Failure
from livecc.media.resize import PixelBudget, Squash, Steps
from livecc.stages.score_talking_head.declaration import QUESTION
from livecc.stages.score_talking_head.patches import (
    PatchSettings,
    patch_rows,
    picture_grid,
    processor_size,
    read_settings,
)
from livecc.stages.score_talking_head.prompt import FramesPrompt, answer_id
from livecc.stages.score_talking_head.scorer import TalkingHeadScorer
from livecc.stages.score_talking_head.vision_attention import attend_together

if TYPE_CHECKING:
    import torch

PAPER_HEIGHT, PAPER_WIDTH = 320, 180
PAPER_YES = 9454


@dataclass(frozen=True, slots=True)
class Qwen2VLOptions:
    """The `question` (with `{frames}` for the number of frames) and the `answer` whose probability
    is the score; both are LiveCC's by default.

    `pixels` is the area of a frame in default mode. `dtype` is that of the weights; "auto" is
    bfloat16 on a GPU and float32 on a CPU. A batch has at most `batch_size` videos and `max_tokens`
    tokens, including padding.
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


#: Options that set how much is scored at a time and do not change scores.
_BATCHING = frozenset({"batch_size", "max_tokens"})


def _options(options: Mapping[str, Any], device: str) -> Qwen2VLOptions:
    """From the options of the stage's section."""
    return Qwen2VLOptions(
        frames=options["frames"],
        question=options["question"],
        answer=options["answer"],
        dtype=resolve_dtype(options["dtype"], device),
        batch_size=options["videos_per_batch"],
    )


class Qwen2VL(TalkingHeadScorer):
    """Loads the model from the folder `model_dir`, in the layout of the Hugging Face hub."""

    @classmethod
    def settings(cls, options: Mapping[str, Any], device: str) -> dict[str, Any]:
        chosen = asdict(_options(options, device))
        return {name: value for name, value in chosen.items() if name not in _BATCHING}

    @classmethod
    def load(cls, setup: Setup) -> Self:
        prepare_torch(setup.device, setup.threads)
        return cls(
            setup.model(),
            _options(setup.options, setup.device),
            DecodeOptions.of(setup),
            device=setup.device,
            mode=setup.mode,
            threads=setup.threads,
        )

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
        self._device = torch_device(device)
        tokenizer = _load_tokenizer(model_dir)
        question = options.question.replace("{frames}", str(options.frames))
        self._prompt = FramesPrompt(tokenizer, options.frames, question)
        self._answer = answer_id(tokenizer, options.answer)
        if mode == "paper" and options.answer == "Yes" and self._answer != PAPER_YES:
            raise LiveccError(
                f"{model_dir}: the token Yes is {self._answer} and not {PAPER_YES} as in Qwen2-VL;"
                " paper mode needs Qwen/Qwen2-VL-2B-Instruct"
            )
        self._settings = read_settings(model_dir)
        self.resize = _resize(mode, options, self._settings)
        self._model = _load_model(model_dir, options.dtype, self._device)
        if self._model.config.image_token_id != self._prompt.image_id:
            raise LiveccError(
                f"{model_dir}: config.json has image_token_id {self._model.config.image_token_id}"
                f" but the tokenizer {self._prompt.image_id}; the files are of different models"
            )
        # transformers 5 requires an argument for which tokens are images; 4.57 does not have it.
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
        """Score the videos; only prompts of the same length share a batch.

        Padding would change the rounding of all sums in 16 bits, so a video's score would depend on
        the others in its batch.
        """
        alike: dict[int, list[int]] = {}
        for place, video in enumerate(videos):
            alike.setdefault(self._tokens_per_frame(video), []).append(place)
        scores: dict[int, float | Failure] = {}
        for places in alike.values():
            scores |= zip(places, self._score_alike([videos[k] for k in places]), strict=True)
        return [scores[place] for place in range(len(videos))]

    def _score_alike(self, videos: list[Frames]) -> list[float | Failure]:
        """Score the videos, at most `self.batch_size` at a time.

        When memory runs out, the batch size is halved, also for later batches.
        """
        scores: list[float | Failure] = []
        while len(scores) < len(videos):
            part = videos[len(scores) : len(scores) + self.batch_size]
            found = within_memory(partial(self._probabilities, part), self._device)
            if found is not None:
                scores.extend(found)
                continue
            if len(part) == 1:
                scores.append(
                    Failure("not enough memory for the frames of this one video", transient=True)
                )
            else:
                self.batch_size = len(part) // 2
        return scores

    def _probabilities(self, videos: list[Frames]) -> list[float]:
        """P(answer) of each video, in one pass."""
        import torch

        with torch.inference_mode():
            logits = self._model(
                **self._inputs(videos), logits_to_keep=1, use_cache=False
            ).logits  # [n, 1, vocabulary]
            probabilities = logits[:, -1].float().softmax(dim=-1)[:, self._answer]
        return [float(p) for p in probabilities.cpu()]

    def _inputs(self, videos: list[Frames]) -> dict[str, torch.Tensor]:
        """Ids and mask [n, length], patch rows, and the grid [n * frames, 3].

        All videos have the same number of tokens.
        """
        import torch

        ids = torch.tensor([self._prompt.ids(self._tokens_per_frame(video)) for video in videos])
        mask = torch.ones_like(ids)
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
        # The model's processor resizes again, to sides that it can divide into patches.
        size = processor_size(PAPER_HEIGHT, PAPER_WIDTH, settings)
        return Steps((Squash(PAPER_HEIGHT, PAPER_WIDTH), Squash(*size)))
    if not settings.min_pixels <= options.pixels <= settings.max_pixels:
        raise LiveccError(
            f"qwen2_vl: pixels is {options.pixels}, but the model takes {settings.min_pixels} to"
            f" {settings.max_pixels}"
        )
    return PixelBudget(options.pixels, settings.multiple)


def _load_tokenizer(model_dir: Path | str) -> Any:
    from transformers import AutoTokenizer

    if not Path(model_dir).is_dir():
        raise LiveccError(f"{model_dir}: the folder of the Qwen2-VL model does not exist")
    try:
        return AutoTokenizer.from_pretrained(
            model_dir, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise LiveccError(
            f"{model_dir}: its tokenizer cannot be loaded ({load_reason(error)})"
        ) from None


def _load_model(model_dir: Path | str, dtype: str, device: torch.device) -> Any:
    import torch
    from transformers import Qwen2VLForConditionalGeneration

    if dtype == "auto":
        dtype = "float32" if device.type == "cpu" else "bfloat16"
    try:
        model: Any = Qwen2VLForConditionalGeneration.from_pretrained(
            model_dir,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
        )
    # A file of weights that is damaged, or no such file, may raise any exception.
    except Exception as error:
        raise LiveccError(
            f"{model_dir}: the model cannot be loaded ({load_reason(error)})"
        ) from None
    model = model.to(device).eval()
    attend_together(model)
    return model
