"""Predictions and scores of exported models.

Writing exported folders belongs in `delivery.exports`.

    parallel: An exported model on several devices: one process per device.
    predict: Predictions for a file or for lines of standard input, in their order.
    predictor: Exported models: rows in, predictions out in the same order, in batches.
    rows: Rows as a model reads them; each member of an ensemble reads a file by its own columns.
    scoring: Scores of an exported model on rows that it was not trained on.
    settings: The settings of an exported folder: the task, how files are read, and the study of the model.
"""
