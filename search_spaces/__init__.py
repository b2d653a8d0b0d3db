"""What to search: the shipped YAML files, and the schema that reads and checks them.

How a trial uses a value belongs in `trainables`; how values are proposed belongs in `tuning`.

    baseline_configs: Translates configuration files of other programs into search spaces.
    baseline_keys: The keys of these files: how each value is read and translated.
    checks: Checks between keys: conditions, epochs, data, metric.
    choices: The values of every setting that is a choice, one enum each.
    draft: Merges the layers of a search space and collects their problems.
    names: Names of keys and parameters: familiar ones of other programs, and hints for unknown ones.
    parsing: Parses ranges in YAML files and in `--range`.
    ranges: Ranges of searched parameters: numbers or choices, with a default and a condition.
    readers: Readers of single settings, each with a description of what is allowed.
    resolve: Loads search spaces, makes their paths absolute, and resolves them with the options of the command line.
    schema: The schema of a resolved search space: every key with its unit, its default and its reader.
    values: Reads single values as users write them.
"""
