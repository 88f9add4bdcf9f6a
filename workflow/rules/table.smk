# Needs the evaluation or inspection of every experiment. Makes the results table, its intervals, controls and timings.


rule table:
    input:
        evaluations=[
            f"results/{experiment.dataset}/{experiment.model}/{experiment.sweep}/evaluation.h5"
            for experiment in CONFIGURATION.experiments
            if experiment.dataset
        ],
        inspections=[
            f"results/no-images/{experiment.model}/{experiment.sweep}/inspection.h5"
            for experiment in CONFIGURATION.experiments
            if not experiment.dataset
        ],
    output:
        "results/table.csv",
        "results/table.md",
        "results/table.tex",
        "results/intervals.csv",
        "results/timings.csv",
        report("results/controls.csv", caption="../report/controls.rst", category="Results table"),
        report("results/table.html", caption="../report/table.rst", category="Results table"),
    log:
        "logs/table.log",
    shell:
        "python -m reconstruction table --evaluations {input.evaluations:q} --inspections {input.inspections:q}"
        " --folder results 2>&1 | tee {log:q}"
