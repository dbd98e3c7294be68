# Following the run: how far each stage is, and what failed.
#
# needs  Snakemake's log, and what running jobs say beside their stats
# makes  {results}/progress.json and progress.txt, every few seconds

from snakemake.logging import logger

from livecc.follow import Follower

FOLLOWER = Follower(Path(RESULTS))

# The processes that Snakemake starts for single jobs read this file, too.
if workflow.is_main_process:
    logger.addHandler(FOLLOWER)
