"""Support for active runs: driver, jobs, GPUs, progress."""
