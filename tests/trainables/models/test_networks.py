"""Networks: padding has no effect, a saved folder loads with and without kotune, and invalid fields are refused."""

from __future__ import annotations

import ast
import copy
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from trainables.models import networks
from trainables.models.networks import CnnConfig, CnnForSequenceClassification, RnnConfig, RnnForSequenceClassification

_RNN = {"model_type": "kotune_rnn", "embedding_size": 6, "hidden_size": 5}
CONFIGS: dict[str, dict[str, Any]] = {
    "rnn-lstm-last": {**_RNN, "num_layers": 2},
    "rnn-gru-last": {**_RNN, "num_layers": 1, "cell": "gru"},
    "rnn-gru-max": {**_RNN, "num_layers": 1, "cell": "gru", "pooling": "max"},
    "rnn-lstm-mean": {**_RNN, "num_layers": 1, "bidirectional": False, "pooling": "mean"},
    "cnn": {"model_type": "kotune_cnn", "embedding_size": 6, "num_filters": 4, "filter_sizes": "2-3"},
}
ROWS = [[7], [3, 4], [5, 6, 7, 8, 9, 10], [11, 2, 3, 4]]


def network(name: str, seed: int = 0, **fields: Any) -> PreTrainedModel:
    """A small network in evaluation mode, without dropout."""
    torch.manual_seed(seed)
    config = AutoConfig.for_model(**CONFIGS[name], **{"vocab_size": 12, "num_labels": 3, **fields})
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config)
    return model.eval()


