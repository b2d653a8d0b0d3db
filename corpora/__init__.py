"""Training data: reading, filtering and splitting of text tables, and their tokenized form on disk.

Tasks and models do not belong here: a corpus is rows with the roles source, pair and target.

    encodings: Detects the encoding of a Korean text file: UTF-8, UTF-16 or UTF-32 with a BOM, or CP949.
    filters: Filters of training rows, with a report of what each filter removed.
    fingerprint: Content hashes: keys of cache entries, and hashes of files.
    reading: Reads a table of texts; every row is returned or refused with its line number.
    records: Splits the text of a table into records with line numbers: comma, tab or JSON lines.
    same_text: When two texts are the same: equal up to Unicode composition, case and whitespace.
    splits: Reads the train, dev and test rows of a study.
    splitting: Splits off a part of the rows so that no text is on both sides.
    tokenised: Cached tables of tokenized rows, read memory-mapped by every worker.
"""
