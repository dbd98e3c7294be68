"""The language of each clip's text.

`langid` is small, needs no model files and runs on the CPU. `xlm_roberta` is the classifier of the
original pipeline (papluca/xlm-roberta-base-language-detection, or a folder of the same format).
"""
