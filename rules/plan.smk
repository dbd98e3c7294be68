# The plan of a run.
#
#   snakemake --configfile my.yaml --cores 1 plan
#
# needs  the configuration and existing results
# makes  {results}/plan.json

import os

from snakemake.logging import logger

from livecc.planning import plan as plans

# The nested dry run records its jobs, and what its sources hold.
if plans.JOBS_VARIABLE in os.environ and workflow.is_main_process:
    logger.addHandler(plans.JobRecorder(Path(os.environ[plans.JOBS_VARIABLE])))
    if configuration.used_sources(config):
        plans.record_sources(Path(os.environ[plans.JOBS_VARIABLE]), LISTED)


localrules:
    plan,


# No output, so that it always runs: plans become outdated.
rule plan:
    log:
        LAYOUT.log("plan"),
    conda:
        "../envs/workflow.yaml"
    params:
        config=literal(json.dumps(config)),
        output=literal(DISK.plan),
    message:
        "Planning"
    shell:
        f"{script('plan')} --config {{params.config:q}} --output {{params.output:q}} 2> {{log:q}}"
