# What went in, what came out, what was dropped and why.
#
# needs  stats of every job, counts of every selection, the merged files
# makes  {results}/summary.json, {results}/summary.txt


localrules:
    summarize,


rule summarize:
    input:
        shards=expand(f"{RESULTS}/{{track}}/shards.txt", track=TRACKS),
        stats=[file for track in TRACKS for file in stats_files(track)],
        packs=[
            file
            for track in TRACKS
            for selection in SELECTIONS[track]
            for file in pack_files(track, selection)
        ],
        merged=training_files(),
    output:
        json=f"{RESULTS}/summary.json",
        text=f"{RESULTS}/summary.txt",
    log:
        f"{RESULTS}/logs/summarize.log",
    conda:
        "../envs/workflow.yaml"
    params:
        layout=literal(summary_layout()),
        results=lambda wildcards, output: Path(output.json).parent,
    message:
        "Summing up"
    shell:
        f"{script('summarize')}"
        " --results {params.results:q} --layout {params.layout:q}"
        " --json {output.json:q} --text {output.text:q} > {log:q} 2>&1"
