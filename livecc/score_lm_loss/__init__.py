"""Stage score_lm_loss: how well a language model predicts a clip's words (A2 and B4 of LiveCC)."""

from livecc.score_lm_loss.engine import LossEngine, LossResult
from livecc.score_lm_loss.prompts import PAPER_PROMPTS, LossRequest, Prompts

__all__ = ["PAPER_PROMPTS", "LossEngine", "LossRequest", "LossResult", "Prompts"]
