"""Models: loaded from the hub or a folder or with fresh weights, kotune's own networks, and checks before loading.

Training belongs in `trainables.training`.

    base_models: The base model that every trial starts from, prepared once and copied from memory
    freezing: The layer of each parameter, and freezing of the lowest layers
    generation_defaults: Decoding parameters that a model brings along
    hub: Tokenizers, configurations and weights by hub id or folder; each failure is one clear error
    load_errors: Turns whatever the libraries raise for the files of a model into one message
    loaded_weights: Checks that a model has its weights, none of them random, and that they are numbers
    model_checks: Checks of a model without its weights: task, input lengths and overrides
    model_files: Checks the files of a model or tokenizer before transformers opens them
    networks: An RNN and Kim's CNN for text classification, as transformers models
    scratch: Architectures with fresh weights in three sizes, and tokenizers that are trained for them
    special_tokens: Special tokens and token types on which model, tokenizer and generation must agree
    tokenizer_checks: Checks that a tokenizer fits the embeddings of its model
    transformers_internals: Private points of transformers that kotune depends on, in one adapter
    weight_tying: Weights that a model keeps separate although its configuration ties them
"""
