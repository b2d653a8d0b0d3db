"""WHAT all packages stand on: errors, secrets, safe paths, checked JSON, durable files, buckets.

Nothing here knows what a study, a trial or a model is, and nothing here imports another package of kotune.

    buckets: Where files lie: a folder of this machine, or a place in a bucket (`s3://BUCKET/…`, `gs://BUCKET/…`)
    checked_json: Reads JSON that kotune wrote itself; what was damaged since is told with the file and the place in it
    durable: Files that are there whole or not at all, also after the power went
    errors: The mistakes a user can make, said in three parts: what was given, what is allowed, what to do
    formatting: Numbers, durations and texts as people read them
    safe_paths: Folders that others may have made: names in their files stay names, and links lead nowhere else
    secrets: Keeps keys and tokens out of everything that is written or shown: logs, records, summaries, model
    statuses: The status of a trial: the one list that records, schedulers, displays and reports read
"""
