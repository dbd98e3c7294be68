"""Stage score_lm_loss: how well a language model predicts a clip's words (A2 and B4 of LiveCC)."""

from livecc.score_lm_loss.engine import VERSION, LossEngine, LossResult
from livecc.score_lm_loss.prompts import PAPER_PROMPTS, LossRequest, Prompts

__all__ = ["PAPER_PROMPTS", "VERSION", "LossEngine", "LossRequest", "LossResult", "Prompts"]
