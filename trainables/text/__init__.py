"""Text as token ids and back: encoding, word tokenizers, decoding parameters, the tokenizers that count ROUGE.

What is predicted from text and how it is scored belong in `trainables.tasks`.

    coverage: Shares of unknown tokens, and of different texts with the same tokens
    decoding: Decoding parameters of a trial in the generation config of its model
    encoding: Texts as token ids, with beginning and end tokens, and back
    languages: Source and target languages of multilingual models
    rouge_tokenizers: The tokenizers whose tokens ROUGE and BLEU count
    subword_tokenizers: Tokenizers of subwords, which are trained for models with fresh weights
    word_tokenizers: Tokenizers of whole words or morphemes, which are trained for the small networks
"""
