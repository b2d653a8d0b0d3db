"""Malformed options of resume, export, predict, evaluate, ensemble, models and spaces."""

from __future__ import annotations

from tests.bad_inputs.cases import Bad

LONG = "가" * 300


def usage(command: str, *says: str) -> Bad:
    """Returns a command that is refused while its options are parsed."""
    return Bad(command, says, parts=("Usage:",))


#: What is wrong -> the input.
OTHER_COMMANDS = {
    "train: no rows": usage("train rnn --rows 0", "--rows"),
    "train: a range": usage("train rnn --range learning_rate=log:1e-5:1e-3", "--range"),
    "train: a checkpoint that is none": Bad("train rnn --resume-from nowhere", ("nowhere is no complete checkpoint",)),
    "train: an unknown key": Bad("train rnn --set lerning_rate=1", ("did you mean 'learning_rate'?",)),
    "train: a study above": Bad("train rnn --study ../up", ("--study '../up'",)),
    "resume: fewer trials than there are": Bad(
        "resume mine --trials 0", ("--trials 0", "study 'mine' has 1 trial"), needs=("runs/mine",)
    ),
    "resume: trials below nothing": Bad("resume mine --trials=-1", ("--trials -1",), needs=("runs/mine",)),
    "resume: a budget that is no time": Bad(
        "resume mine --time-budget soon", ("--time-budget 'soon'",), needs=("runs/mine",)
    ),
    "resume: an empty budget": Bad("resume mine --time-budget ''", ("--time-budget",), needs=("runs/mine",)),
    "resume: no study": usage("resume", "Missing argument 'study'"),
    "export: a folder that is there": Bad(
        "export mine --out here", ("here already exists",), {"here/precious": "kept"}, ("runs/mine",)
    ),
    "export: below a file": Bad(
        "export mine --out here/deep", ("--out here/deep", "is a file"), {"here": ""}, ("runs/mine",)
    ),
    "export: a name without end": Bad(f"export mine --out {LONG}", ("--out",), needs=("runs/mine",)),
    "predict: an empty batch": usage("predict models/classifier in.tsv --batch-size 0", "--batch-size"),
    "predict: no class": usage("predict models/classifier in.tsv --top-k 0", "--top-k"),
    "predict: more classes than there are": Bad(
        "predict models/classifier in.tsv --top-k 3",
        ("--top-k 3", "1 to 2"),
        {"in.tsv": "좋아요\n"},
        ("models/classifier",),
    ),
    "predict: classes of a writer": Bad(
        "predict models/writer in.csv --probabilities",
        ("--probabilities has no meaning",),
        {"in.csv": "x"},
        ("models/writer",),
    ),
    "predict: decimals of a classifier": Bad(
        "predict models/classifier in.tsv --decimals 2",
        ("--decimals has no meaning",),
        {"in.tsv": "x"},
        ("models/classifier",),
    ),
    "predict: one name for two columns": Bad("predict models/none in.tsv --header id", ("--header 'id'",)),
    "predict: an empty header": Bad("predict models/none in.tsv --header ''", ("--header ''",)),
    "predict: a header for lines": Bad("predict models/none --header a,b", ("--header with lines of standard input",)),
    "predict: no folder for the output": Bad(
        "predict models/none in.tsv --out none/out.csv", ("there is no folder none",)
    ),
    "predict: an output that is a folder": Bad(
        "predict models/none in.tsv --out here", ("--out here is a folder",), {"here/a": ""}
    ),
    "predict: an output without end": Bad(f"predict models/none in.tsv --out {LONG}", ("--out",)),
    "predict: beams below nothing": Bad(
        "predict models/writer in.csv --set num_beams=-1", ("num_beams",), {"in.csv": "x"}, ("models/writer",)
    ),
    "predict: beams of a word": Bad(
        "predict models/writer in.csv --set num_beams=many", ("num_beams",), {"in.csv": "x"}, ("models/writer",)
    ),
    "predict: an unknown key": Bad(
        "predict models/writer in.csv --set num_beems=2",
        ("num_beems", "did you mean 'num_beams'?"),
        {"in.csv": "x"},
        ("models/writer",),
    ),
    "predict: decoding of a classifier": Bad(
        "predict models/classifier in.tsv --set num_beams=2",
        ("num_beams: not an option of a trained model",),
        {"in.tsv": "x"},
        ("models/classifier",),
    ),
    "predict: no key": Bad("predict models/none in.tsv --set num_beams", ("--set num_beams has no KEY=",)),
    "predict: no model": usage("predict", "Missing argument 'model_dir'"),
    "evaluate: no file": usage("evaluate models/writer", "--data"),
    "evaluate: a picture without classes": Bad(
        "evaluate models/writer --data in.csv --picture a.png",
        ("--picture a.png: this model has no classes",),
        {"in.csv": "x"},
        ("models/writer",),
    ),
    "evaluate: a picture in no folder": Bad(
        "evaluate models/none --data in.csv --picture none/a.png", ("there is no folder none",)
    ),
    "ensemble: one member": Bad(
        "ensemble models/classifier --out both", ("an ensemble of one model",), needs=("models/classifier",)
    ),
    "ensemble: a writer": Bad(
        "ensemble models/classifier models/writer --out both",
        ("models/writer is a model for seq2seq",),
        needs=("models/classifier", "models/writer"),
    ),
    "ensemble: an output that is there": Bad(
        "ensemble models/classifier models/classifier --out models",
        ("models already exists",),
        needs=("models/classifier",),
    ),
    "ensemble: nobody": Bad(
        "ensemble here there --out both", ("here: neither a study in runs nor an exported folder",)
    ),
    "ensemble: a member without end": Bad(f"ensemble {LONG} {LONG} --out both", ("neither a study in runs nor",)),
    "ensemble: no output": usage("ensemble a b", "--out"),
    "models: a model for a folder": Bad(
        "models models/classifier --model scratch:tiny", ("--model beside the folder",), needs=("models/classifier",)
    ),
    "models: more frozen than there is": Bad(
        "models rnn --model scratch:tiny --freeze-layers 99", ("freeze_layers: 99",)
    ),
    "models: frozen below nothing": usage("models rnn --freeze-layers=-1", "--freeze-layers"),
    "models: an unknown space": Bad("models nowhere", ("there is no search space 'nowhere'",)),
    "models: a name without end": Bad(f"models {LONG}", ("there is no search space",)),
    "spaces: an argument": usage("spaces rnn", "rnn"),
}
