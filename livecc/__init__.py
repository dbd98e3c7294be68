"""The library behind the LiveCC data workflow: everything a rule computes.

It never imports Snakemake. Model libraries (torch, transformers, onnxruntime) are imported only
inside the functions that run a model.
"""

__version__ = "0.1.0"
