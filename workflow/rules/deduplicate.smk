# Requires results/{dataset}/{model}/model.h5 and all shards of a sweep, results/{dataset}/{model}/{sweep}/shards/*.h5, or
#          those of the first sweep that has the same restarts.
# Makes    results/{dataset}/{model}/{sweep}/candidates.h5, merged and ranked without having seen the subset.


rule deduplicate:
    input:
        model=f"results/{layout.MODEL}",
        shards=lambda wildcards: collect(
            f"results/{layout.SHARD}",
            dataset=wildcards.dataset,
            model=wildcards.model,
            sweep=CONFIGURATION.shards_of(wildcards.sweep),
            shard=map(layout.shard_name, range(CONFIGURATION.sweeps[wildcards.sweep].shards)),
        ),
    output:
        candidates=f"results/{layout.CANDIDATES}",
    log:
        f"logs/{layout.OF_SWEEP}/deduplicate.log",
    benchmark:
        f"logs/{layout.OF_SWEEP}/deduplicate.tsv"
    params:
        settings=lambda wildcards: CONFIGURATION.sweeps[wildcards.sweep].merge.to_json(),
    shell:
        "python -m reconstruction deduplicate --settings {params.settings:q} --threads {threads}"
        " --model {input.model:q} --shards {input.shards:q} --output {output:q} 2>&1 | tee {log:q}"
