"""Folders that others can use: the best model, an ensemble, their model card.

Reading such a folder belongs in `delivery.inference`.

    card: The model card of an exported folder: what it is, how to use it, where it comes from
    ensemble: Several classifiers as one: the mean of their probabilities, scored beside each of them
    export: The best model as a Hugging Face folder: weights, tokenizer, winning decoding parameters, card
"""
