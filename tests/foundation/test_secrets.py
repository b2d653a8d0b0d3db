"""Secrets are redacted, and nothing else."""

from __future__ import annotations

import pytest

from foundation.errors import UserError, UserErrors
from foundation.secrets import redact, redacted

HUB = "hf_" + "aB3" * 11 + "x"
AWS = "AKIA" + "ABCDEFGH12345678"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://me:pass@word/1@db.example/optuna", "pass"),
        ("postgresql://me:pass@word/1@db.example/optuna", "word/1"),
        ("https://x-oauth@git.example/model", "x-oauth"),
        ("no such file: https://h.example/train.csv?token=abc123&rows=5", "abc123"),
        ("s3://bucket/a?X-Amz-Signature=deadbeef", "deadbeef"),
        ("s3://bucket/a?AWSAccessKeyId=whatever&Signature=sig=", "sig"),
        (f"model {HUB!r} cannot be loaded", HUB),
        (f"s3://{AWS}:se/cr+et@bucket", "se/cr+et"),
        (f"key {AWS}", AWS),
        ("WANDB_API_KEY=0123456789abcdef", "0123456789abcdef"),
        ('{"aws_secret_access_key": "abcd/efgh"}', "abcd/efgh"),
        ("api_key: 12345", "12345"),
        ("Authorization: Bearer 0123456789abcdef0123", "0123456789abcdef0123"),
        ("wandb_v1_" + "a1" * 20, "a1a1"),
    ],
)
def test_secrets_are_recognized_by_their_form(text: str, secret: str) -> None:
    """Three asterisks replace a secret."""
    assert secret in text
    assert secret not in redact(text)
    assert "***" in redact(text)
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "rouge_sum (kiwi-morphemes (kiwipiepy 0.24.1, model 0.24.0)) 1.0889",
        "sha256 `" + "0123456789abcdef" * 4 + "`",
        "runs/.cache/models--digit82--kobart/snapshots/" + "0123456789" * 4,  # a path that is read back
        "pad_token: <pad>, max_new_tokens=80, special_tokens: ['#Person1#']",
        "tokenizer = AutoTokenizer.from_pretrained('hf_model')",
        "optuna-dashboard sqlite:///runs/study/optuna.db",
        "https://arxiv.org/abs/2005.03510, me@example.org",
        "학습률 3e-4 @ epoch 2: token accuracy 0.5",
        "the key 'learning_rate' stands here twice",
        "key: value",
    ],
)
def test_other_texts_stay(text: str) -> None:
    """Paths, hashes, and tokens in the sense of NLP."""
    assert redact(text) == text


def test_values_of_secret_variables_are_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their form; an empty or short value is ignored."""
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    monkeypatch.setenv("HF_TOKEN", "no")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "")
    assert redact(f"refused: {'0123456789' * 4}, no access") == "refused: ***, no access"


def test_nested_values_are_redacted() -> None:
    """Numbers, flags and None stay; a key that names a secret hides its value."""
    value = {"a": [{"model": f"x {HUB}"}, 1, None, True], "b": ("t",), "password": "short", "hf_token": "t"}
    expected = {"a": [{"model": "x ***"}, 1, None, True], "b": ["t"], "password": "***", "hf_token": "***"}
    assert redacted(value) == expected
    config = {"learning_rate": 1e-4, "tokenizer": "unigram", "special_tokens": ["a"], "remove_tokens": []}
    assert redacted(config) == config


def test_messages_contain_no_secret() -> None:
    """A message quotes user input, which may be a URL with a password."""
    one = UserError("--storage s3://me:pass@bucket", "a folder", "not s3://me:pass@bucket")
    assert "pass" not in str(one)
    assert "pass" not in str(UserErrors([one, one]))
