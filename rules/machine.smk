# Where jobs run: GPUs of this machine, the image of --sdm apptainer; and when they end.
#
# needs  config["container"]; nvidia-smi or $LIVECC_GPUS
# makes  no file

import os

from livecc.configuration.containers import container_environment, folders_of
from livecc.running.device_lease import usable_gpus
from livecc.running.driver_watch import announce

if "apptainer" in DEPLOYED:
    if config["container"] is None:
        stop(
            "--sdm apptainer needs an image: build one (see container/livecc.def) and set it in "
            "the configuration, container: livecc.sif"
        )

    container: config["container"]

    os.environ.update(container_environment(folders_of(config), os.environ))


def check_device():
    """The device determines the number format, and with it which cached scores match.

    The machine of Snakemake itself may differ from those of its jobs.
    """
    if config["device"] == "auto" and not workflow.local_exec:
        stop(
            "device: auto depends on this machine, but jobs run on others; set device: cuda in the "
            "configuration (or --config device=cuda), or cpu if no node has a GPU"
        )


# Locally, the number of GPUs limits the number of GPU jobs; the jobs lease specific GPUs themselves
# (livecc/running/device_lease.py). On a cluster, the scheduler assigns them.
if workflow.is_main_process and workflow.nodes is None and config["device"] != "cpu":
    if "gpu" not in workflow.global_resources and (gpus := usable_gpus()):
        workflow.register_resource("gpu", len(gpus))

# One job at a time asks an external service, unless told otherwise (--resources api=2).
if workflow.is_main_process and "api" not in workflow.global_resources:
    workflow.register_resource("api", 1)


# Local jobs do not outlive a killed Snakemake. (On a cluster, the next run cancels them.)
if workflow.is_main_process and workflow.nodes is None:
    announce()
