"""Predictions and scores of trained models.

Writing exported folders belongs in `delivery.exports`.

    loading: Loads one model: a folder that kotune exported, or any model of transformers with a task.
    options: The options of the command line on a model: task, `--set`, tokenizer.
    origin: What an output is made of: it is continued only with the same input, model and options.
    parallel: A model on several devices: one process per device.
    predict: Predictions for a file or for lines of standard input, in their order.
    predictor: Models: rows in, predictions out in the same order, in batches.
    rows: Rows as a model reads them; each member of an ensemble reads a file by its own columns.
    scoring: Scores of a model on rows that it was not trained on, for all rows and for each.
    settings: The settings of an exported folder: the task, how files are read, and the study of the model.
    tables: Tables of predictions, as files of the formats that kotune reads.
    windows: Predictions for a stream of rows in windows: few rows are in memory.
"""
