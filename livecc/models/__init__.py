"""Where weights come from, and the proof of which ones they are."""
