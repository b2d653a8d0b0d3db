"""Models, tokenizers and generation settings that contradict each other, as public folders have them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertLMHeadModel,
    BertModel,
    BertTokenizer,
    EncoderDecoderModel,
    GenerationConfig,
    LEDConfig,
    LEDForConditionalGeneration,
    M2M100Config,
    M2M100ForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    RobertaConfig,
    RobertaForMaskedLM,
)

from foundation.errors import UserError
from trainables.models.base_models import Recipe, prepare_base
from trainables.models.hub import load_model, load_tokenizer
from trainables.models.special_tokens import end_texts
from trainables.tasks.registry import make_task
from trainables.tasks.task import Limits, Task
from trainables.text.encoding import adds_end_token, text_decoder

SEQ2SEQ, CLASSES = make_task("seq2seq", {}), make_task("classification", {"labels": ["0", "1"]})
ROWS = [{"source": "가 나", "pair": "다 라 마", "target": "1"}, {"source": "마", "pair": "라", "target": "0"}]
SUMMARIES = [{"source": "가 나 다 라 마", "target": "가 나"}, {"source": "다 라", "target": "라"}]

_BERT = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 1, "vocab_size": 10}
_BART: dict[str, Any] = {
    "d_model": 8,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_ffn_dim": 8,
    "decoder_ffn_dim": 8,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "vocab_size": 10,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
}


@pytest.fixture
def bert_words(tmp_path: Path) -> PreTrainedTokenizerBase:
    """BERT's tokenizer: it ends texts with [SEP] = 3 and numbers the texts of a pair."""
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n가\n나\n다\n라\n마\n", encoding="utf-8")
    return BertTokenizer(str(tmp_path / "vocab.txt"), bos_token="[CLS]", eos_token="[SEP]", do_lower_case=False)


def _prepared(
    folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, task: Task, tokens: tuple[str, ...] = ()
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, tuple[str, ...]]:
    """Returns the base model that is prepared from both, as trials and the exported folder have it, and the remarks."""
    model.save_pretrained(folder / "public")
    tokenizer.save_pretrained(folder / "public")
    remarks = prepare_base(folder / "base", Recipe(str(folder / "public"), special_tokens=tokens), task, ())
    base = load_model(str(folder / "base"), task.auto_model, task.model_options())
    return base, load_tokenizer(str(folder / "base"), is_generative=task.is_generative), remarks


def _batch(task: Task, rows: list[dict[str, str]], model: Any, tokenizer: PreTrainedTokenizerBase) -> Any:
    limits = Limits(16, 16)
    table = {**task.encode(rows, tokenizer, limits), **task.encode_targets(rows, tokenizer, limits, scored=False)}
    columns = [name for name in ("input_ids", "token_type_ids", "labels") if name in table]
    return task.collate([{name: table[name][row] for name in columns} for row in range(len(rows))], model)


@pytest.mark.parametrize(("types", "reads"), [(1, False), (2, True)])
def test_token_types_are_read_only_by_models_that_have_some(
    bert_words: PreTrainedTokenizerBase, tmp_path: Path, types: int, reads: bool
) -> None:
    """KLUE-RoBERTa has one type, and the tokenizer of BERT: the second text of a pair has no embedding there."""
    config = RobertaConfig(**_BERT, type_vocab_size=types, max_position_embeddings=20)
    model, tokenizer, _ = _prepared(tmp_path, RobertaForMaskedLM(config), bert_words, CLASSES)
    batch = _batch(CLASSES, ROWS, model, tokenizer)
    assert ("token_type_ids" in batch) is reads
    assert ("token_type_ids" in tokenizer("가", "나")) is reads  # for other programs that load the exported folder
    batch.pop("labels")
    assert model(**batch).logits.shape == (2, 2)


def _bart(tokenizer: PreTrainedTokenizerBase, **fields: Any) -> BartForConditionalGeneration:
    return BartForConditionalGeneration(BartConfig(**{**_BART, "vocab_size": len(tokenizer), **fields}))


