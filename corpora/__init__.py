"""Training data: reading, filtering and splitting of text tables, and their tokenized form on disk.

Tasks and models do not belong here: a corpus is rows with the roles source, pair and target.

    classes: Classes in the target column: what the counts reveal about wrong files, and the counts for the user.
    data_files: Data files that are read in pieces, as often as needed, and must not change between two readings.
    encodings: Detects the encoding of a Korean text file: UTF-8, UTF-16 or UTF-32 with a BOM, or CP949.
    file_types: Files that have no format kotune reads: what they are, and how to convert them.
    filters: Filters of training rows, with a report of what each filter removed.
    fingerprint: Content hashes: keys of cache entries, and hashes of files.
    json_records: Reads the records of JSON: one object per line, or an array of objects.
    lines: The lines of a text file, one at a time; a line that never ends does not fill the memory.
    names: Texts and column names as they are compared and shown.
    parquet_records: Reads the records of a Parquet file with pyarrow.
    reading: Reads a table of texts; every row is returned or refused with its line number.
    records: Splits the text of a table with commas or tabs into records with line numbers.
    references: Several targets of one row: dev and test files of generation tasks may have a column for each.
    same_text: When two texts are the same: equal up to Unicode composition, case and whitespace.
    splits: Reads the train, dev and test rows of a study.
    splitting: Splits off a part of the rows so that no text is on both sides.
    table_rows: The rows of a table by role, made of its records; what is wrong with those that cannot be used.
    table_streams: A table of texts that is checked once, and then read a row at a time.
    tokenised: Cached tables of tokenized rows, read memory-mapped by every worker.
"""