def padded(rows: list[list[int]], *, left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, [rows, tokens]."""
    tokens = max(map(len, rows))
    blanks = [[0] * (tokens - len(row)) for row in rows]
    ids = [blank + row if left else row + blank for row, blank in zip(rows, blanks, strict=True)]
    real = [
        [0] * len(blank) + [1] * len(row) if left else [1] * len(row) + [0] * len(blank)
        for row, blank in zip(rows, blanks, strict=True)
    ]
    return torch.tensor(ids), torch.tensor(real)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("left", [False, True])
def test_padding_has_no_effect(name: str, left: bool) -> None:
    """A row has the same logits alone and in a batch, with padding on either side, with and without a mask."""
    model = network(name)
    with torch.no_grad():
        model.get_input_embeddings().weight[0] = 9.0  # even if the embedding of the padding is not zero
    ids, real = padded([*ROWS, [1] * 9], left=left)
    together, without_mask = model(ids, real).logits, model(ids).logits
    for row, tokens in enumerate(ROWS):
        alone = model(torch.tensor([tokens])).logits[0]
        assert torch.allclose(together[row], alone, rtol=0, atol=1e-6)
    assert torch.equal(together, without_mask)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_row_without_tokens(name: str) -> None:
    """Its logits are finite, and the same in a batch and alone."""
    model = network(name)
    ids, real = padded([[], [3, 4, 5]])
    batched, alone = model(ids, real).logits[0], model(torch.zeros(1, 0, dtype=torch.long)).logits[0]
    assert batched.isfinite().all()
    assert torch.allclose(batched, alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", CONFIGS)
def test_token_dropout_drops_whole_embeddings(name: str) -> None:
    """In training about half of the tokens have a zero embedding and the others a doubled one; in evaluation none."""
    model = network(name, token_dropout=0.5)
    ids, real = padded([[5, 6, 7, 8, 9, 10] * 30])
    torch.manual_seed(0)
    embedded, _ = model.train()._embed(ids, real)
    ratio = embedded[0] / model.embedding(ids)[0].detach()  # [tokens, width]
    factors = ratio.round().long()
    assert (factors == factors[:, :1]).all()
    assert set(factors.flatten().tolist()) == {0, 2}
    assert 0.35 < (factors[:, 0] == 0).float().mean() < 0.65  # 180 tokens: four standard deviations of 0.037
    assert torch.equal(model.eval()._embed(ids, real)[0], model.embedding(ids))


def test_a_convolution_by_hand() -> None:
    """One filter of width 2 over an embedding of width 1."""
    fields = {"embedding_size": 1, "num_filters": 1, "filter_sizes": "2", "vocab_size": 3}
    model = CnnForSequenceClassification(CnnConfig(**fields)).eval()
    with torch.no_grad():
        model.embedding.weight[1:, 0] = torch.tensor([1.0, -3.0])
        model.convolutions[0].weight[0, 0] = torch.tensor([1.0, 2.0])
        model.convolutions[0].bias.fill_(0.5)
        model.classifier.weight[:, 0] = torch.tensor([1.0, -1.0])
        model.classifier.bias.zero_()
    # [2, 1]: windows (-3, 1) and (1, nothing): -3 + 2 + 0.5 = -0.5 and 1 + 0 + 0.5 = 1.5; the greater is 1.5.
    # [1, 2]: windows (1, -3) and (-3, nothing): 1 - 6 + 0.5 = -4.5 and -3 + 0.5 = -2.5; ReLU leaves 0.
    # The padded column starts no window: such a window would give the filter's bias, 0.5.
    ids, real = padded([[2, 1], [1, 2], [1, 2, 1]])
    assert model(ids, real).logits[:2].tolist() == [[1.5, -1.5], [0.0, 0.0]]


def test_a_recurrence_by_hand() -> None:
    """An LSTM with one unit per direction and all gates at 1/2, on the tokens 1, 2."""
    model = RnnForSequenceClassification(RnnConfig(embedding_size=1, hidden_size=1, num_layers=1, vocab_size=3)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.embedding.weight[1:, 0] = torch.tensor([1.0, -3.0])
        model.rnn.weight_ih_l0[2] = model.rnn.weight_ih_l0_reverse[2] = 1.0  # the cell's input; sigmoid(0) = 1/2
        model.classifier.weight.copy_(torch.eye(2))

    # c = c/2 + tanh(x)/2 token by token, and h = tanh(c)/2; forwards 1 then -3, backwards -3 then 1.
    def final(first: float, second: float) -> float:
        return math.tanh(math.tanh(first) / 4 + math.tanh(second) / 2) / 2

    ids, real = padded([[1, 2], [1, 2, 2, 2]])
    assert model(ids, real).logits[0].tolist() == pytest.approx([final(1, -3), final(-3, 1)], abs=1e-6)


@pytest.mark.parametrize("name", CONFIGS)
def test_losses(name: str) -> None:
    """Cross entropy for classes, squared error for one number, None without labels; other inputs are ignored."""
    ids, real = padded(ROWS)
    model = network(name)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.zero_()
    # Three equal logits: -ln(1/3). The row labelled -100 does not count.
    outputs = model(ids, real, torch.tensor([0, 1, 2, -100]), token_type_ids=torch.zeros_like(ids))
    assert outputs.loss.item() == pytest.approx(math.log(3))
    assert model(input_ids=ids, attention_mask=real).loss is None
    numbers = network(name, num_labels=1, problem_type="regression")
    with torch.no_grad():
        numbers.classifier.weight.zero_()
        numbers.classifier.bias.fill_(1.0)
    # Errors 1, 0, 1, 2: mean square 6/4.
    assert numbers(ids, real, torch.tensor([0, 1, 2, 3])).loss.item() == pytest.approx(1.5)


@pytest.mark.parametrize("name", CONFIGS)
def test_weights_follow_the_seed(name: str) -> None:
    """Equal seeds give equal weights. Padding starts at zero, the forget gates of an LSTM at 1."""
    once, again, other = (network(name, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(once[key], again[key]) for key in once)
    assert not torch.equal(once["embedding.weight"], other["embedding.weight"])
    assert once["embedding.weight"][0].eq(0).all()
    for key, bias in once.items():
        if key.startswith("rnn.bias_ih") and "lstm" in name:
            assert bias.tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10  # input, forget, cell and output gates


@pytest.mark.parametrize("name", CONFIGS)
def test_a_deep_copy_is_trained_independently(name: str) -> None:
    """Every parameter of the copy gets a gradient, except the padding's embedding; the original gets none."""
    model = network(name)
    duplicate = copy.deepcopy(model).train()
    duplicate(*padded(ROWS), torch.tensor([0, 1, 2, 0])).loss.backward()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in duplicate.parameters())
    assert duplicate.get_input_embeddings().weight.grad[0].eq(0).all()


@pytest.mark.parametrize("name", CONFIGS)
def test_the_vocabulary_can_grow(name: str) -> None:
    """New tokens get embeddings, and the old embeddings do not change."""
    model = network(name)
    before = model(*padded(ROWS)).logits
    model.resize_token_embeddings(20)
    assert model.config.vocab_size == 20
    assert torch.equal(model(*padded(ROWS)).logits, before)
    assert model(torch.tensor([[19]])).logits.isfinite().all()


@pytest.mark.parametrize("name", CONFIGS)
def test_a_folder_loads_with_kotune(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loaded model has this module's classes and equal weights, and transformers does not ask for trust."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked for trust"))
    model = network(name)
    model.save_pretrained(tmp_path)
    assert (tmp_path / "networks.py").read_bytes() == Path(networks.__file__).read_bytes()
    for trust in (None, True):
        loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path, trust_remote_code=trust)
        assert type(loaded) is type(model)
        assert loaded.state_dict().keys() == model.state_dict().keys()
        assert all(torch.equal(loaded.state_dict()[key], tensor) for key, tensor in model.state_dict().items())
        # Copied, because weights that are not aligned in a mapped file may give another last bit.
        assert torch.equal(copy.deepcopy(loaded)(*padded(ROWS)).logits, model(*padded(ROWS)).logits)


