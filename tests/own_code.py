"""A model folder with its own Python code, like many models of the hub; the code creates a marker file when it runs."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from trainables.text.word_tokenizers import train_words

_CONFIG = """\
from pathlib import Path
from transformers import PreTrainedConfig

Path({mark!r}).touch()

class OwnConfig(PreTrainedConfig):
    model_type = "own-words"

    def __init__(self, vocab_size=64, width=8, **rest):
        self.vocab_size, self.width = vocab_size, width
        super().__init__(**rest)
"""

_MODEL = """\
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput
from .own_config import OwnConfig

class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.width)
        self.classifier = nn.Linear(config.width, config.num_labels)
        self.post_init()

    def get_input_embeddings(self):
        return self.words

    def forward(self, input_ids, attention_mask=None, labels=None, **ignored):
        return SequenceClassifierOutput(logits=self.classifier(self.words(input_ids).mean(dim=1)))
"""

_TOKENIZER = """\
from transformers import PreTrainedTokenizerFast

class OwnTokenizer(PreTrainedTokenizerFast):
    pass
"""


def make_own_code(folder: Path, mark: Path) -> Path:
    """Creates the folder and returns it. Importing its configuration creates the file `mark`."""
    folder.mkdir(parents=True)
    numbers = " ".join(map(str, range(24)))
    words = train_words([f"가 나 다 라 마 바 사 train dev {numbers}"], 40)
    words.save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "OwnTokenizer", "auto_map": {"AutoTokenizer": [None, "own_tokenizer.OwnTokenizer"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    named = {"AutoConfig": "own_config.OwnConfig", "AutoModelForSequenceClassification": "own_model.OwnModel"}
    config = {"model_type": "own-words", "vocab_size": len(words), "width": 8, "pad_token_id": 0, "auto_map": named}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own_config.py").write_text(_CONFIG.format(mark=str(mark)))
    (folder / "own_model.py").write_text(_MODEL)
    (folder / "own_tokenizer.py").write_text(_TOKENIZER)
    weights = {"words.weight": (len(words), 8), "classifier.weight": (2, 8), "classifier.bias": (2,)}
    save_file({name: torch.zeros(shape) for name, shape in weights.items()}, folder / "model.safetensors")
    return folder
