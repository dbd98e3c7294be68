"""Reading pictures out of video files: sampling, decoding, and decoding ahead in processes."""
