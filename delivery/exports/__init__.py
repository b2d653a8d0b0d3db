"""Exported folders: the best model of a study, or an ensemble, with its model card.

Reading such a folder belongs in `delivery.inference`.

    card: The model card of an exported folder.
    ensemble: Ensembles: several classifiers in one folder, whose probabilities are averaged.
    export: The best model of a study as a Hugging Face folder: weights, tokenizer, decoding parameters, card.
"""
