"""What the LiveCC trainer makes of the video files: one row per video.

A clip whose words are said behind the last frame of its video, or of a file that the trainer cannot
open, is worth nothing in training: its reader raises an error and takes another sample.
"""
