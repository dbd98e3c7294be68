# What a run would do, before it does it.
#
#   snakemake --configfile my.yaml --cores 1 plan
#
# needs  the configuration and what is there of results
# makes  {results}/plan.json

import os

from snakemake.logging import logger

from livecc import plan as plans

# The nested dry run writes down its jobs.
if plans.JOBS_VARIABLE in os.environ and workflow.is_main_process:
    logger.addHandler(plans.JobRecorder(Path(os.environ[plans.JOBS_VARIABLE])))


localrules:
    plan,


# It has no output: a plan is of this moment.
rule plan:
    log:
        f"{RESULTS}/logs/plan.log",
    conda:
        "../envs/workflow.yaml"
    params:
        config=literal(json.dumps(config)),
        output=literal(f"{RESULTS}/plan.json"),
    message:
        "Planning"
    shell:
        f"{script('plan')} --config {{params.config:q}} --output {{params.output:q}} 2> {{log:q}}"
