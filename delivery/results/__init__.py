"""The result of a study as data, and the lines that show it.

Exported folders belong in `delivery.exports`, the flow that makes them in `delivery.sessions`.

    best_model: The model that a study exports, and those of better trials that are lost.
    output_paths: Checks that an output path can be written, before the work that makes the output.
    remarks: What a user must know about the result of a study before trusting it.
    scores: The scores of a model on one split.
    summarize: Makes the summary of a study from its records.
    summary: The result of a study as one typed object, and its file `summary.json`.
    summary_lines: The lines of a summary that a person reads.
"""
