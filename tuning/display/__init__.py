"""Shows the progress of a search to a person.

What a trial or a study is belongs in `tuning.studies`; the last lines of a session belong in `delivery`.

    live: Views of a running search: a live table on a terminal, plain lines elsewhere, or nothing.
    lines: Shows a running search as plain lines, one per event.
    progress: A snapshot of a search: its trials, their steps, the best one, and short texts for each.
    time_left: How long a search still takes, from the steps that are left and the speed of those that were timed.
    table: Draws a snapshot of a search with rich, in the size of the terminal.
"""
