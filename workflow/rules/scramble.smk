# Needs a model. Makes the same with its weights in disorder, a control that is searched as the model is.


rule scramble:
    input:
        "results/{dataset}/{model}/model.h5",
    output:
        "results/{dataset}/{model}~scrambled/model.h5",
    log:
        "logs/{dataset}/{model}~scrambled/scramble.log",
    shell:
        "python -m reconstruction scramble --seed 0 --model {input:q} --output {output:q} 2>&1 | tee {log:q}"
