"""WHAT comes out: commands from request to result, exported models, predictions, scores.

Nothing here imports Ray Tune or Optuna.

    cli_options: The options that several commands share, with their help texts
    model_summary: What a model is made of: parameters by layer, what is trained and what is frozen, sizes
    space_table: The table of search spaces that `spaces` prints
"""
