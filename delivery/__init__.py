"""WHAT comes out: commands from request to result, exported models, predictions, scores.

Nothing here imports Ray Tune or Optuna.

    model_summary: What a model is made of: parameters by layer, what is trained and what is frozen, sizes
"""
