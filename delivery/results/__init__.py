"""WHAT came out of a study, as data: its summary.

Lines for people and folders for others are made of it elsewhere.

    output_paths: Looks at where a result is to go before the work that makes it
    summary: What came out of a study: one JSON object, and the lines a person reads
"""
