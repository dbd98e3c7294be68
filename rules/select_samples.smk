# Apply a selection's thresholds and write the kept clips as samples. No model runs here.
#
# needs  the list of shards, transcripts, clips, all scores; of a selection with `top`, its cut
# makes  for each shard {results}/{track}/{selection}/decisions (per clip: kept or not, by which
#        rule, why), samples (sorted by video and time), counts; and packs/{pack}.json
#
# A job handles a pack of shards, because a shard is a tenth of a second of work and starting a job
# takes longer, especially on a cluster. Snakemake tracks only the pack's file, which is written
# after all files of its shards. Packs are slices of the sorted names, so a changed list of shards
# reruns all of them: pack files of an earlier list do not describe the current shards.


rule select_samples:
    input:
        shards=LAYOUT.shard_list("{track}"),
        transcripts=lambda wildcards: packed(wildcards, lambda files: files.transcripts),
        clips=lambda wildcards: packed(wildcards, lambda files: files.clips),
        scores=packed_scores,
        top=cut_file,
        settings=lambda wildcards: waiting(
            wildcards.track,
            lambda: if_made_differently(
                DISK.pack(wildcards.track, wildcards.selection, wildcards.pack),
                selected_with(wildcards),
            ),
        ),
    output:
        LAYOUT.pack("{track}", "{selection}", "{pack}"),
    log:
        LAYOUT.log("{track}", SELECT_SAMPLES.name, "{selection}", "{pack}"),
    conda:
        "../envs/workflow.yaml"
    threads: threads_for(SELECT_SAMPLES)
    resources:
        **{**resources_for(SELECT_SAMPLES), "runtime": minutes_to_copy(SELECT_SAMPLES)},
    params:
        thresholds=lambda wildcards: selection_params(wildcards)["thresholds"],
        gates=lambda wildcards: selection_params(wildcards)["gates"],
        flags=lambda wildcards: selection_params(wildcards)["flags"],
        shards=lambda wildcards: selection_params(wildcards)["shards"],
        version=SELECT_SAMPLES.version_in(config["mode"]),
        made_with=lambda wildcards: selected_with(wildcards),
    message:
        "Selecting {wildcards.selection}: {wildcards.track}, pack {wildcards.pack}"
    shell:
        f"{script('select_samples')} --results {shlex.quote(RESULTS)}"
        " --track {wildcards.track} --selection {wildcards.selection}"
        " {params.shards:q} {params.flags:q}"
        f"{external_flag()}"
        " --thresholds {params.thresholds:q} --gates {params.gates:q}"
        " --output {output:q} --made-with={params.made_with} > {log:q} 2>&1"
