"""WHAT to learn from: reading, splitting and filtering tables of texts, and their tokenised form on disk.

Tasks and models do not belong here: a corpus is rows with the roles source, pair and target.

    encodings: Tells how the bytes of a Korean text file are encoded: UTF-8, UTF-16 or UTF-32 with a BOM, or CP949
    filters: Filters of training rows: each says how many rows it took, and shows some of them
    fingerprint: Names for content: the key of a cache entry, and the hash of a file
    reading: Read one table of texts exactly: every row of the file is either returned or refused with its line number
    records: Cuts the text of a table into records, each with its line number: comma or tab separated, or JSON lines
    splits: The train, dev and test rows of a study, and what can be said of them
    splitting: Cut a part off a table so that no rows that share a text stand on both sides
    tokenised: Tables of tokenised rows, made once, kept by content, read memory-mapped by every worker
"""
