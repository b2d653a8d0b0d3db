"""WHAT to search: YAML files, and the schema that checks them.

What a trial does with a value belongs in `trainables`; how values are proposed belongs in `tuning`.

    baseline_configs: Other people's configuration files as the base of a search: translated key by key, each
    baseline_keys: Every key of other people's configuration files: how its value is read, and what it is in
    checks: What must hold between the keys of a search space: conditions, epochs, data, metric
    choices: The values of every setting that is a choice, one enum each.
    draft: A search space while it is put together, layer over layer, with every problem met on the way
    parsing: Reads ranges as people write them: the mappings of a YAML file and the one word of `--range`
    paths: Makes the file paths of a search space absolute, so that a study can be resumed from any folder.
    ranges: What a searched parameter may be: a range of numbers or a choice, its default, and when it exists
    readers: What a setting may hold: readers of single values, each with the words that say what it takes
    resolve: From a name or a file to a checked space: shipped files, layers, and what the command line overrides
    schema: A search space after all checks: every key, its unit, its default, and how its value is read
    values: One value as people write it, in YAML or on the command line: read it, or say what is allowed instead
"""
