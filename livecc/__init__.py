"""The library behind the LiveCC data workflow: everything a rule computes.

It never imports Snakemake, and importing any module of it imports no model library (torch,
transformers, onnxruntime): those are imported inside the functions that run a model.
"""

__version__ = "0.1.0"
