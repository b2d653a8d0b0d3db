"""Damages every file of a study, its base model, its cache and its exported folders, and runs every command on them.

__main__: The command: all pairs of a damage and a command, counted by what they gave
damages: What may happen to a file
outcomes: Runs one command in a process of its own, and judges what it gave
workspace: A finished study with exported folders, and the commands that read each of its files
"""
