# Check what the trainer's reader makes of a merged file, or of samples of it, chosen by chance.
#
# needs  the merged file, the videos
# makes  {results}/{track}/{selection}/..._with_seeks.jsonl.check.json
#
# A rule for each split: what is held out is checked like the training file.
# Incomplete samples are reported here and in the summary; they do not stop the run. Where none of
# the videos is there, it is computed from the words for a constant frame rate, and the report says
# so.


for split in SPLITS:

    rule:
        name:
            CHECK_SAMPLES.name if split == TRAIN else f"{CHECK_SAMPLES.name}_{split}"
        input:
            merged=LAYOUT.merged("{track}", "{selection}", split),
            settings=lambda wildcards, split=split: if_made_differently(
                DISK.check(wildcards.track, wildcards.selection, split), checked_with(wildcards)
            ),
        output:
            LAYOUT.check("{track}", "{selection}", split),
        log:
            log_of_split(CHECK_SAMPLES.name, split),
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
