"""Check what the trainer's reader makes of the samples of a training file."""
