# Needs the model and nothing else. Makes one shard: restarts of a sweep, on one device.


rule reconstruct:
    input:
        "results/{dataset}/{model}/model.h5",
    output:
        "results/{dataset}/{model}/{sweep}/shards/{shard}.h5",
    log:
        "logs/{dataset}/{model}/{sweep}/shards/{shard}.log",
    params:
        settings=lambda wildcards: CONFIGURATION.sweeps[wildcards.sweep].restarts.to_json(),
        device=CONFIGURATION.device,
    shell:
        "python -m reconstruction reconstruct --settings {params.settings:q} --device {params.device} --threads {threads}"
        " --model {input:q} --shard {wildcards.shard} --output {output:q} 2>&1 | tee {log:q}"
