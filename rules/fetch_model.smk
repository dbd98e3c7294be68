# Find or download a model and write down what it is.
#
# needs  models.yaml, the models named in config
# makes  {results}/models/{model}.json: where it lies, its source, sha256 of its files


localrules:
    fetch_model,
    fetch_models,


rule fetch_model:
    output:
        f"{RESULTS}/models/{{model}}.json",
    log:
        f"{RESULTS}/logs/fetch_model/{{model}}.log",
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


# Everything a compute node without internet needs, fetched beforehand.
rule fetch_models:
    input:
        [f"{RESULTS}/models/{spec['name']}.json" for spec in MODEL_SPECS.values()],
