# Requires results/{dataset}/{model}/{sweep}/evaluation.h5, or inspection.h5, of every experiment, and of those with images
#          the best pairs in figures/.
# Makes    results/index.html, every experiment on one page, with links to what was made of each.


rule index:
    input:
        evaluations=EVALUATIONS,
        inspections=INSPECTIONS,
        pairs=[layout.result(layout.PAIRS, **experiment.names) for experiment in EVALUATED],
    output:
        index=report(f"results/{layout.INDEX}", caption="../report/table.rst", category="Results table"),
    log:
        "logs/index.log",
    benchmark:
        "logs/index.tsv"
    params:
        differences=DIFFERENCES,
    shell:
        "python -m reconstruction index --evaluations {input.evaluations:q} --inspections {input.inspections:q}"
        " --differences {params.differences:q} --output {output:q} 2>&1 | tee {log:q}"
