"""Reading frames and audio from media files, and decoding ahead in worker processes."""
