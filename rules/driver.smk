# Who drives the run: what to do about a lock, or Slurm jobs, that a killed run left behind.
#
# needs  .snakemake/livecc in the working directory, from earlier runs
# makes  .snakemake/livecc/drivers
from livecc import driver, slurm_jobs

# Jobs on a cluster read this file too; only Snakemake as the user starts it looks after its folder.
if workflow.is_main_process and not workflow.dryrun:
    # Before Snakemake looks for a lock, which it does once it has read its files.
    told = driver.begin()
    if told:
        print(told, file=sys.stderr)


def begin_run():
    """End the jobs that an earlier run left on the cluster."""
    try:
        for line in slurm_jobs.end_earlier_runs():
            print(line, file=sys.stderr)
    except LiveccError as error:
        raise WorkflowError(str(error)) from None
