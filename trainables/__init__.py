"""WHAT one trial does: tasks, models, training, generation, metrics and the warm slot."""
