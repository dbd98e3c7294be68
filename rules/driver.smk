# The driver of the run: one at a time for the results; stale locks and Slurm jobs of a killed run.
#
# needs  .snakemake/livecc in the working directory, from earlier runs
# makes  .snakemake/livecc/drivers, {results}/run.lock
from livecc.running import driver, slurm_jobs
from livecc.running.results_lock import ResultsLock

RESULTS_LOCK = ResultsLock(DISK)

# Cluster jobs also read this file; only the main Snakemake process manages its folder.
if workflow.is_main_process and not workflow.output_settings.dryrun:
    # Before Snakemake checks its lock, which happens after parsing.
    told = driver.begin()
    if told:
        say(told, to=sys.stderr)


def begin_run():
    """Become the one that writes results; cancel the jobs that an earlier run left."""
    executor = workflow.executor_plugin.name
    try:
        configuration.check_writable(config)
        for line in [*slurm_jobs.end_earlier_runs(), *RESULTS_LOCK.acquire(executor)]:
            say(line, to=sys.stderr)
        driver.tell_executor(executor)
    except LiveccError as error:
        stop(error)
