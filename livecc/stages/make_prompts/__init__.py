"""Stage make_prompts: user queries that fit a clip's commentary (B6 of LiveCC).

A chat model reads a clip's transcript, answers whether it meets all conditions (YES or NO) and, for
YES, suggests a query. Engines:

- `openai`: a service with an OpenAI-compatible API, including Azure; used by LiveCC.
- `transformers`: a local chat model.
- `template`: no model; a predefined query for each clip, chosen by its text. Its rows say so.
"""
