# The summary: input, output, and what was dropped and why.
#
# needs  stats of every job, counts of every selection, the merged files and their checks
# makes  {results}/summary.json, {results}/summary.txt


localrules:
    summarize,


rule summarize:
    input:
        shards=[LAYOUT.shard_list(track) for track in TRACKS],
        stats=[file for track in TRACKS for file in stats_files(track)],
        sources=source_stats(),
        packs=[
            file
            for track in TRACKS
            for selection in SELECTIONS[track]
            for file in pack_files(track, selection)
        ],
        merged=training_files(),
        checks=check_files(),
        settings=lambda wildcards: if_made_differently(DISK.summary_json, summed_up_with()),
    output:
        json=LAYOUT.summary_json,
        text=LAYOUT.summary_text,
    log:
        LAYOUT.log("summarize"),
    conda:
        "../envs/workflow.yaml"
    params:
        layout=literal(summary_layout()),
        results=lambda wildcards, output: Path(output.json).parent,
        made_with=summed_up_with(),
    message:
        "Summing up"
    shell:
        f"{script('summarize')}"
        " --results {params.results:q} --layout {params.layout:q}"
        f"{external_flag()}"
        " --json {output.json:q} --text {output.text:q}"
        " --made-with={params.made_with} > {log:q} 2>&1"
