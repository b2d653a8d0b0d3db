"""Special tokens and token types on which a model, its tokenizer and its generation settings must agree.

They come from three files (`config.json`, `tokenizer_config.json`, `generation_config.json`), which other programs read
as well. A base model is made consistent once, so that its trials and the exported folder are.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from tokenizers import processors
from transformers import EncoderDecoderModel, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from foundation.errors import UserError, raise_all
from trainables.tasks import encoder_decoder
from trainables.tasks.task import Task
from trainables.text.encoding import encode_with_ends
from trainables.text.languages import has_languages, language_tokens


def make_consistent(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: Task) -> list[str]:
    """Changes model and tokenizer where they contradict each other and only one reading is possible.

    Returns:
        One remark for each change that affects results.

    Raises:
        UserError: the model needs an end token, and the tokenizer adds none.
    """
    if task.is_generative:
        if has_languages(tokenizer):
            set_generation_start(model, tokenizer)
        return share_generation_tokens(model, tokenizer)
    drop_token_types(model, tokenizer)
    return end_texts(model, tokenizer)


# ---- models that generate


def share_generation_tokens(model: Any, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Sets the tokens that generation starts with, ends at and pads with, if its settings do not name them.

    Training starts from `decoder_start_token_id` of the model's configuration; without settings of its own, generation
    would start from the beginning token, and without an end token it would never end.
    """
    settings, config, remarks = model.generation_config, model.config, []
    start = getattr(config, "decoder_start_token_id", None)
    if settings.decoder_start_token_id is None and start is not None:
        settings.decoder_start_token_id = start
        if settings.bos_token_id != start:
            token = tokenizer.convert_ids_to_tokens(start)
            remarks.append(f"generation starts with {token!r}, as training does (decoder_start_token_id {start})")
    elif start is None and settings.decoder_start_token_id is not None:
        config.decoder_start_token_id = settings.decoder_start_token_id
    if settings.eos_token_id is None:
        settings.eos_token_id = tokenizer.eos_token_id
    if settings.pad_token_id is None:
        settings.pad_token_id = tokenizer.pad_token_id
    return remarks


