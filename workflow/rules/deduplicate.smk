# Needs the model and all shards of a sweep. Makes the merged and ranked candidates, without having seen the subset.


rule deduplicate:
    input:
        model="results/{dataset}/{model}/model.h5",
        shards=lambda wildcards: collect(
            "results/{dataset}/{model}/{sweep}/shards/{shard:04d}.h5",
            dataset=wildcards.dataset,
            model=wildcards.model,
            sweep=wildcards.sweep,
            shard=range(CONFIGURATION.sweeps[wildcards.sweep].shards),
        ),
    output:
        "results/{dataset}/{model}/{sweep}/candidates.h5",
    log:
        "logs/{dataset}/{model}/{sweep}/deduplicate.log",
    params:
        settings=lambda wildcards: CONFIGURATION.sweeps[wildcards.sweep].merge.to_json(),
    shell:
        "python -m reconstruction deduplicate --settings {params.settings:q} --threads {threads}"
        " --model {input.model:q} --shards {input.shards:q} --output {output:q} 2>&1 | tee {log:q}"
