# Where jobs run: GPUs of this machine, and the image of --sdm apptainer; and when they end.
#
# needs  config["container"]; nvidia-smi or $LIVECC_GPUS
# makes  no file

import os

from livecc.containers import container_environment, folders_of
from livecc.device_lease import usable_gpus
from livecc.driver_watch import announce

if "apptainer" in DEPLOYED:
    if config["container"] is None:
        raise WorkflowError(
            "--sdm apptainer needs an image: build one (container/livecc.def says how) and name it "
            "in the configuration, container: livecc.sif"
        )

    container: config["container"]

    os.environ.update(container_environment(folders_of(config), os.environ))


def check_device():
    """The device decides the number format, and with it which scores are in the cache.

    Where Snakemake runs says nothing of the machines where its jobs run.
    """
    if config["device"] == "auto" and not workflow.local_exec:
        raise WorkflowError(
            "device: auto means the machine that looks, and jobs run on others; set device: cuda in "
            "the configuration (or --config device=cuda), or cpu where no node has a GPU"
        )


# Here, as many jobs that need a GPU run at a time as there are GPUs; which of them is whose, jobs
# settle among themselves (livecc/device_lease.py). On a cluster (nodes), the scheduler counts.
if workflow.is_main_process and workflow.nodes is None and config["device"] != "cpu":
    if "gpu" not in workflow.global_resources and (gpus := usable_gpus()):
        workflow.register_resource("gpu", len(gpus))


# Jobs on this machine do not outlive a Snakemake that was killed. (On a cluster, who starts the next
# run ends them.)
if workflow.is_main_process and workflow.nodes is None:
    announce()
