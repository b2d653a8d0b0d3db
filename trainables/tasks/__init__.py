"""WHAT is predicted and how it is scored: the tasks, their labels, their metrics.

Networks and weights belong in `trainables.models`, optimisation in `trainables.training`.

    class_metrics: Scores of predicted classes and numbers, and a picture of the confusions
    classification: Classification: a text, or a pair of texts, and its class
    labels: Labels as a study learns them from its training rows, and those that nothing can be learned of
    metrics: Scores that can be trusted on Korean text; each carries the name and version of its tokenizer
    prediction_format: How predictions are written for people: the most probable classes, rounded numbers
    registry: The tasks there are. Adding one is a class of its own and one line here
    regression: Regression: a text, or a pair of texts, and a number
    seq2seq: Sequence to sequence: summaries, translations, and labels written as words
    task: What a task is: how rows become tokens, tokens a loss, and an evaluation a score
    text_metrics: Scores of generated text beside ROUGE: BLEU, exact match, labels set right, and nearness of meaning
"""
