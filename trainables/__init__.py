"""WHAT one trial does: text, tasks, models, training, and the slots that run trials on Ray.

The choice of the next trial belongs in `tuning`. Each subpackage says what belongs in it.

"""
