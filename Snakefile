# LiveCC data workflow: video records in, LiveCC training files out.
#
#   snakemake --configfile my.yaml --cores all             everything
#   snakemake --configfile my.yaml --cores all plan        what that would run, and for how long
#   snakemake --configfile my.yaml --cores all fetch_models
#
# See README.md to get started and docs/architecture.md for the design.

from snakemake.utils import min_version

min_version("9.0")


# The folder of the workflow, also when another one uses it as a module.
BASE = workflow.current_basedir.get_path_or_uri(secret_free=True)


configfile: f"{BASE}/config.yaml"


include: "rules/common.smk"
include: "rules/made_with.smk"
include: "rules/machine.smk"
include: "rules/follow.smk"
include: "rules/driver.smk"
include: "rules/fetch_model.smk"


# Each stage that makes clips has a rule of its own; those that score are made of declarations.
for stage in dict.fromkeys(
    stage for track in CATALOGUE.tracks.values() for stage in track.clip_stages_for(config)
):

    include: f"rules/{stage.name}.smk"


include: "rules/import_scores.smk"
include: "rules/score.smk"
include: "rules/selecting.smk"
include: "rules/select_samples.smk"
include: "rules/list_shards.smk"
include: "rules/merge_samples.smk"
include: "rules/check_samples.smk"
include: "rules/export_samples.smk"
include: "rules/summarize.smk"
include: "rules/plan.smk"


rule all:
    default_target: True
    input:
        training_files(),
        check_files(),
        export_files(),
        LAYOUT.summary_text,


onstart:
    check_device()
    begin_run()
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