def test_texts_end_where_the_model_reads_its_prediction(words: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """KoBART's tokenizer adds no end token; BartForSequenceClassification reads the last one of every row."""
    assert not adds_end_token(words)
    start, end = words.convert_tokens_to_ids(["<s>", "</s>"])
    bart = _bart(words, pad_token_id=words.pad_token_id, bos_token_id=start, eos_token_id=end)
    model, tokenizer, remarks = _prepared(tmp_path, bart, words, CLASSES)
    pair = tokenizer("가", "나")["input_ids"]
    assert (pair[0], pair[-1], pair.count(end)) == (start, end, 2)
    assert remarks == ("every text ends with '</s>', where a bart reads its prediction",)
    batch = _batch(CLASSES, ROWS, model, tokenizer)
    batch.pop("labels")
    assert model(**batch).logits.shape == (2, 2)
    assert end_texts(model, tokenizer) == []


def test_a_tokenizer_that_cannot_end_texts_is_refused(words: PreTrainedTokenizerBase) -> None:
    """Without an end token there is nothing to read the prediction from."""
    tokenizer = copy.deepcopy(words)
    tokenizer.eos_token = None
    with pytest.raises(UserError, match="the tokenizer has no end token, where a bart reads its prediction"):
        end_texts(_bart(words), tokenizer)


def test_generation_starts_as_training_does(words: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """Without settings of its own, generation would start from the beginning token and never end."""
    start, end, user = *words.convert_tokens_to_ids(["<s>", "</s>"]), len(words) - 1
    bart = _bart(words, bos_token_id=start, eos_token_id=end, decoder_start_token_id=user)
    bart.generation_config = GenerationConfig(bos_token_id=start)
    model, tokenizer, remarks = _prepared(tmp_path, bart, words, SEQ2SEQ)
    batch = _batch(SEQ2SEQ, SUMMARIES, model, tokenizer)
    generated: Any = model.generate(batch["input_ids"], max_new_tokens=2)  # type: ignore[operator]
    assert {*generated[:, 0].tolist()} == {*batch["decoder_input_ids"][:, 0].tolist()} == {user}
    settings: Any = model.generation_config
    assert (settings.eos_token_id, settings.pad_token_id) == (end, words.pad_token_id)
    token = words.convert_ids_to_tokens(user)
    assert remarks == (f"generation starts with {token!r}, as training does (decoder_start_token_id {user})",)


def _m2m100() -> PreTrainedModel:
    return M2M100ForConditionalGeneration(M2M100Config(**_BART, decoder_start_token_id=3, max_position_embeddings=32))


def _led() -> PreTrainedModel:
    sizes = {"max_encoder_position_embeddings": 32, "max_decoder_position_embeddings": 32, "attention_window": 4}
    return LEDForConditionalGeneration(LEDConfig(**_BART, **sizes, decoder_start_token_id=2))


def _bert2bert() -> PreTrainedModel:
    decoder = BertLMHeadModel(BertConfig(**_BERT, is_decoder=True, add_cross_attention=True))
    both = EncoderDecoderModel(encoder=BertModel(BertConfig(**_BERT)), decoder=decoder)
    both.config.decoder_start_token_id, both.config.pad_token_id = 2, 0
    return both


@pytest.mark.parametrize("make", [_m2m100, _led, _bert2bert])
def test_encoder_decoders_of_every_kind_train_and_generate(
    bert_words: PreTrainedTokenizerBase, tmp_path: Path, make: Any
) -> None:
    """M2M100 (NLLB) and joined models shift labels in their forward pass only; a joined model has two embeddings."""
    model, tokenizer, _ = _prepared(tmp_path, make(), bert_words, SEQ2SEQ, ("#화자#",))
    assert tokenizer.tokenize("#화자#") == ["#화자#"]
    batch = _batch(SEQ2SEQ, [*SUMMARIES, {"source": "#화자# 가", "target": "#화자#"}], model, tokenizer)
    assert batch["decoder_input_ids"][0].tolist() == [
        model.config.decoder_start_token_id,
        *batch["labels"][0, :-1].tolist(),
    ]
    assert not (batch["decoder_input_ids"] == -100).any()
    result = SEQ2SEQ.evaluate(model.eval(), batch, text_decoder(tokenizer), GenerationConfig(max_new_tokens=2))
    assert len(result.predictions) == 3
    assert torch.isfinite(torch.tensor(result.loss))
    AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "base")  # as a user loads the exported folder


def test_generation_may_return_an_object(bert_words: PreTrainedTokenizerBase) -> None:
    """`return_dict_in_generate` gives scores beside the tokens."""
    model = _m2m100().eval()
    batch = _batch(SEQ2SEQ, SUMMARIES, model, bert_words)
    plain, full = (
        SEQ2SEQ.predict(
            model,
            batch,
            text_decoder(bert_words),
            GenerationConfig(max_new_tokens=2, decoder_start_token_id=3, return_dict_in_generate=returned),
        )
        for returned in (False, True)
    )
    assert plain == full
