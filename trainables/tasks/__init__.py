"""WHAT is predicted and how it is scored: the tasks, their labels and their metrics.

Networks and weights belong in `trainables.models`, optimisation in `trainables.training`.

    class_metrics: Metrics of predicted classes: accuracy and F1
    classification: Classification: a text, or a pair of texts, and its class
    confusion: The confusion matrix of a classifier: counts per true and predicted class, and their picture
    encoder_decoder: Calls of a model with an encoder and a decoder: decoder inputs, sources and generated tokens
    evaluation: Results of predicting: of one batch, and of one whole evaluation
    labels: Labels of the training rows, rows with other labels, and texts corrected to the nearest label
    metric: What a metric is: its name, its direction, what it needs, and how it is computed
    number_metrics: Metrics of predicted numbers: correlations and errors
    padding: Rows of a tokenised table as padded tensors
    prediction_format: How predictions are written for people: the most probable classes, rounded numbers
    rdass: RDASS: the similarity in meaning of a summary to its document and to its reference
    registry: All tasks by name. A new task is one class and one line here
    regression: Regression: a text, or a pair of texts, and a number
    seq2seq: Sequence to sequence: summaries, translations, and labels written as words
    task: The interface of a task: how rows become tokens, tokens a loss, and predictions scores and text
    text_metrics: Metrics of generated text: ROUGE, BLEU, exact match, RDASS and corrected labels
"""
