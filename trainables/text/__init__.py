"""Text as token ids and back: encoding, word tokenizers, decoding parameters, the tokenizers that count ROUGE.

What is predicted from text, and how it is scored, belongs in `trainables.tasks`.

    decoding: How an encoder-decoder writes: a trial's own decoding parameters in its generation config
    encoding: Texts as token ids, closed by the tokenizer's own ends, and back
    rouge_tokenizers: The tokenizers that ROUGE and BLEU count with; each carries its name and version
    word_tokenizers: Tokenizers of whole words or morphemes, trained for the small networks
"""
