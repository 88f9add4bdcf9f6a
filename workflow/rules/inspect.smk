# Needs the model and the candidates of an experiment without images. Makes what stands in place of the scores.


rule inspect:
    input:
        model="results/no-images/{model}/model.h5",
        candidates="results/no-images/{model}/{sweep}/candidates.h5",
    output:
        "results/no-images/{model}/{sweep}/inspection.h5",
    log:
        "logs/no-images/{model}/{sweep}/inspect.log",
    params:
        shown=CONFIGURATION.evaluation.pairs,
    shell:
        "python -m reconstruction inspect --experiment {wildcards.model:q}/{wildcards.sweep:q} --count {params.shown}"
        " --threads {threads} --model {input.model:q} --candidates {input.candidates:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
