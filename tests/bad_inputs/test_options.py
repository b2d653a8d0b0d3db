"""Malformed options: the message names the option and its value, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_inputs.cases import Bad
from tests.bad_inputs.other_commands import LONG, OTHER_COMMANDS, usage

_TUNE = "tune rnn"


def _tune(options: str, *says: str, space: str = "rnn", parts: tuple[str, ...] = ("allowed:", "to do:")) -> Bad:
    return Bad(f"tune {space} {options}", says, parts=parts)


def _a_file_called_runs(folder: Path) -> None:
    (folder / "runs").write_text("")


#: What is wrong -> the input.
CASES = {
    # numbers
    "no trials": _tune("--trials 0", "--trials 0"),
    "trials below nothing": _tune("--trials -3", "--trials -3"),
    "trials without end": _tune("--trials 99999999999999999999", "--trials 99999999999999999999"),
    "trials for years": _tune("--set budget.trials=1e18", "budget.trials"),
    "epochs for years": _tune("--set num_train_epochs=1e300", "num_train_epochs: 1e+300"),
    "a vocabulary without end": _tune("--set vocabulary=99999999999", "vocabulary: 99999999999"),
    "evaluations without end": _tune("--set eval_every=1e-12", "eval_every"),
    "too many evaluations": _tune("--set eval_every=1e-5", "evaluations", "at most 10,000"),
    "a grace of nothing": _tune("--set scheduler.grace=1e-300", "scheduler.grace"),
    "loading processes without end": _tune("--set dataloader_num_workers=100000", "dataloader_num_workers: 100000"),
    "beams without end": _tune("--set num_beams=1e9", "num_beams: 1000000000.0", space="kobart"),
    "texts without end": _tune("--set max_new_tokens=1e15", "max_new_tokens: 1000000000000000.0", space="kobart"),
    "arguments of a scheduler that are none": _tune("--set lr_scheduler_kwargs=5", "lr_scheduler_kwargs"),
    "20,000 options": _tune(
        f"--range learning_rate=choice:{','.join(map(str, range(1, 20_001)))}", "the choice has 20,000 options"
    ),
    "an empty address": _tune("--address ''", "--address is empty"),
    "a folder of the kernel": _tune("--storage /proc/here", "--storage /proc/here: /proc cannot be written"),
    "half a trial": usage("tune rnn --trials 1.5", "--trials", "valid integer"),
    "a word for trials": usage("tune rnn --trials many", "--trials", "valid integer"),
    "a seed below nothing": _tune("--seed -1", "--seed -1"),
    "a seed of more than 32 bits": _tune("--seed 4294967296", "--seed 4294967296"),
    "no slots": _tune("--slots 0", "--slots 0"),
    "more slots than fit": _tune("--slots 4096", "--slots 4096"),
    "no workers": _tune("--workers-per-trial 0", "--workers-per-trial 0"),
    "more workers than there are": _tune("--workers-per-trial 4096", "one trial needs 4096 worker"),
    "GPUs below nothing": _tune("--gpus-per-worker -1", "--gpus-per-worker -1"),
    "GPUs that are no number": _tune("--gpus-per-worker nan", "--gpus-per-worker nan"),
    "two GPUs for a worker": _tune("--gpus-per-worker 2", "2 GPUs per worker"),
    "half a GPU for each of two": _tune(
        "--gpus-per-worker 0.5 --workers-per-trial 2", "2 workers per trial with 0.5 GPU"
    ),
    "no CPU": _tune("--cpus-per-worker 0", "--cpus-per-worker 0"),
    "CPUs without end": _tune("--cpus-per-worker inf", "--cpus-per-worker inf"),
    "hardly a CPU": _tune("--cpus-per-worker 1e-300", "--cpus-per-worker 1e-300"),
    "epochs below nothing": _tune("--set num_train_epochs=-1", "num_train_epochs"),
    "no epochs": _tune("--set num_train_epochs=0", "num_train_epochs"),
    "epochs of NaN": _tune("--set num_train_epochs=.nan", "num_train_epochs"),
    "epochs without end": _tune("--set num_train_epochs=.inf", "num_train_epochs"),
    "a word for epochs": _tune("--set num_train_epochs=many", "num_train_epochs: 'many'"),
    "a learning rate below nothing": _tune("--set learning_rate=-1e-3", "learning_rate"),
    "a learning rate of NaN": _tune("--set learning_rate=.nan", "learning_rate"),
    "a batch of no rows": _tune("--set per_device_train_batch_size=0", "per_device_train_batch_size"),
    "a batch of half rows": _tune("--set per_device_train_batch_size=2.5", "per_device_train_batch_size"),
    "a warm-up longer than the training": _tune("--set warmup_ratio=1.5", "warmup_ratio"),
    "weight decay below nothing": _tune("--set weight_decay=-0.1", "weight_decay"),
    "a dropout above one": _tune("--set model.dropout=1.5", "model.dropout = 1.5"),
    "a hidden size below nothing": _tune("--set model.hidden_size=-64", "model.hidden_size"),
    "no tokens": _tune("--set max_source_length=0", "max_source_length"),
    "no vocabulary": _tune("--set vocabulary=0", "vocabulary"),
    "a vocabulary of words": _tune("--set vocabulary=large", "vocabulary"),
    "a dev share of all": _tune("--set data.dev_share=1", "data.dev_share"),
    "a reduction factor of one": _tune("--set scheduler.reduction_factor=1", "scheduler.reduction_factor"),
    "a grace longer than the training": _tune("--set scheduler.grace=100", "scheduler.grace is 100"),
    "beams below nothing": _tune("--set num_beams=-1", "num_beams", space="kobart"),
    "smoothing above one": _tune("--set label_smoothing_factor=2", "label_smoothing_factor"),
    "a beta of one": _tune("--set adam_beta2=1", "adam_beta2: 1", "below 1"),
    "an epsilon below nothing": _tune("--set adam_epsilon=-1e-8", "adam_epsilon"),
    "a clip below nothing": _tune("--set max_grad_norm=-1", "max_grad_norm"),
    "a temperature of nothing": _tune("--set temperature=0 --set do_sample=true", "temperature", space="kobart"),
    "a nucleus of more than all": _tune("--set top_p=2 --set do_sample=true", "top_p", space="kobart"),
    "a repetition penalty below nothing": _tune("--set repetition_penalty=-1", "repetition_penalty", space="kobart"),
    "repeated words of a negative number": _tune(
        "--set no_repeat_ngram_size=-2", "no_repeat_ngram_size", space="kobart"
    ),
    "more groups of beams than beams": _tune(
        "--set num_beams=2 --set num_return_sequences=4", "num_return_sequences", space="kobart", parts=()
    ),
    "an accumulation of nothing": _tune("--set gradient_accumulation_steps=0", "gradient_accumulation_steps"),
    "patience below nothing": _tune("--set early_stopping_patience=-1", "early_stopping_patience"),
    "layers frozen that are not there": _tune("--set freeze_layers=99", "freeze_layers", space="kcbert"),
    # durations
    "a budget that is no time": _tune("--time-budget soon", "--time-budget soon"),
    "no time": _tune("--time-budget 0s", "--time-budget 0s"),
    "time below nothing": _tune("--time-budget=-5m", "--time-budget -5m"),
    "time in an order of its own": _tune("--time-budget 30m1h", "--time-budget 30m1h"),
    "weeks": _tune("--time-budget 2w", "--time-budget 2w"),
    "a clock": _tune("--time-budget 1:30", "--time-budget 1:30"),
    "empty time": _tune("--time-budget ''", "--time-budget"),
    "time with three points": _tune("--time-budget 1.2.3h", "--time-budget 1.2.3h"),
    "time without end": _tune("--time-budget inf", "--time-budget inf"),
    # ranges
    "a range upside down": _tune(
        "--range learning_rate=log:1e-3:1e-5", "--range learning_rate=log:1e-3:1e-5", "above the upper bound"
    ),
    "a range of one value": _tune("--range learning_rate=log:1e-3:1e-3", "both 0.001"),
    "a log range from nothing": _tune("--range learning_rate=log:0:1e-3", "cannot start at 0"),
    "a range of three bounds": _tune("--range learning_rate=log:1e-5:1e-4:1e-3", "3 bounds"),
    "a range of one bound": _tune("--range learning_rate=log:1e-5", "1 bounds"),
    "a range without bounds": _tune("--range learning_rate=log", "0 bounds"),
    "a range of words": _tune("--range learning_rate=float:low:high", "'low' is not a finite number"),
    "a range to infinity": _tune("--range learning_rate=float:0:inf", "inf"),
    "a range from NaN": _tune("--range learning_rate=float:nan:1", "nan"),
    "a range of no kind": _tune("--range learning_rate=1e-5:1e-3", "unknown kind"),
    "a range of an unknown kind": _tune("--range learning_rate=logg:1e-5:1e-3", "did you mean 'log'?"),
    "a range without a name": _tune("--range =float:0:1", "no NAME= before the range"),
    "a range without an equals sign": _tune("--range learning_rate", "no NAME= before the range"),
    "an empty range": _tune("--range ''", "--range", "no NAME="),
    "a step of nothing": _tune("--range per_device_train_batch_size=int:8:64:0", "step"),
    "a step larger than the range": _tune("--range per_device_train_batch_size=int:8:16:32", "step"),
    "a step below nothing": _tune("--range per_device_train_batch_size=int:8:64:-8", "step"),
    "whole numbers with a point": _tune(
        "--range per_device_train_batch_size=int:8.5:64", "'8.5' is not a whole number"
    ),
    "a choice of nothing": _tune("--range optim=choice:", "--range optim=choice:"),
    "a choice with a hole": _tune("--range optim=choice:adamw_torch,,adafactor", "item 2 is empty"),
    "a choice of thousands of digits": _tune(f"--range seed=choice:1,{'9' * 5000}", "--range seed=choice:1,999"),
    "a value of thousands of digits": _tune(f"--set seed={'9' * 5000}", "line 1", "cannot be read as int"),
    "a choice twice": _tune("--range optim=choice:adafactor,adafactor", "adafactor", "duplicate option"),
    "a choice of an unknown optimizer": _tune("--range optim=choice:adamw_torch,adamw_trch", "adamw_trch"),
    "an unknown parameter searched": _tune("--range lerning_rate=log:1e-5:1e-3", "did you mean 'learning_rate'?"),
    "a setting searched": _tune("--range seed=int:1:5", "seed"),
    "a range with an impossible end": _tune("--range num_train_epochs=int:-1:3", "num_train_epochs"),
    "a name of another script searched": _tune("--range 학습률=log:1e-5:1e-3", "unknown parameter '학습률'"),
    "dropout above one searched": _tune("--range model.dropout=float:0:1.5", "model.dropout = 1.5"),
    "too many tokenizers": _tune(
        "--range vocabulary=choice:" + ",".join(str(200 + step) for step in range(13)), "13 tokenizers"
    ),
    "tokenizers without end": _tune("--range vocabulary=int:200:2000", "vocabulary", "a choice"),
    # --set
    "an unknown key": _tune("--set lerning_rate=1e-4", "--set lerning_rate=1e-4", "did you mean 'learning_rate'?"),
    "a key of another script": _tune("--set 학습률=1e-4", "unknown parameter '학습률'"),
    "a key without a value": _tune("--set learning_rate", "no KEY= before the value"),
    "a value without a key": _tune("--set =3", "no KEY= before the value"),
    "nothing": _tune("--set ''", "no KEY= before the value"),
    "an open bracket": _tune("--set 'data.labels={0: 부정'", "--set data.labels={0: 부정, line 1"),
    "a key of a mapping twice": _tune("--set 'data.labels={0: 부정, 0: 긍정}'", "duplicate key '0'"),
    "a tag of YAML": _tune("--set 'seed=!!python/object/apply:os.system [ls]'", "--set seed=!!python", "line 1"),
    "an unknown anchor": _tune("--set 'seed=*nobody'", "--set seed=*nobody, line 1"),
    "a section for a value": _tune("--set budget=3", "--set budget=3"),
    "an unknown key of a section": _tune("--set budget.trails=3", "unknown key 'budget.trails'"),
    "a list for a number": _tune("--set 'seed=[1, 2]'", "seed is [1, 2]"),
    "a mapping for a parameter": _tune("--set 'learning_rate={a: 1}'", "learning_rate"),
    "a date for a number": _tune("--set 'seed=2026-01-02'", "seed is '2026-01-02'"),
    "what the search sets itself": _tune("--set output_dir=here", "output_dir"),
    "an unknown metric": _tune("--set metric=acuracy", "did you mean 'accuracy'?"),
    "a metric of another task": _tune("--set metric=bleu4", "metric is 'bleu4'"),
    "a metric turned round": _tune("--set mode=min", "mode is min", "maximum"),
    "an unknown scheduler": _tune("--set scheduler.name=hyperband", "scheduler.name is 'hyperband'"),
    "an unknown sampler": _tune("--set sampler.name=tpee", "did you mean 'tpe'?"),
    "an unknown optimizer": _tune("--set optim=adamw_trch", "adamw_trch"),
    "an unknown task": _tune("--set task=clasification", "task 'clasification' is unknown"),
    "an unknown architecture": _tune("--set architecture=rn", "architecture"),
    "an unknown sample": _tune("--set sample=review", "sample 'review' is unknown", "did you mean 'reviews'?"),
    "an unknown tokenizer kind": _tune("--set tokenizer_kind=bp", "tokenizer_kind"),
    "an unknown field of the model": _tune("--set model.dropot=0.1", "did you mean 'dropout'?"),
    "a field that the tokenizer decides": _tune("--set model.vocab_size=7", "model.vocab_size"),
    "an unknown size": _tune("--model scratch:hugh", "scratch:hugh", "scratch:tiny"),
    "a model that is nowhere": _tune("--model ./nowhere", "./nowhere"),
    "a model without a name": _tune("--model ''", "--model"),
    "a model with a name without end": _tune(f"--model {LONG}", LONG[:50]),
    "both limits of length": _tune("--set max_length=8 --set max_new_tokens=0", "max_new_tokens", space="kobart"),
    "a searched rate without effect": _tune(
        "--set optim=adafactor --set adafactor_own_rate=true", "learning_rate is searched beside adafactor_own_rate"
    ),
    "a tokenizer trained beside one given": _tune(
        "--tokenizer nowhere --set vocabulary=300", "vocabulary with --tokenizer"
    ),
    # files and names
    "dev without train": _tune("--dev dev.csv", "--train"),
    "test without train": _tune("--test test.csv", "--train"),
    "data beside the embedded data": _tune(
        "--train train.tsv --set data.embedded=true", "data.train together with the embedded data"
    ),
    "a study with a slash": _tune("--study a/b", "--study 'a/b'"),
    "a study above": _tune("--study ..", "--study '..'"),
    "a study without a name": _tune("--study ''", "--study ''"),
    "a study with a name without end": _tune(f"--study {LONG}", "--study"),
    "a study that is there": Bad(
        "tune rnn --study mine", ("study 'mine' is in runs already", "resume mine"), {"runs/mine/precious": "kept"}
    ),
    "a storage that is a file": Bad("tune rnn --storage runs", ("--storage runs",), damage=_a_file_called_runs),
    "a storage below a file": Bad("tune rnn --storage runs/deep", ("--storage runs/deep",), damage=_a_file_called_runs),
    "a storage without end": _tune(f"--storage {LONG}", "--storage"),
    "a storage of train that is a file": Bad(
        "train rnn --storage runs", ("--storage runs",), damage=_a_file_called_runs
    ),
    "an unknown space": _tune("", "there is no search space 'rn'", space="rn"),
    "an unknown option": usage("tune rnn --trails 3", "--trails"),
    "no space": usage("tune", "Missing argument 'space'"),
    "an unknown command": usage("tun rnn", "tun"),
    **OTHER_COMMANDS,
}


@pytest.mark.parametrize("name", CASES)
def test_a_malformed_option_is_refused(name: str, refused: Callable[[Bad], str]) -> None:
    """The message names the option as it was typed, or the key."""
    refused(CASES[name])
