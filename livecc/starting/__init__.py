"""A first configuration for a folder and a machine: what `livecc init` writes."""
