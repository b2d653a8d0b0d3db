"""Ray around a trial: the slot, its mailbox, its workers, its trainer.

Training itself belongs in `trainables.training` and imports no Ray.

    failures: What an exception in a worker means for the job, and for the slot
    mailbox: The actor between a slot's owner and its workers
    messages: Messages from a slot's workers, through its mailbox and Tune, to the scheduler and the searcher
    ray_internals: The private points of Ray that kotune uses, and nothing else
    settings: The settings of a slot. Imports no Ray
    slot: The warm slot: one long-lived Ray Train worker group that runs trials one after another
    step_reader: Reads the steps of all running trials from their mailboxes, for the driver's display
    trainer: Ray Train's trainer as a slot needs it, with the private points of Ray Train. Imports torch
    worker: The training loop of every worker of a slot: receive a job, train it, receive the next
"""
