# Find or download a model and record its provenance.
#
# needs  models.yaml, the models named in config
# makes  {results}/models/{model}.json: its location, source, and sha256 of its files


localrules:
    fetch_model,
    fetch_models,


rule fetch_model:
    input:
        settings=fetched_differently,
    output:
        LAYOUT.receipt("{model}"),
    log:
        LAYOUT.log("fetch_model", "{model}"),
    retries: 0
    conda:
        "../envs/lm.yaml"
    params:
        reference=lambda wildcards: model_reference(wildcards.model),
        spec=lambda wildcards: MODEL_SPECS[model_reference(wildcards.model)],
        folder=config["models_folder"],
        optional=lambda wildcards: (
            "--optional" if model_reference(wildcards.model) in OPTIONAL_MODELS else ""
        ),
    message:
        "Fetching model {wildcards.model}"
    shell:
        f"{script('fetch_model', 'lm')}"
        " {params.reference:q} --models-folder {params.folder:q} {params.optional}"
        " --output {output:q} > {log:q} 2>&1"


# Prefetch everything for compute nodes without internet access.
rule fetch_models:
    input:
        [LAYOUT.receipt(spec["name"]) for spec in MODEL_SPECS.values()],
