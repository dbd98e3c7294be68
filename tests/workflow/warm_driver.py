"""Snakemake in a process of its own, whose jobs are forks (tests.workflow.warm).

python warm_driver.py LAUNCHER ARGUMENTS_OF_SNAKEMAKE...
"""

import runpy
import sys

sys.executable = sys.argv[1]
sys.argv = ["snakemake", *sys.argv[2:]]
# As `python -m snakemake`, without the folder of this file.
sys.path[0] = ""
runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
