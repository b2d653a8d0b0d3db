"""Ray around a trial: the slot, its mailbox, its workers, its trainer.

Training itself belongs in `trainables.training` and imports no Ray.

    mailbox: What a slot's owner and its workers say to each other, held by a small actor between them
    ray_internals: The private points of Ray that kotune uses, and nothing else
    slot: The warm slot: one long-lived Ray Train worker group that runs trials one after another
    trainer: Ray Train's trainer as a slot needs it. Imports torch, so whoever only talks to a slot does without
    worker: What every worker of a slot does: take a job, train it, take the next
"""
