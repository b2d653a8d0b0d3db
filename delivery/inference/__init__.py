"""An exported model at work: predictions and scores for files and lines.

Writing the folder belongs in `delivery.exports`.

    parallel: One exported model on several devices: a process for each, rows dealt as they come free, answers
    predict: Predictions for a file or for lines of standard input, in their order
    predictor: An exported folder at work: rows in, predictions out in the same order, in batches, on a CPU or a GPU
    scoring: Scores of an exported model on rows that it was not trained on
"""
