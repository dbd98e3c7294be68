"""Stage score_lm_loss: how well a language model predicts a clip's words (A2 and B4 of LiveCC)."""
