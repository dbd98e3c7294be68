"""Stage A3: does a video show somebody talking to the camera throughout? One score per video.

Two engines give a score in [0, 1], high for a talking head:

- `qwen2_vl`: used by LiveCC. The probability that Qwen2-VL answers "Yes" to a question about
  sampled frames.
- `face_presence`: for machines without a GPU. The share of sampled frames that show a large face.

Scores of different engines are not comparable; a threshold applies to one engine.
"""
