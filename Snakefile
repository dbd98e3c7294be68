# LiveCC data workflow: video records in, LiveCC training files out.
#
#   snakemake --configfile my.yaml --cores all             everything
#   snakemake --configfile my.yaml --cores all plan        what that would run, and for how long
#   snakemake --configfile my.yaml --cores all fetch_models
#
# See README.md to get started and docs/architecture.md for the design.

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")


# The folder of the workflow, also when another one uses it as a module.
BASE = workflow.current_basedir.get_path_or_uri(secret_free=True)
if "://" in BASE:
    raise WorkflowError(
        f"{BASE}: Snakemake reads rules from there, but not the library, scripts and defaults beside "
        "them; clone the repository and name its Snakefile by path (docs/module.md)"
    )


configfile: f"{BASE}/config.yaml"


include: "rules/common.smk"
include: "rules/made_with.smk"
include: "rules/machine.smk"
include: "rules/follow.smk"
include: "rules/driver.smk"
include: "rules/fetch_model.smk"


if configuration.used_sources(config):

    include: "rules/sources.smk"
    include: "rules/split_dump.smk"
    include: "rules/ingest.smk"


if any(takes_videos(track) for track in TRACKS):

    include: "rules/take_videos.smk"
    include: "rules/copy_taken_lines.smk"


# Each stage that makes clips has a rule of its own; those that score are made of declarations.
for stage in dict.fromkeys(
    stage for track in CATALOGUE.tracks.values() for stage in track.clip_stages_for(config)
):

    include: f"rules/{stage.name}.smk"


include: "rules/import_scores.smk"
include: "rules/score.smk"
include: "rules/selecting.smk"
include: "rules/rank_clips.smk"
include: "rules/cut_top.smk"
include: "rules/select_samples.smk"
include: "rules/list_shards.smk"
include: "rules/merge_samples.smk"
include: "rules/check_samples.smk"
include: "rules/export_samples.smk"
include: "rules/summarize.smk"
include: "rules/report.smk"
include: "rules/plan.smk"


rule all:
    default_target: True
    input:
        training_files(),
        check_files(),
        export_files(),
        LAYOUT.summary_text,
        report_files(),


onstart:
    spare_the_graph()
    check_device()
    begin_run()
    if configuration.used_sources(config):
        write_sources()
    if workflow.touch:
        record_touched_jobs()
    FOLLOWER.start()


onsuccess:
    FOLLOWER.finish("finished")
    RESULTS_LOCK.release()
    show_summary()


onerror:
    FOLLOWER.finish("stopped")
    RESULTS_LOCK.release()
