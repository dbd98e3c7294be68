"""One clip or video shown to a person: its text, scores and verdicts, and how it plays."""
