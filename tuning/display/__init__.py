"""WHAT a person sees while a search runs.

What a person reads after it belongs in `delivery`.

    live: What a person sees while a search runs: a live table on a terminal, plain lines anywhere else, or nothing
    progress: A search as one snapshot: its trials, the best of them, the time left, and each of these in few words
    table: Draws a snapshot of a search with rich: headline, table, and what had no room, as wide and high as
"""
