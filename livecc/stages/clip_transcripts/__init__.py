"""B3: cut transcripts into clips that start with a sentence."""