def check_start(task: Task, model: Any, row: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> None:
    """Checks that training and generation start and end with the same tokens.

    Args:
        row: of a tokenised table.

    Raises:
        UserError: they do not, or the model names no start token.
    """
    try:
        inputs = task.collate([{"input_ids": row["input_ids"], "labels": row["labels"]}], model)["decoder_input_ids"]
    except Exception as error:
        if starts_with_null(model):
            raise no_start_error(model, tokenizer, "decoder_start_token_id") from error
        raise
    check_generation(model.generation_config, inputs[0].tolist(), row["labels"], tokenizer)


def starts_with_null(model: Any) -> bool:
    """Returns whether the configuration of an encoder-decoder names no token that its decoder starts with."""
    config = model.config
    return config.is_encoder_decoder and getattr(config, "decoder_start_token_id", None) is None


def check_generation(
    settings: GenerationConfig, decoder_inputs: Sequence[int], labels: Sequence[int], tokenizer: PreTrainedTokenizerBase
) -> None:
    """Checks that generation starts and ends with the tokens that training uses.

    Args:
        decoder_inputs: token ids that the decoder reads in training, of one row.
        labels: token ids that it learns to write there.

    Raises:
        UserError: it starts with other tokens, or no text would ever end.
    """
    first = settings.bos_token_id if settings.decoder_start_token_id is None else settings.decoder_start_token_id
    forced = settings.forced_bos_token_id
    ends = settings.eos_token_id if isinstance(settings.eos_token_id, list) else [settings.eos_token_id]
    name = partial(_name, tokenizer)
    problems = []
    if first != decoder_inputs[0]:
        problem = f"training starts with {name(decoder_inputs[0])}, generation with {name(first)}"
        todo = f"--set decoder_start_token_id={decoder_inputs[0]} sets both; the model's authors say which is right"
        problems.append(UserError(problem, "the same token (decoder_start_token_id)", todo))
    if forced is not None and forced != labels[0]:
        problem = f"generation forces {name(forced)} as the first token, and targets start with {name(labels[0])}"
        todo = "--set forced_bos_token_id=null"
        problems.append(UserError(problem, "no forced token, or the one that the tokenizer adds", todo))
    if not {*ends} & {*labels}:
        problem = f"targets end with {name(labels[-1])}, and generation ends at {', '.join(map(name, ends))}"
        problems.append(UserError(problem, "the same token (eos_token_id)", f"--set eos_token_id={labels[-1]}"))
    raise_all(problems)


def no_start_error(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, parameter: str) -> UserError:
    """Returns the error for a model whose configuration names no token that its decoder starts with.

    Args:
        parameter: what sets it: a decoding parameter, or a field of the model where no text is generated.
    """
    end, padding = _name(tokenizer, tokenizer.eos_token_id), _name(tokenizer, tokenizer.pad_token_id)
    return UserError(
        f"decoder_start_token_id is null in the configuration of the {model.config.model_type}",
        f"the token that the decoder starts with: 0 to {len(tokenizer) - 1}",
        f"--set {parameter}=…, as the model was trained: BART starts with {end}, T5 with {padding}",
    )


def _name(tokenizer: PreTrainedTokenizerBase, token: int | None) -> str:
    return "no token" if token is None else f"{tokenizer.convert_ids_to_tokens(token)!r} ({token})"


def set_generation_start(model: Any, tokenizer: PreTrainedTokenizerBase) -> None:
    """Sets the tokens that generation starts with to those of training, which depend on the target language."""
    tokens = encode_with_ends(["가"], tokenizer, start=False)[0]
    start = int(encoder_decoder.decoder_inputs(model, torch.tensor([tokens]))[0, 0])
    model.config.decoder_start_token_id = model.generation_config.decoder_start_token_id = start
    # mBART ends a target with its language and starts from it; the others begin the target with it.
    begins_with_language = tokenizer.convert_ids_to_tokens(tokens[0]) in language_tokens(tokenizer)
    model.generation_config.forced_bos_token_id = tokens[0] if begins_with_language else None


def resize_embeddings(model: PreTrainedModel, tokens: int) -> None:
    """Grows the embeddings of a model to `tokens` rows; the encoder and the decoder may have their own."""
    parts = [model.encoder, model.decoder] if isinstance(model, EncoderDecoderModel) else [model]
    for part in parts:
        part.resize_token_embeddings(tokens)


# ---- encoders


def drop_token_types(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Removes token types from what the tokenizer returns if the model has one type only, or none.

    KLUE-RoBERTa has one, and the tokenizer of BERT, which numbers the texts of a pair 0 and 1.
    """
    if "token_type_ids" not in tokenizer.model_input_names or _reads_token_types(model):
        return
    names = [name for name in tokenizer.model_input_names if name != "token_type_ids"]
    tokenizer.model_input_names = tokenizer.init_kwargs["model_input_names"] = names


def _reads_token_types(model: PreTrainedModel) -> bool:
    types = getattr(model.config, "type_vocab_size", None)
    if types is not None:
        return bool(types > 1)
    return "token_type_ids" in inspect.signature(model.forward).parameters


def end_texts(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Lets the tokenizer end every text if the model reads its prediction at the end token.

    Encoder-decoders such as BART do. KoBART's tokenizer adds no end token.

    Raises:
        UserError: the tokenizer has no end token, or cannot be changed.
    """
    if not getattr(model.config, "is_encoder_decoder", False):
        return []
    end, begin = tokenizer.eos_token, tokenizer.bos_token
    if end is not None and tokenizer.eos_token_id in tokenizer("가")["input_ids"]:
        return []
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if end is None or backend is None:
        lack = "has no end token" if end is None else "adds no end token"
        raise UserError(
            f"the tokenizer {lack}, where a {model.config.model_type} reads its prediction",
            "a tokenizer that ends every text with its end token (eos_token in tokenizer_config.json)",
            "--tokenizer with such a tokenizer, or an encoder such as BERT as --model",
        )
    special = [(token, tokenizer.convert_tokens_to_ids(token)) for token in (begin, end) if token is not None]
    start = "" if begin is None else f"{begin} "
    added = processors.TemplateProcessing(
        single=f"{start}$A {end}", pair=f"{start}$A {end} $B {end}", special_tokens=special
    )
    backend.post_processor = (
        added if backend.post_processor is None else processors.Sequence([backend.post_processor, added])
    )
    return [f"every text ends with {end!r}, where a {model.config.model_type} reads its prediction"]
