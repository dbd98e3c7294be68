# The page about the run: what was kept and why, with clips to look at (docs/report.md).
#
# needs  the summary, and with it everything that the run makes; the videos, where they are
# makes  {results}/report.html, {results}/report.json
#
# It is also part of Snakemake's own report (snakemake --report).


rule report:
    input:
        summary=LAYOUT.summary_json,
        settings=lambda wildcards: if_made_differently(DISK.report_settings, reported_with()),
    output:
        settings=LAYOUT.report_settings,
        html=report(LAYOUT.report, category="LiveCC data", labels={"page": "what the run made"}),
    log:
        LAYOUT.log("report"),
    conda:
        "../envs/workflow.yaml"
    threads: 2
    resources:
        # Boxes of faces need torch, and a detector in each process.
        mem_mb=lambda wildcards, attempt: (4000 if config["report"]["boxes"] else 2000) * attempt,
        runtime=lambda wildcards, attempt: (60 if config["report"]["boxes"] else 30) * attempt,
    params:
        # Functions of `input`, so no params that rerun it: `made_with` says what does.
        settings=lambda wildcards, input: report_settings(),
        flags=[
            f"--{name}={config['report'][name]}"
            for name in ("media", "megabytes", "shown", "pictured", "played")
        ]
        + (["--boxes"] if config["report"]["boxes"] else []),
        results=lambda wildcards, output: Path(output.html).parent,
        made_with=reported_with(),
        configfiles=lambda wildcards, input: given_files(),
    message:
        "Making the page about the run"
    shell:
        f"{script('report')}"
        " --results {params.results:q} --settings {params.settings:q} {params.flags:q}"
        " {params.configfiles:q} --threads {threads}"
        " --output {output.html:q} --record {output.settings:q}"
        " --made-with={params.made_with} > {log:q} 2>&1"
