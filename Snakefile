# LiveCC data workflow: video records in, LiveCC training files out.
#
#   snakemake --configfile my.yaml --cores all             everything
#   snakemake --configfile my.yaml --cores all plan        what that would do, and what it costs
#   snakemake --configfile my.yaml --cores all fetch_models
#
# README.md says how to start, docs/architecture.md how the parts fit together.

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config.yaml"


include: "rules/common.smk"
include: "rules/machine.smk"
include: "rules/follow.smk"
include: "rules/driver.smk"
include: "rules/fetch_model.smk"
include: "rules/clip_captions.smk"
include: "rules/filter_categories.smk"
include: f"rules/{configuration.words_stage(config)}.smk"
include: "rules/clip_transcripts.smk"
include: "rules/identify_language.smk"
include: "rules/score_lm_loss.smk"
include: "rules/score_talking_head.smk"
include: "rules/score_active_speaker.smk"
include: "rules/make_prompts.smk"
include: "rules/selecting.smk"
include: "rules/select_samples.smk"
include: "rules/list_shards.smk"
include: "rules/merge_samples.smk"
include: "rules/summarize.smk"
include: "rules/plan.smk"


rule all:
    default_target: True
    input:
        training_files(),
        f"{RESULTS}/summary.txt",


onstart:
    check_device()
    begin_run()
    FOLLOWER.start()


onsuccess:
    FOLLOWER.finish("finished")
    show_summary()


onerror:
    FOLLOWER.finish("stopped")
