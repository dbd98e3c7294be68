# What a run would do, before it does it.
#
#   snakemake --configfile my.yaml --cores 1 plan
#
# needs  the configuration and what is there of results
# makes  {results}/plan.json

import os

from snakemake.logging import logger

from livecc import plan as plans
from livecc.files import write_json

if plans.JOBS_VARIABLE in os.environ and workflow.is_main_process:
    logger.addHandler(plans.JobRecorder(Path(os.environ[plans.JOBS_VARIABLE])))


localrules:
    plan,


rule plan:
    log:
        f"{RESULTS}/logs/plan.log",
    message:
        "Planning"
    run:
        try:
            made = plans.make_plan(config)
        except LiveccError as error:
            raise WorkflowError(str(error)) from None
        write_json(Path(f"{RESULTS}/plan.json"), plans.to_json(made))
        print(plans.render(made))
