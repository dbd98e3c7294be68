# Check what the trainer's reader makes of a merged file, or of samples of it, chosen by chance.
#
# needs  the merged file, the videos
# makes  {results}/{track}/{selection}/..._with_seeks.jsonl.check.json
#
# Incomplete samples are reported here and in the summary; they do not stop the run. Where none of
# the videos is there, it is computed from the words for a constant frame rate, and the report says
# so.


rule check_samples:
    input:
        merged=LAYOUT.merged("{track}", "{selection}"),
        settings=lambda wildcards: waiting(
            wildcards.track,
            lambda: if_made_differently(
                DISK.check(wildcards.track, wildcards.selection), checked_with(wildcards)
            ),
        ),
    output:
        LAYOUT.check("{track}", "{selection}"),
    log:
        LAYOUT.log("{track}", CHECK_SAMPLES.name, "{selection}"),
    conda:
        "../envs/workflow.yaml"
    threads: threads_for(CHECK_SAMPLES)
    resources:
        # Only the samples checked are read, however large the file is.
        **{
            **resources_for(CHECK_SAMPLES),
            "runtime": lambda wildcards, attempt: attempt
            * config["resources"][CHECK_SAMPLES.name]["runtime"],
        },
    params:
        flags=check_flags,
        version=CHECK_SAMPLES.version,
        made_with=lambda wildcards: checked_with(wildcards),
        # A function of `input`, so no param that reruns it.
        pace=lambda wildcards, input: option_flags(CHECK_SAMPLES, "pace"),
    message:
        "Checking {wildcards.selection} of {wildcards.track} with the trainer's reader"
    shell:
        f"{script('check_samples')}"
        " --merged {input.merged:q} {params.flags:q} {params.pace:q} --threads {threads}"
        " --output {output:q} --made-with={params.made_with} > {log:q} 2>&1"
