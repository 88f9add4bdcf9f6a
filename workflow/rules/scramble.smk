# Requires results/{dataset}/{model}/model.h5.
# Makes    results/{dataset}/{model}~scrambled/model.h5, its weights in disorder: a control that is searched as it is.


rule scramble:
    input:
        model=f"results/{layout.MODEL}",
    output:
        model=f"results/{layout.SCRAMBLED_MODEL}",
    log:
        f"logs/{layout.OF_SCRAMBLED}/scramble.log",
    benchmark:
        f"logs/{layout.OF_SCRAMBLED}/scramble.tsv"
    shell:
        "python -m reconstruction scramble --seed 0 --model {input:q} --output {output:q} 2>&1 | tee {log:q}"
