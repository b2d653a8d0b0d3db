"""WHERE weights come from: the hub, a folder, or fresh weights; the networks; checks before anything is loaded.

What changes weights belongs in `trainables.training`.

    base_models: The model every trial starts from: a hub id, a local folder, or fresh weights of an architecture
    freezing: Which layer a parameter belongs to, and which layers are frozen
    hub: What others have made, by hub id or folder: tokenizers, configurations, weights; each failure in one line
    model_checks: What a model would be, without its weights: does it do the task, read so much, and build as a
    networks: Small networks that read a text and give logits: an RNN and Kim's CNN, as transformers models
    scratch: Fresh weights: every architecture in three sizes, and the tokenizers that are trained for them
    transformers_internals: Private points of transformers that kotune depends on, in one adapter
    weight_tying: Weights that a model keeps apart although its configuration would tie them
"""
