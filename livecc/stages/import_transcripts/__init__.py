"""Transcripts taken from the input instead of transcribing."""