LOAD_WITHOUT_KOTUNE = """
import json, sys
for package in ("foundation", "trainables", "search_spaces", "corpora", "tuning", "delivery", "cli"):
    sys.modules[package] = None  # importing it fails even if it is installed
import torch
from transformers import AutoModelForSequenceClassification
results = {}
for folder in sys.argv[1:]:
    model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
    logits = model(torch.tensor([[3, 4, 5], [6, 0, 0]]), torch.tensor([[1, 1, 1], [1, 0, 0]])).logits
    results[folder] = [type(model).__module__, logits.tolist()]
print(json.dumps(results))
"""


def test_a_folder_loads_without_kotune(tmp_path: Path) -> None:
    """A process that cannot import kotune runs the folder's copy of this module and computes the same logits."""
    models = {str(tmp_path / name): network(name) for name in ("rnn-lstm-last", "cnn")}
    for folder, model in models.items():
        model.save_pretrained(folder)
    environment = {"HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(tmp_path / "modules"), "PYTHONPATH": ""}
    process = subprocess.run(
        [sys.executable, "-c", LOAD_WITHOUT_KOTUNE, *models],
        env={**os.environ, **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    results = json.loads(process.stdout)
    assert len({module for module, _ in results.values()}) == 2  # each folder runs its own copy
    for folder, (module, logits) in results.items():
        assert module.startswith("transformers_modules.")
        expected = models[folder](torch.tensor([[3, 4, 5], [6, 0, 0]]), torch.tensor([[1, 1, 1], [1, 0, 0]])).logits
        assert torch.allclose(torch.tensor(logits), expected, rtol=0, atol=1e-6)


def test_the_module_imports_nothing_of_kotune() -> None:
    """It imports only the standard library, torch and transformers; otherwise its copies could not run."""
    packages = set()
    for node in ast.walk(ast.parse(Path(networks.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            packages.add(str(node.module).split(".")[0])
    assert packages <= sys.stdlib_module_names | {"torch", "transformers"}


@pytest.mark.parametrize("sizes", ["3-4-5", [3, 4, 5], (3, 4, 5)])
def test_filter_sizes(sizes: Any) -> None:
    """Text or whole numbers, stored as text."""
    config = CnnConfig(filter_sizes=sizes)
    assert config.filter_sizes == "3-4-5"
    assert config.widths == [3, 4, 5]
    assert CnnConfig(filter_sizes="2").widths == [2]


@pytest.mark.parametrize(
    ("kind", "fields", "problem"),
    [
        (RnnConfig, {"hidden_size": 0}, "hidden_size 0 is not a whole number from 1 up"),
        (RnnConfig, {"num_layers": 1.5}, "num_layers 1.5 is not a whole number from 1 up"),
        (RnnConfig, {"cell": "abc"}, "cell 'abc' is not one of lstm, gru"),
        (RnnConfig, {"pooling": "sum"}, "pooling 'sum' is not one of last, max, mean"),
        (RnnConfig, {"bidirectional": "no"}, "bidirectional 'no' is not true or false"),
        (RnnConfig, {"dropout": 1}, "dropout 1 is not a number from 0 to below 1"),
        (RnnConfig, {"num_labels": 0}, "num_labels 0 is not a whole number from 1 up"),
        (CnnConfig, {"embedding_size": True}, "embedding_size True is not a whole number from 1 up"),
        (CnnConfig, {"embedding_dropout": -0.1}, "embedding_dropout -0.1 is not a number from 0 to below 1"),
        (CnnConfig, {"filter_sizes": "3-x"}, "filter_sizes '3-x' is not a whole number from 1 up, or several"),
        (CnnConfig, {"filter_sizes": []}, "filter_sizes '' is not"),
        (CnnConfig, {"filter_sizes": [3, 0]}, "filter_sizes '3-0' is not"),
        (
            CnnConfig,
            {"problem_type": "multi_label_classification"},
            "is not single_label_classification, with num_labels 2",
        ),
    ],
)
def test_invalid_fields_are_refused(kind: Any, fields: dict[str, Any], problem: str) -> None:
    """The message states the value and what is allowed."""
    with pytest.raises(ValueError, match=problem):
        kind(**fields)


def test_all_problems_are_reported_at_once() -> None:
    """Three invalid fields give one error with all of them."""
    with pytest.raises(ValueError, match=r"^RnnConfig: hidden_size 0 .*; dropout 2 .*; cell 'abc' is"):
        RnnConfig(hidden_size=0, dropout=2, cell="abc")
