"""Stage B2: transcripts of videos with word times.

Two engines run the same recogniser, Whisper on CTranslate2:

- `faster_whisper`: the one LiveCC used. Word times come from the recogniser's attention.
- `whisperx`: word times come from forced alignment with a second model, which is more accurate.

Batches are filled across videos. Hallucinated words are dropped and counted
(`livecc.stages.transcribe.words`).
"""
