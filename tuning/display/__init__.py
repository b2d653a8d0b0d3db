"""Shows the progress of a search to a person.

What a trial or a study is belongs in `tuning.studies`; the last lines of a session belong in `delivery`.

    live: Views of a running search: a live table on a terminal, plain lines elsewhere, or nothing.
    progress: A snapshot of a search: its trials, the best one, the time left, and short texts for each.
    table: Draws a snapshot of a search with rich, in the size of the terminal.
"""
