"""Stage make_prompts: what a user could have asked to get a clip's commentary (B6 of LiveCC).

A chat model is shown a clip's transcript and says whether it meets all conditions (YES or NO) and,
for YES, suggests a query. Engines:

- `openai`: a service with OpenAI's interface, Azure included; what LiveCC used.
- `transformers`: a chat model on this machine.
- `template`: no model; a fixed query for each clip, chosen by its text. Its rows say so.
"""
