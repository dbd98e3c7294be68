# Following the run: progress of each stage, and failures.
#
# needs  Snakemake's log, and the progress files of running jobs
# makes  {results}/progress.json and progress.txt, every few seconds

import logging

from snakemake.logging import logger

from livecc.running.follow import Follower

FOLLOWER = Follower(Path(RESULTS))


def only_times_decide():
    """Whether nothing that Snakemake keeps in the working directory decides about reruns.

    Not known while rules are read.
    """
    return {str(trigger) for trigger in workflow.rerun_triggers} <= {"mtime"}


# Snakemake's processes for single jobs also read this file.
if workflow.is_main_process:
    # On a full disk, a handler that cannot write would otherwise print a traceback for each line.
    logging.raiseExceptions = False
    FOLLOWER.quieten(logger.handlers, only_times_decide)
    logger.addHandler(FOLLOWER)
