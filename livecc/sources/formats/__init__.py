"""One module per format: see `livecc.sources.registry` for what each gives."""
